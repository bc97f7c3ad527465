/** A faster time for code that takes it from the machine: whoever imports this first, before what is to be hurried, gets it. */
import type { Clock } from '@tidemark/base'

export const speed = 40

const [now, monotonic, interval, timeout] = [Date.now, () => performance.now(), globalThis.setInterval, globalThis.setTimeout]
const startMs = now()

Date.now = () => startMs + (now() - startMs) * speed

/** The same time as a port. */
export const fast: Clock = {
  now: Date.now,
  monotonic: () => monotonic() * speed,
  schedule: (delayMs, run) => {
    const timer = timeout(run, delayMs / speed)
    return () => clearTimeout(timer)
  },
}

/** From here on intervals are shorter too. */
export function hurriedInterval(): void {
  const hurried = (run: () => void, delayMs: number): NodeJS.Timeout => interval(run, delayMs / speed)
  // reason: what is hurried asks for nothing but this form of it.
  globalThis.setInterval = hurried as typeof globalThis.setInterval
}

export function undo(): void {
  Date.now = now
  globalThis.setInterval = interval
}
