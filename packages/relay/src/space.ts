/**
 * One open space: its head, its recent commits, and the sessions that read it.
 *
 * A session is never sent a commit: it is woken, and reads from its own position.
 */
import { type Clock, reportUncaught, type TidemarkError } from '@tidemark/base'
import type { Incarnation } from '@tidemark/protocol'
import { mergeGrouped } from '@tidemark/updates'
import * as decoding from 'lib0/decoding'
import { AwarenessRooms } from './awareness-rooms.ts'
import type { Committed } from './commit-queue.ts'
import type { RelayBounds } from './limits.ts'
import type { PurgedDocument, SpaceHistory } from './log.ts'
import { Ring, type RingChange } from './ring.ts'
import { SharedReads } from './shared-reads.ts'

/** A session of this space. */
export interface Member {
  /** There is something new to read. */
  wake(): void
  /** The space cannot serve any longer. */
  fail(error: TidemarkError): void
}

export class Space {
  readonly name: string
  readonly incarnations: readonly Incarnation[]
  readonly ring: Ring
  /** Reads of the log for its sessions. */
  readonly reads = new SharedReads()
  readonly rooms: AwarenessRooms
  readonly members = new Set<Member>()
  /** Bytes that the log has of it, as of the opening and what was accepted since. */
  bytes: number
  /** Commits on their way to the log. */
  inFlight = 0
  #head: number
  #failure: TidemarkError | null = null

  constructor(name: string, history: SpaceHistory, bounds: RelayBounds, clock: Clock) {
    this.name = name
    this.incarnations = history.incarnations
    this.#head = history.head
    this.bytes = history.bytes
    this.ring = new Ring(bounds)
    this.rooms = new AwarenessRooms(bounds, clock)
  }

  /** The last committed place. */
  get head(): number {
    return this.#head
  }

  /** Why the space ended, or null while it serves. */
  get failure(): TidemarkError | null {
    return this.#failure
  }

  /** Takes in what one append made durable here, in order of `seq`. */
  committed(batch: readonly Committed[]): void {
    const last = batch.at(-1)
    if (last === undefined) return
    const authors = new Set(batch.map(({ commit }) => commit.author))
    const [author = null] = authors
    const purged = purgedIn(batch)
    const gone = new Set(purged.map(({ number }) => number))
    const changes = mergeByDocument(batch.filter(({ place }) => !gone.has(place.number)))
    this.ring.add({ after: this.#head, seq: last.place.seq, changes, purged, author: authors.size === 1 ? author : null })
    this.#head = last.place.seq
    for (const member of this.members) member.wake()
  }

  fail(error: TidemarkError): void {
    if (this.#failure !== null) return
    this.#failure = error
    for (const member of [...this.members]) member.fail(error)
  }
}

const purgedIn = (batch: readonly Committed[]): PurgedDocument[] =>
  batch.flatMap(({ commit: { entry }, place }) => (entry.kind === 'purge' ? [{ number: place.number, document: entry.document }] : []))

/**
 * Updates of one document become one, as long as that is little work; what is beyond goes to the readers as it came. A batch
 * of a few large updates would otherwise hold everybody for as long as it takes to read them once more.
 */
function mergeByDocument(batch: readonly Committed[]): RingChange[] {
  const byNumber = new Map<number, { document: string; updates: Uint8Array[] }>()
  const rest: RingChange[] = []
  let bytes = 0
  let clients = 0
  for (const { commit, place } of batch) {
    const { document, update } = commit.entry
    const same = byNumber.get(place.number)
    bytes += update.length
    clients += decoding.readVarUint(decoding.createDecoder(update))
    // Nothing is merged behind what was not, so each document's updates stay in order.
    if (bytes > maxMerged.bytes || clients > maxMerged.clients) rest.push({ number: place.number, document, update })
    else if (same === undefined) byNumber.set(place.number, { document, updates: [update] })
    else same.updates.push(update)
  }
  const small = [...byNumber].flatMap(([number, { document, updates }]) => merged(updates).map((update) => ({ number, document, update })))
  return [...small, ...rest]
}

/** What is merged for the readers of one batch: bytes of updates, and the client ids that stand in front in each. */
export const maxMerged = { bytes: 64 << 10, clients: 4_096 } as const

/** One update, or, should merging ever fail, all of them: what is durable must reach its readers. */
function merged(updates: readonly Uint8Array[]): readonly Uint8Array[] {
  try {
    return [mergeGrouped(updates)]
  } catch (error) {
    reportUncaught(error)
    return updates
  }
}
