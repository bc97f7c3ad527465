/**
 * IndexedDB's requests and transactions as promises.
 *
 * Inside a transaction nothing but `resultOf` may be awaited: anything slower ends the transaction.
 */
import { TidemarkError } from '@tidemark/base'

/** What the request gives. That a write's request succeeded does not mean that it is stored: see `completionOf`. */
export function resultOf<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
}

/** Resolves when the transaction is stored, rejects when it is undone, with the error that undid it. */
export function completionOf(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve()
    transaction.onabort = () => reject(transaction.error ?? new DOMException('the transaction was aborted', 'AbortError'))
  })
}

/** Undoes the transaction, if it is not over already. */
export function undo(transaction: IDBTransaction): void {
  try {
    transaction.abort()
  } catch (error) {
    if (!isNamed(error, 'InvalidStateError')) throw error
  }
}

export const isNamed = (error: unknown, name: string): boolean => error instanceof DOMException && error.name === name

/** `store/full` for what browsers throw when there is no space left, `store/failed` for the rest. */
export function toStoreError(error: unknown): TidemarkError {
  if (error instanceof TidemarkError) return error
  const { name, message } = error instanceof Error ? error : new Error(String(error))
  const isFull = name === 'QuotaExceededError' || /full disk/i.test(message)
  return new TidemarkError(isFull ? 'store/full' : 'store/failed', `${name}: ${message}`, { cause: error })
}
