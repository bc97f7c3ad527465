/** Reads anything live in React. */
import { useSyncExternalStore } from 'react'

interface Live<T> {
  readonly get: () => T
  readonly subscribe: (listener: () => void) => () => void
}

export const useObservable = <T>(live: Live<T>): T => useSyncExternalStore(live.subscribe, live.get)
