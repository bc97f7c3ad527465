/** Where the reader is, in the address: `#/report/<id>`, or the list. */
import { useSyncExternalStore } from 'react'

const prefix = '#/report/'

export const reportHref = (id: string): string => `${prefix}${encodeURIComponent(id)}`

export const goToReport = (id: string): void => void location.assign(reportHref(id))

const subscribe = (listener: () => void): (() => void) => {
  window.addEventListener('hashchange', listener)
  return () => window.removeEventListener('hashchange', listener)
}

/** The id of the report in the address, or `null`. */
export function useRoute(): string | null {
  const hash = useSyncExternalStore(subscribe, () => location.hash)
  if (!hash.startsWith(prefix)) return null
  try {
    return decodeURIComponent(hash.slice(prefix.length)) || null
  } catch {
    // reason: a mistyped address is simply no report.
    return null
  }
}
