/**
 * How long the event loop is held at a stretch, by this thread's processor time: what other processes take from the
 * machine does not count, and neither do threads beside this one.
 */

export interface HoldMeter {
  /** The longest stretch since the last call, ms. */
  longestMs(): number
  stop(): void
}

export function watchHold(): HoldMeter {
  let longest = 0
  let isOver = false
  let before = cpuMs()
  const look = (): void => {
    const now = cpuMs()
    longest = Math.max(longest, now - before)
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
    stop: () => {
      isOver = true
    },
  }
}

export function cpuMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1_000
}
