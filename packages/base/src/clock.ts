/**
 * Time as a port, so that the simulator can own it.
 *
 * Everything that reads the time or waits takes a `Clock`; nothing else calls `Date.now` or `setTimeout`.
 */
export interface Clock {
  /** Milliseconds since 1970 as this device believes them; may step backwards. */
  now(): number
  /** Milliseconds from an arbitrary start; never steps backwards. */
  monotonic(): number
  /** Calls `run` once after `delayMs`; the returned function cancels it and is idempotent. */
  schedule(delayMs: number, run: () => void): () => void
}

/** The machine's own clock and timers. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  schedule(delayMs, run) {
    const timer = setTimeout(run, delayMs)
    return () => clearTimeout(timer)
  },
}
