/**
 * One life of a process: a tab from opening to its end, or a relay from start to kill.
 *
 * Why it exists: shipped code cannot be killed inside one process, but it reaches the world only through
 * ports. When its life ends, no timer fires, no message arrives and no promise of a port settles any more,
 * which for the code is the same as not running.
 */
import type { Clock } from '@tidemark/base'
import type { VirtualTime } from './virtual-time.ts'

/** 2026-01-01, the day every simulation begins. */
export const epochMs = 1_767_225_600_000

export class Life {
  readonly name: string
  readonly #time: VirtualTime
  readonly #held: (() => void)[] = []
  readonly #atEnd: (() => void)[] = []
  #isAlive = true
  #isFrozen = false

  constructor(time: VirtualTime, name: string) {
    this.#time = time
    this.name = name
  }

  get isAlive(): boolean {
    return this.#isAlive
  }

  get isFrozen(): boolean {
    return this.#isFrozen
  }

  /** Runs `run` in this life after `delayMs`: never when it ended, later when it is frozen. */
  schedule(delayMs: number, run: () => void): () => void {
    if (!this.#isAlive) return () => {}
    let isCancelled = false
    const cancelEvent = this.#time.schedule(delayMs, () => {
      if (!this.#isAlive) return
      if (this.#isFrozen) this.#held.push(() => void (isCancelled || run()))
      else run()
    })
    return () => {
      isCancelled = true
      cancelEvent()
    }
  }

  /** Runs `run` in this life now: never when it ended, later when it is frozen. */
  run(run: () => void): void {
    if (!this.#isAlive) return
    if (this.#isFrozen) this.#held.push(run)
    else run()
  }

  /** Resolves after `delayMs`; never when this life has ended by then. */
  pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.schedule(delayMs, resolve))
  }

  /** Holds back everything, as a browser does with a tab in the background. */
  freeze(): void {
    this.#isFrozen = true
  }

  /** Lets what was held back happen, in order, one event each. */
  thaw(): void {
    this.#isFrozen = false
    for (const run of this.#held.splice(0)) this.schedule(0, run)
  }

  /** Calls `run` when this life ends. */
  onEnd(run: () => void): void {
    this.#atEnd.push(run)
  }

  end(): void {
    if (!this.#isAlive) return
    this.#isAlive = false
    for (const run of this.#atEnd.splice(0)) run()
  }

  /** The clock that this life sees; `skewMs` is what its device shows ahead of the true time, at the moment. */
  clock(skewMs: () => number): Clock {
    return {
      now: () => epochMs + this.#time.nowMs + skewMs(),
      monotonic: () => this.#time.nowMs,
      schedule: (delayMs, run) => this.schedule(delayMs, run),
    }
  }
}
