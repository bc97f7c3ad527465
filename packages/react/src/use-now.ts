import { useEffect, useState } from 'react'

/** The time, ms since 1970, read again every `everyMs`; null stops the clock. */
export function useNow(everyMs: number | null): number {
  const [nowMs, setNow] = useState(() => Date.now())
  useEffect(() => {
    if (everyMs === null) return
    setNow(Date.now())
    const timer = setInterval(() => setNow(Date.now()), everyMs)
    return () => clearInterval(timer)
  }, [everyMs])
  return nowMs
}
