/**
 * A `LocalStore` whose answers take virtual time, as a browser's database does, and never reach a tab that died.
 *
 * Answers of commits keep their order. A read sees the database as it is at its call or at its answer.
 */
import type { LocalStore } from '@tidemark/store'
import type { Life } from './life.ts'

export interface DelayedStoreOptions {
  readonly life: Life
  readonly delayMs: () => number
  /** Whether a read looks at once and answers late; otherwise it looks late and answers at once. */
  readonly isAnswerLate: () => boolean
}

export function delayedStore(inner: LocalStore, { life, delayMs, isAnswerLate }: DelayedStoreOptions): LocalStore {
  let lastAnswer: Promise<unknown> = Promise.resolve()
  const inOrder = <T>(work: () => Promise<T>): Promise<T> => {
    const before = lastAnswer
    const result = work().finally(() => before)
    const answer = result.finally(() => life.pause(delayMs()))
    lastAnswer = answer.catch(() => undefined) // reason: whoever made that commit has its error
    return inLife(life, answer)
  }
  const read = async <T>(work: () => Promise<T>): Promise<T> => {
    const isLate = isAnswerLate()
    if (!isLate) await life.pause(delayMs())
    const answer = await work()
    if (isLate) await life.pause(delayMs())
    return answer
  }
  return {
    status: inner.status,
    commit: (batch) => inOrder(() => inner.commit(batch)),
    load: (names) => read(() => inner.load(names)),
    pending: (limit) => read(() => inner.pending(limit)),
    pendingTotals: () => read(() => inner.pendingTotals()),
    rows: (type) => read(() => inner.rows(type)),
    rowsBehind: (limit, among) => read(() => inner.rowsBehind(limit, among)),
    behind: (limit) => read(() => inner.behind(limit)),
    carrying: (limit) => read(() => inner.carrying(limit)),
    longLogs: (limit) => read(() => inner.longLogs(limit)),
    changedAfter: (seq) => read(() => inner.changedAfter(seq)),
    refused: () => read(() => inner.refused()),
    quarantined: () => read(() => inner.quarantined()),
    state: () => read(() => inner.state()),
    close: () => inner.close(),
  }
}

/** `promise`, unless the life has ended when it settles: then it never does. */
export const inLife = <T>(life: Life, promise: Promise<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    promise.then(
      (value) => {
        if (life.isAlive) resolve(value)
      },
      (error: unknown) => {
        if (life.isAlive) reject(error)
      },
    )
  })
