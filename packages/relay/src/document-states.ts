/**
 * The states of hot documents: what pushes are judged by, instead of a `Y.Doc`.
 *
 * Invariants
 * 1. A state includes everything that was accepted, so it runs ahead of the commit.
 * 2. A state with commits in flight is never evicted; so what is loaded from the log is never behind.
 * 3. Count and estimated bytes are bounded; the least recently used go first.
 */
import { type DocumentState, emptyState, stateOf, validateUpdate, wholeDocument } from '@tidemark/updates'
import type { Guard, GuardIndex } from './guard.ts'
import type { RelayBounds } from './limits.ts'
import type { Log, Place } from './log.ts'

export interface HotDocument {
  readonly state: DocumentState
  /** Whether it was purged, or is being: nothing may come in any more. */
  isPurged: boolean
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
  /** Estimated bytes at the last look. */
  bytes: number
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
}

export function createDocumentStates(log: Log, bounds: RelayBounds, guard: Guard): DocumentStates {
  return new States(log, bounds, guard)
}

class States implements DocumentStates {
  readonly #log: Log
  readonly #bounds: RelayBounds
  readonly #guard: Guard
  readonly #hot = new Map<string, HotDocument>()
  readonly #loads = new Map<string, Promise<HotDocument>>()
  #bytes = 0

  constructor(log: Log, bounds: RelayBounds, guard: Guard) {
    this.#log = log
    this.#bounds = bounds
    this.#guard = guard
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
    const bytes = estimateBytes(hot)
    this.#bytes += bytes - hot.bytes
    hot.bytes = bytes
    this.trim()
  }

  drop(space: string, document: string): void {
    this.#remove(keyOf(space, document))
  }

  #load(key: string, space: string, document: string): Promise<HotDocument> {
    const load = this.#log
      .load(space, document)
      .then((loaded) => {
        // Another offer may have brought the state back while this one was reading.
        const present = this.#hot.get(key)
        if (present !== undefined) return present
        const update = loaded === null || loaded === 'purged' ? null : loaded.update
        const hot: HotDocument = {
          state: update === null ? emptyState() : stateOf([update]),
          isPurged: loaded === 'purged',
          guard: this.#indexOf(document, update),
          owners: new Map(),
          logBytes: update?.length ?? 0,
          inFlight: 0,
          lastCommit: null,
          bytes: 0,
        }
        this.#keep(key, hot)
        return hot
      })
      .finally(() => this.#loads.delete(key))
    this.#loads.set(key, load)
    return load
  }

  #indexOf(document: string, update: Uint8Array | null): GuardIndex | null {
    if (!this.#guard.watches(document)) return null
    return update === null ? new Map() : this.#guard.index(validateUpdate(update, wholeDocument))
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

function estimateBytes({ state: { stateVector, deletes }, guard, owners }: HotDocument): number {
  let ranges = 0
  for (const client of deletes.values()) ranges += client.length / 2
  let entries = 0
  for (const own of guard?.values() ?? []) entries += own.size
  return (
    bytesOfDocument +
    bytesOfEntry * entries +
    bytesOfClient * owners.size +
    bytesOfClient * (stateVector.size + deletes.size) +
    bytesOfRange * ranges
  )
}
