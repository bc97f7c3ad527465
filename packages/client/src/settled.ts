/** Waiting until writes are confirmed, for those who may not wait for ever. */
import { type Clock, type Observable, TidemarkError } from '@tidemark/base'
import type { SpaceStatus } from './status.ts'
import type { PendingEntity } from './sync-api.ts'

/** What `promise` gives, or `client/not-confirmed` after `timeoutMs`; the write itself goes on waiting. */
export function within<T>(promise: Promise<T>, timeoutMs: number, clock: Pick<Clock, 'schedule'>): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = clock.schedule(timeoutMs, () =>
      reject(new TidemarkError('client/not-confirmed', `the relay has not confirmed it within ${timeoutMs} ms`)),
    )
    promise.then(resolve, reject).finally(cancel)
  })
}

/** See `SpaceSync.settled`. */
export function settled(status: Observable<SpaceStatus>, pending: () => Promise<readonly PendingEntity[]>): Promise<void> {
  return new Promise((resolve, reject) => {
    let isDone = false
    const done = (end: () => void): void => {
      if (isDone) return
      isDone = true
      unsubscribe()
      end()
    }
    const look = (): void => {
      const { saving, phase, pending: totals, problem, refused } = status.get()
      if (saving) return
      if (phase === 'local') return done(resolve)
      // The leading tab says why a moment later.
      if (totals.documents === 0 && refused > 0) return problem === null ? undefined : done(() => reject(problem))
      if (totals.documents === 0) return done(resolve)
      if (problem === null) return
      // One document that is refused holds back no other: it is over when nothing else waits.
      pending().then(
        (documents) => {
          const refused = documents.find((one) => one.problem !== null)
          if (refused === undefined || documents.some((one) => one.problem === null)) return
          done(() => reject(new TidemarkError(refused.problem as NonNullable<typeof refused.problem>, `${refused.name} was refused`)))
        },
        (error: unknown) => done(() => reject(error)),
      )
    }
    const unsubscribe = status.subscribe(look)
    look()
  })
}
