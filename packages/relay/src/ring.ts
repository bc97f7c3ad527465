/**
 * The recent commits of one space, encoded once for all sessions.
 *
 * Invariants
 * 1. Entries follow each other: each begins where the one before ends.
 * 2. Count and bytes are bounded; the oldest go first. A reader that needs them reads the log.
 */
import type { Visible } from './grants.ts'
import type { RelayBounds } from './limits.ts'
import type { PurgedDocument } from './log.ts'
import { sharedFrames } from './shared-frames.ts'

export interface RingChange {
  readonly number: number
  readonly document: string
  readonly update: Uint8Array
}

export interface RingEntry {
  readonly after: number
  readonly seq: number
  /** By document; as a rule one merged update each. */
  readonly changes: readonly RingChange[]
  /** What was erased for good; no change of such a document is in the ring. */
  readonly purged: readonly PurgedDocument[]
  /** The session from which all of it came, if it was only one. */
  readonly author: object | null
  /** Bytes of the updates. */
  readonly bytes: number
  /** What of it a view shows; one list, and one encoding, for every session of the same view. */
  seen(view: string, visible: Visible): SeenEntry
}

/** An entry as sessions of one view see it. */
export interface SeenEntry {
  readonly changes: readonly RingChange[]
  readonly purged: readonly PurgedDocument[]
  readonly bytes: number
  /** The live `changes` message. */
  frames(): Iterable<Uint8Array>
}

export interface NewRingEntry extends Omit<RingEntry, 'bytes' | 'seen'> {}

export class Ring {
  readonly #bounds: RelayBounds
  readonly #entries: RingEntry[] = []
  #bytes = 0

  constructor(bounds: RelayBounds) {
    this.#bounds = bounds
  }

  get bytes(): number {
    return this.#bytes
  }

  add(entry: NewRingEntry): void {
    // What was erased is shown to nobody any more, also not to who has fallen behind: they read the log.
    if (entry.purged.length > 0) this.#clear()
    const complete = ringEntry(entry, this.#bounds.announced.maxFrameBytes)
    this.#entries.push(complete)
    this.#bytes += complete.bytes
    while (this.#entries.length > this.#bounds.maxRingItems || (this.#bytes > this.#bounds.maxRingBytes && this.#entries.length > 1)) {
      this.#bytes -= this.#entries.shift()?.bytes ?? 0
    }
  }

  #clear(): void {
    this.#entries.length = 0
    this.#bytes = 0
  }

  /** The entry that continues from `seq`, or null when it is gone or not there yet. */
  at(seq: number): RingEntry | null {
    let low = 0
    let high = this.#entries.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#entries[middle] as RingEntry).seq <= seq) low = middle + 1
      else high = middle
    }
    const entry = this.#entries[low]
    return entry !== undefined && entry.after <= seq ? entry : null
  }
}

/** Views of one entry that are kept; sessions beyond them have theirs made each time. */
const maxViews = 64

/** Completes an entry: also one that was read from the log, for who has fallen out of the ring. */
export function ringEntry(entry: NewRingEntry, maxFrameBytes: number): RingEntry {
  const { after, seq, changes, purged } = entry
  const seen = new Map<string, SeenEntry>()
  const see = (visible: Visible): SeenEntry => {
    const shown = visible === null ? changes : changes.filter(({ document }) => visible(document))
    const bytes = bytesOf(shown)
    let frames: Iterable<Uint8Array> | null = null
    return {
      changes: shown,
      purged: visible === null ? purged : purged.filter(({ document }) => visible(document)),
      bytes,
      frames: () => {
        frames ??= sharedFrames({ type: 'changes', mode: 'live', after, seq, changes: shown }, bytes, maxFrameBytes)
        return frames
      },
    }
  }
  return {
    ...entry,
    bytes: bytesOf(changes),
    seen: (view, visible) => {
      const known = seen.get(view)
      if (known !== undefined) return known
      const made = see(visible)
      if (seen.size < maxViews) seen.set(view, made)
      return made
    },
  }
}

const bytesOf = (changes: readonly RingChange[]): number => changes.reduce((sum, { update }) => sum + update.length, 0)
