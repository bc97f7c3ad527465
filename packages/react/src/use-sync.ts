/** How synchronising stands. */
import type { PendingEntity, RefusedChange, SpaceStatus } from '@tidemark/client'
import { useCallback, useMemo, useSyncExternalStore } from 'react'
import { Held } from './held.ts'
import { useSpace } from './space-provider.tsx'

/**
 * The status of the space around, or with `select` a part of it, so that the component renders again only when that changes.
 * `select` gives the same reference for the same status.
 */
export function useSyncStatus(): SpaceStatus
export function useSyncStatus<T>(select: (status: SpaceStatus) => T): T
export function useSyncStatus<T>(select?: (status: SpaceStatus) => T): T | SpaceStatus {
  const { status } = useSpace()
  const get = useCallback(() => (select === undefined ? status.get() : select(status.get())), [status, select])
  return useSyncExternalStore(status.subscribe, get, get)
}

const none: readonly PendingEntity[] = Object.freeze([])

/** What the relay has not confirmed, oldest first, up to `limit` entities; read from the database when the totals change. */
export function usePending(limit = 20): readonly PendingEntity[] {
  const space = useSpace()
  const held = useMemo(
    () =>
      new Held<readonly PendingEntity[]>(none, ({ show }) => {
        let asked = 0
        let totals: unknown = null
        const look = (): void => {
          const { pending, problem } = space.status.get()
          const now = `${pending.documents} ${pending.bytes} ${pending.sinceMs} ${problem?.message}`
          if (now === totals) return
          totals = now
          const own = ++asked
          space.sync.pending(limit).then(
            (documents) => own === asked && show(documents),
            () => undefined, // reason: the store's status shows why it could not be read; the list stays as it was
          )
        }
        look()
        return space.status.subscribe(look)
      }),
    [space, limit],
  )
  return useSyncExternalStore(held.subscribe, held.get, () => none)
}

const nothing: readonly RefusedChange[] = Object.freeze([])

/** What the relay refused and this device keeps beside its documents: see `space.refused`. */
export function useRefused(): readonly RefusedChange[] {
  const { refused } = useSpace()
  return useSyncExternalStore(refused.subscribe, refused.get, () => nothing)
}
