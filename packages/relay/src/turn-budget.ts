/**
 * How much is read on the event loop in one turn; what comes beyond waits for a later one.
 *
 * Why it exists: one frame may hold hundreds of updates, each small and all together enough to make everybody wait.
 *
 * Invariants
 * 1. In one turn no more than `maxBytes` are taken, except that one thing always fits.
 * 2. What waits goes in the order in which it came, and ahead of what comes later.
 */
import type { Clock } from '@tidemark/base'

export class TurnBudget {
  readonly #clock: Clock
  readonly #maxBytes: number
  readonly #waiting: { readonly bytes: number; readonly resolve: () => void }[] = []
  #used = 0

  constructor(clock: Clock, maxBytes: number) {
    this.#clock = clock
    this.#maxBytes = maxBytes
  }

  /** Whether so many bytes may be read now; they count as read then. */
  takes(bytes: number): boolean {
    return this.#waiting.length === 0 && this.#take(bytes)
  }

  /** Resolves in a turn in which so many bytes may be read; they count as read. */
  wait(bytes: number): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ bytes, resolve })
      if (this.#waiting.length === 1) this.#later()
    })
  }

  #take(bytes: number): boolean {
    if (this.#used > 0 && this.#used + bytes > this.#maxBytes) return false
    // A turn is over when what it was about is: nothing else runs between that and the next message.
    if (this.#used === 0) queueMicrotask(() => this.#reset())
    this.#used += bytes
    return true
  }

  #reset(): void {
    this.#used = 0
  }

  #later(): void {
    this.#clock.schedule(0, () => {
      for (let first = this.#waiting[0]; first !== undefined && this.#take(first.bytes); first = this.#waiting[0]) {
        this.#waiting.shift()
        first.resolve()
      }
      if (this.#waiting.length > 0) this.#later()
    })
  }
}
