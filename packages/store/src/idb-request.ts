/**
 * IndexedDB's requests and transactions as promises.
 *
 * Inside a transaction nothing but `resultOf` may be awaited: anything slower ends the transaction.
 */
import { type Clock, systemClock, TidemarkError } from '@tidemark/base'

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

/** How long another tab may take to finish what it is about before the database counts as held. */
const patienceMs = 2_000

/**
 * Resolves when a database was opened or deleted. A tab that lets go of it, at once or when its last transaction is over, is
 * waited for; `abandoned` gets what comes after it was given up.
 *
 * @throws {TidemarkError} `store/blocked`, saying `held`, when a tab keeps the database for too long; else what the request says.
 */
export function unblocked<T>(
  request: IDBOpenDBRequest,
  held: string,
  result: () => T,
  abandoned: (result: T) => void = () => {},
  clock: Pick<Clock, 'schedule'> = systemClock,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    let cancel = (): void => {}
    let isAbandoned = false
    request.onblocked = () => {
      cancel = clock.schedule(patienceMs, () => {
        isAbandoned = true
        reject(new TidemarkError('store/blocked', held))
      })
    }
    request.onsuccess = () => {
      cancel()
      if (isAbandoned) abandoned(result())
      else resolve(result())
    }
    request.onerror = () => {
      cancel()
      reject(request.error)
    }
  })
}

/** Deletes a database. @throws {TidemarkError} `store/blocked`, `store/failed` */
export async function deleteDatabase(name: string): Promise<void> {
  try {
    await unblocked(indexedDB.deleteDatabase(name), 'another tab holds the database open; it goes when that tab does', () => undefined)
  } catch (error) {
    throw toStoreError(error)
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
