import type { Clock } from '@tidemark/base'

/** A clock that a test moves. */
export class ManualClock implements Clock {
  #nowMs = 1_000_000
  #timers: { readonly atMs: number; readonly run: () => void }[] = []

  get waiting(): number {
    return this.#timers.length
  }

  now = (): number => this.#nowMs
  monotonic = (): number => this.#nowMs

  schedule(delayMs: number, run: () => void): () => void {
    const timer = { atMs: this.#nowMs + delayMs, run }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter((one) => one !== timer)
    }
  }

  /** Lets time pass; timers run in the order of their times. */
  pass(ms: number): void {
    const untilMs = this.#nowMs + ms
    for (;;) {
      const next = this.#timers.filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0]
      if (next === undefined) break
      this.#timers = this.#timers.filter((one) => one !== next)
      this.#nowMs = next.atMs
      next.run()
    }
    this.#nowMs = untilMs
  }
}
