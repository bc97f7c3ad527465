/**
 * The recent commits of one space, encoded once for all sessions.
 *
 * Invariants
 * 1. Entries follow each other: each begins where the one before ends.
 * 2. Count and bytes are bounded; the oldest go first. A reader that needs them reads the log.
 */
import { encodeRelayMessages } from '@tidemark/protocol'
import type { RelayBounds } from './limits.ts'

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
  /** The session from which all of it came, if it was only one. */
  readonly author: object | null
  /** Bytes of the updates. */
  readonly bytes: number
  /** The live `changes` message; one encoding shared by everyone who sends it. */
  frames(): readonly Uint8Array[]
}

export interface NewRingEntry extends Omit<RingEntry, 'bytes' | 'frames'> {}

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
    const complete = completed(entry, this.#bounds.announced.maxFrameBytes)
    this.#entries.push(complete)
    this.#bytes += complete.bytes
    while (this.#entries.length > this.#bounds.maxRingItems || (this.#bytes > this.#bounds.maxRingBytes && this.#entries.length > 1)) {
      this.#bytes -= this.#entries.shift()?.bytes ?? 0
    }
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

function completed(entry: NewRingEntry, maxFrameBytes: number): RingEntry {
  const { after, seq, changes } = entry
  let frames: readonly Uint8Array[] | null = null
  return {
    ...entry,
    bytes: changes.reduce((sum, change) => sum + change.update.length, 0),
    frames: () => {
      frames ??= encodeRelayMessages([{ type: 'changes', mode: 'live', after, seq, changes }], maxFrameBytes)
      return frames
    },
  }
}
