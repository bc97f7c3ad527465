/**
 * Rates: how much of a thing may happen per second, and a line for what comes faster.
 *
 * Why it exists: whoever sends too fast is slowed down, not turned away: what waits is bounded by what may be in flight,
 * so an honest client after weeks offline only takes its time, and a hostile one gets no more than its share.
 *
 * Invariants
 * 1. Things happen in the order in which they came.
 * 2. Over any time, a bucket lets no more through than its burst and its rate times that time; one thing always fits, however large.
 */
import type { Clock } from '@tidemark/base'

/** A rate, and how much may come at once after a quiet time. */
export interface Rate {
  readonly perSecond: number
  readonly burst: number
}

export class Bucket {
  readonly #clock: Clock
  readonly #rate: Rate
  #level: number
  #atMs: number

  constructor(clock: Clock, rate: Rate) {
    this.#clock = clock
    this.#rate = rate
    this.#level = rate.burst
    this.#atMs = clock.monotonic()
  }

  /** How long until `cost` may be taken; 0 when it may be now. What is larger than the burst waits until the bucket is full. */
  waitMs(cost: number): number {
    this.#fill()
    const missing = Math.min(cost, this.#rate.burst) - this.#level
    return missing <= 0 ? 0 : Math.ceil((missing / this.#rate.perSecond) * 1_000)
  }

  /** Takes `cost`, also below zero: what was too large is paid for by a longer wait afterwards. */
  take(cost: number): void {
    this.#fill()
    this.#level -= cost
  }

  #fill(): void {
    const nowMs = this.#clock.monotonic()
    this.#level = Math.min(this.#rate.burst, this.#level + ((nowMs - this.#atMs) / 1_000) * this.#rate.perSecond)
    this.#atMs = nowMs
  }
}

/** Buckets that a thing is taken from together, each with what the thing costs there. */
export type Costs = readonly (readonly [Bucket, number])[]

export class Pacer {
  readonly #clock: Clock
  readonly #line: { readonly costs: Costs; readonly run: () => void }[] = []
  #cancel: (() => void) | null = null
  #isClosed = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** How many wait. */
  get waiting(): number {
    return this.#line.length
  }

  /** Runs `run` at once, or in its turn when the buckets allow it. */
  run(costs: Costs, run: () => void): void {
    this.#line.push({ costs, run })
    if (this.#cancel === null) this.#drain()
  }

  close(): void {
    this.#isClosed = true
    this.#line.length = 0
    this.#cancel?.()
  }

  #drain(): void {
    this.#cancel = null
    for (let first = this.#line[0]; first !== undefined && !this.#isClosed; first = this.#line[0]) {
      const waitMs = Math.max(0, ...first.costs.map(([bucket, cost]) => bucket.waitMs(cost)))
      if (waitMs > 0) {
        this.#cancel = this.#clock.schedule(waitMs, () => this.#drain())
        return
      }
      for (const [bucket, cost] of first.costs) bucket.take(cost)
      this.#line.shift()
      first.run()
    }
  }
}
