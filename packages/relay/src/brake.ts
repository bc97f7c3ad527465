/** How long a client is asked to hold its pushes while much waits for the log: fewer and larger pushes cost less. */
import type { Clock } from '@tidemark/base'
import { wireLimits } from '@tidemark/protocol'
import type { RelayBounds } from './limits.ts'

export class Brake {
  readonly #clock: Clock
  readonly #bounds: RelayBounds
  #untilMs = 0

  constructor(clock: Clock, bounds: RelayBounds) {
    this.#clock = clock
    this.#bounds = bounds
  }

  /** What to ask for with so many bytes waiting; 0 for nothing, also while it was asked for already. */
  holdMs(waitingBytes: number): number {
    const share = waitingBytes / this.#bounds.slowBytes
    const nowMs = this.#clock.monotonic()
    if (share < 1 || nowMs < this.#untilMs) return 0
    const holdMs = Math.min(wireLimits.maxHoldMs, Math.round(this.#bounds.slowHoldMs * share))
    this.#untilMs = nowMs + holdMs
    return holdMs
  }
}
