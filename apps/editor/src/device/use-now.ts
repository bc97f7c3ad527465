import { useEffect, useState } from 'react'

/** The time, read again every `everyMs`; `null` reads it at each render only. */
export function useNow(everyMs: number | null): number {
  const [, tick] = useState(0)
  useEffect(() => {
    if (everyMs === null) return
    const timer = setInterval(() => tick((count) => count + 1), everyMs)
    return () => clearInterval(timer)
  }, [everyMs])
  return Date.now()
}
