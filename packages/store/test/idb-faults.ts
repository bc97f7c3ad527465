/** Faults of a browser's database, injected where the browser itself would raise them. */
import { onTestFinished } from 'vitest'

/** Replaces a method of a prototype until the test ends or `restore` is called. */
export function patch<T extends object, K extends keyof T>(target: T, key: K, make: (original: T[K]) => T[K]): () => void {
  const original = target[key]
  const restore = (): void => {
    target[key] = original
  }
  target[key] = make(original)
  onTestFinished(restore)
  return restore
}

/** Calls `before` ahead of each put and delete; what it throws, the write throws. */
export function beforeEachWrite(before: (store: IDBObjectStore, value: unknown) => void): () => void {
  const restorePut = patch(
    IDBObjectStore.prototype,
    'put',
    (put) =>
      function (this: IDBObjectStore, value: unknown, key?: IDBValidKey) {
        before(this, value)
        return put.call(this, value, key)
      },
  )
  const restoreDelete = patch(
    IDBObjectStore.prototype,
    'delete',
    (remove) =>
      function (this: IDBObjectStore, key: IDBValidKey | IDBKeyRange) {
        before(this, key)
        return remove.call(this, key)
      },
  )
  return () => {
    restorePut()
    restoreDelete()
  }
}

/** Every database handle that is opened from now on in this tab. */
export function watchHandles(): IDBDatabase[] {
  const handles: IDBDatabase[] = []
  patch(
    IDBFactory.prototype,
    'open',
    (open) =>
      function (this: IDBFactory, name: string, version?: number) {
        const request = open.call(this, name, version)
        request.addEventListener('success', () => handles.push(request.result))
        return request
      },
  )
  return handles
}

export const quotaExceeded = (): DOMException => new DOMException('injected', 'QuotaExceededError')
