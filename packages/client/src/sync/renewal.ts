/**
 * Renews the sign-in of an open connection before it ends.
 *
 * A token is asked for when four fifths of its time are over, and again after a while when the app gives none. What the relay
 * makes of it comes back as `access`, or as the end of the connection.
 */
import type { Clock } from '@tidemark/base'

export interface RenewalOptions {
  readonly clock: Clock
  readonly token: () => Promise<string>
  readonly send: (token: string) => void
}

const share = 0.8
const retryMs = 5_000
/** Longest wait that timers take, ms. */
const maxTimerMs = 2 ** 31 - 1

export class Renewal {
  readonly #options: RenewalOptions
  #cancel: () => void = () => {}
  #isClosed = false

  constructor(options: RenewalOptions) {
    this.#options = options
  }

  /** The sign-in ends in so many ms from now; null for never. */
  ends(leftMs: number | null): void {
    this.#cancel()
    if (leftMs !== null && !this.#isClosed) this.#schedule(Math.max(0, leftMs * share))
  }

  close(): void {
    this.#isClosed = true
    this.#cancel()
  }

  #schedule(delayMs: number): void {
    this.#cancel = this.#options.clock.schedule(Math.min(delayMs, maxTimerMs), () => {
      if (delayMs > maxTimerMs) this.#schedule(delayMs - maxTimerMs)
      else void this.#renew()
    })
  }

  async #renew(): Promise<void> {
    try {
      const token = await this.#options.token()
      if (!this.#isClosed) this.#options.send(token)
    } catch {
      // reason: the app's own failure, which its next connection would show; until the sign-in ends there is time to try again.
      if (!this.#isClosed) this.#schedule(retryMs)
    }
  }
}
