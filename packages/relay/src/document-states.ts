/**
 * The states of hot documents: what pushes are judged by, instead of a `Y.Doc`.
 *
 * Invariants
 * 1. A state includes everything that was accepted, so it runs ahead of the commit.
 * 2. A state with commits in flight is never evicted; so what is loaded from the log is never behind.
 * 3. Count and estimated bytes are bounded; the least recently used go first.
 */
import type { Clock } from '@tidemark/base'
import { type DocumentState, emptyState } from '@tidemark/updates'
import type { Guard, GuardIndex } from './guard.ts'
import type { RelayBounds } from './limits.ts'
import type { Log, Place } from './log.ts'
import type { Placed } from './placed.ts'
import type { TurnBudget } from './turn-budget.ts'
import { unpackState } from './work/packing.ts'
import { doJob, type Work } from './work/work.ts'

export interface HotDocument {
  readonly state: DocumentState
  /** Whether it was purged, or is being: nothing may come in any more. */
  isPurged: boolean
  /** Whether it was given up, because what it ran ahead to has failed: nothing may be taken by it any more. */
  isDropped: boolean
  /** The entries that stand; null where nobody watches over them. */
  readonly guard: GuardIndex | null
  /** Whose the client ids are that pushes have named; null for nobody's yet. */
  readonly owners: Map<number, string | null>
  /** Bytes that the log has of it, as of the loading and what was accepted since. */
  logBytes: number
  /** Commits accepted and not yet durable. */
  inFlight: number
  /** Settles with the last accepted commit; null when nothing was accepted since the state was loaded. */
  lastCommit: Promise<Place> | null
  readonly loadedAtMs: number
  /** Estimated bytes at the last look. */
  bytes: number
  /** How often it may change before the estimate is made again. */
  untilEstimate: number
}

export interface DocumentStates {
  readonly count: number
  readonly bytes: number
  /** The document's state; from the log when it is not hot. */
  get(space: string, document: string): HotDocument | Promise<HotDocument>
  /** Accounts for a state that has changed, and keeps it. */
  touched(space: string, document: string, hot: HotDocument): void
  /** Forgets what is over the bounds, after commits have let go of their states. */
  trim(): void
  /** Forgets a state, because what it ran ahead to has failed. */
  drop(space: string, document: string): void
  /** Something was refused for the document's size: it is read from the log again, where that may have been compacted since. */
  outgrown(space: string, document: string, hot: HotDocument): void
}

export function createDocumentStates(parts: DocumentStatesParts): DocumentStates {
  return new States(parts)
}

export interface DocumentStatesParts {
  readonly log: Log
  readonly clock: Clock
  readonly bounds: RelayBounds
  readonly guard: Guard
  readonly work: Work
  /** What may be read on the event loop in one turn. */
  readonly turn: TurnBudget
}

class States implements DocumentStates {
  readonly #log: Log
  readonly #clock: Clock
  readonly #bounds: RelayBounds
  readonly #guard: Guard
  readonly #work: Work
  readonly #turn: TurnBudget
  readonly #hot = new Map<string, HotDocument>()
  readonly #loads = new Map<string, Promise<HotDocument>>()
  #bytes = 0

  constructor({ log, clock, bounds, guard, work, turn }: DocumentStatesParts) {
    this.#log = log
    this.#clock = clock
    this.#bounds = bounds
    this.#guard = guard
    this.#work = work
    this.#turn = turn
  }

  get count(): number {
    return this.#hot.size
  }

  get bytes(): number {
    return this.#bytes
  }

  get(space: string, document: string): HotDocument | Promise<HotDocument> {
    const key = keyOf(space, document)
    const hot = this.#hot.get(key)
    if (hot === undefined) return this.#loads.get(key) ?? this.#load(key, space, document)
    this.#hot.delete(key)
    this.#hot.set(key, hot)
    return hot
  }

  touched(space: string, document: string, hot: HotDocument): void {
    this.#keep(keyOf(space, document), hot)
  }

  #keep(key: string, hot: HotDocument): void {
    this.#hot.set(key, hot)
    if (--hot.untilEstimate <= 0) {
      const bytes = estimateBytes(hot)
      this.#bytes += bytes - hot.bytes
      hot.bytes = bytes
      // Estimating walks over the clients, so a document of many is looked at more rarely.
      hot.untilEstimate = 1 + (hot.state.stateVector.size >>> 3)
    }
    this.trim()
  }

  drop(space: string, document: string): void {
    const hot = this.#hot.get(keyOf(space, document))
    if (hot !== undefined) hot.isDropped = true
    this.#remove(keyOf(space, document))
  }

  outgrown(space: string, document: string, hot: HotDocument): void {
    const isOld = this.#clock.monotonic() - hot.loadedAtMs >= this.#bounds.reloadMs
    if (hot.inFlight === 0 && isOld) this.drop(space, document)
  }

  #load(key: string, space: string, document: string): Promise<HotDocument> {
    const load = this.#read(key, space, document).finally(() => this.#loads.delete(key))
    this.#loads.set(key, load)
    return load
  }

  async #read(key: string, space: string, document: string): Promise<HotDocument> {
    const loaded = await this.#log.load(space, document)
    const update = loaded === null || loaded === 'purged' ? null : loaded.update
    const logBytes = update?.length ?? 0
    const { state, placed } = update === null ? { state: emptyState(), placed: [] } : await this.#stateOf(document, update)
    // Another offer may have brought the state back while this one was reading.
    const present = this.#hot.get(key)
    if (present !== undefined) return present
    const guard = this.#guard.watches(document) ? this.#guard.index(document, placed) : null
    const hot: HotDocument = {
      state,
      isPurged: loaded === 'purged',
      isDropped: false,
      guard,
      owners: new Map(),
      logBytes,
      inFlight: 0,
      lastCommit: null,
      loadedAtMs: this.#clock.monotonic(),
      bytes: 0,
      untilEstimate: 0,
    }
    this.#keep(key, hot)
    return hot
  }

  async #stateOf(document: string, update: Uint8Array): Promise<{ state: DocumentState; placed: readonly Placed[] }> {
    const input = { update, isGuarded: this.#guard.watches(document) }
    const isSmall = update.length <= this.#bounds.maxInlineBytes
    if (isSmall && !this.#turn.takes(update.length)) await this.#turn.wait(update.length)
    const { state, placed } = isSmall ? doJob('load', input) : await this.#work.run('load', input, document)
    return { state: unpackState(state), placed }
  }

  trim(): void {
    const { maxHotDocuments, maxHotBytes } = this.#bounds
    for (const [key, hot] of this.#hot) {
      if (this.#hot.size <= maxHotDocuments && this.#bytes <= maxHotBytes) return
      if (hot.inFlight === 0) this.#remove(key)
    }
  }

  #remove(key: string): void {
    const hot = this.#hot.get(key)
    if (hot === undefined) return
    this.#bytes -= hot.bytes
    hot.bytes = 0
    this.#hot.delete(key)
  }
}

// A space name has no slash.
const keyOf = (space: string, document: string): string => `${space}/${document}`

const bytesOfDocument = 400
const bytesOfClient = 48
const bytesOfRange = 16

/** One entry that stands, with its value. */
const bytesOfEntry = 160

function estimateBytes({ state: { stateVector, deletes, shape, ranges }, guard, owners }: HotDocument): number {
  let entries = 0
  for (const own of guard?.standing.values() ?? []) entries += own.size
  return (
    bytesOfDocument +
    bytesOfEntry * entries +
    bytesOfClient * owners.size +
    bytesOfClient * (stateVector.size + deletes.size + shape.depths.size + shape.roots.size) +
    bytesOfRange * ranges
  )
}
