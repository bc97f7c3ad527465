/**
 * How long the event loop is held at a stretch, by this thread's processor time: what other processes take from the
 * machine does not count, and neither do threads beside this one.
 */

export interface HoldMeter {
  /** The longest stretch since the last call, ms. */
  longestMs(): number
  /** All since the beginning but what the looking itself took, ms. */
  allMs(): number
  stop(): void
}

/** A stretch below this is the looking itself. */
const idleMs = 0.5

export function watchHold(): HoldMeter {
  let longest = 0
  let all = 0
  let isOver = false
  let before = cpuMs()
  const look = (): void => {
    const now = cpuMs()
    const stretch = now - before
    longest = Math.max(longest, stretch)
    if (stretch > idleMs) all += stretch
    before = now
    if (!isOver) setImmediate(look)
  }
  setImmediate(look)
  return {
    longestMs: () => {
      const told = longest
      longest = 0
      return told
    },
    allMs: () => all,
    stop: () => {
      isOver = true
    },
  }
}

export function cpuMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1_000
}
