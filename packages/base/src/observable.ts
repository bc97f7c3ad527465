/**
 * A value that changes and can be watched, and moments that can be listened to.
 *
 * Why it exists: everything a UI shows is one of these, shaped for `useSyncExternalStore`.
 *
 * Invariants
 * 1. `get()` returns the same reference until the value changes.
 * 2. A listener that throws is reported and starves nobody, neither other listeners nor the caller.
 */

/** Anything live: read it now, be told when it changes. Both functions are bound. */
export interface Observable<T> {
  readonly get: () => T
  /** Calls `listener` after each change; returns the unsubscribe, which is idempotent. */
  readonly subscribe: (listener: () => void) => () => void
}

/** An `Observable` with its owner's side. */
export interface ObservableValue<T> extends Observable<T> {
  /** Replaces the value; listeners are called unless `Object.is` says it is the same. */
  readonly set: (value: T) => void
}

export function createObservable<T>(initial: T): ObservableValue<T> {
  let value = initial
  const changed = createListeners<void>()
  return {
    get: () => value,
    set: (next) => {
      if (Object.is(value, next)) return
      value = next
      changed.emit()
    },
    subscribe: (listener) => changed.add(listener),
  }
}

/** A set of listeners for one kind of moment. */
export interface Listeners<T> {
  readonly size: number
  add(listener: (event: T) => void): () => void
  emit(event: T): void
}

export function createListeners<T>(): Listeners<T> {
  const listeners = new Set<{ readonly call: (event: T) => void }>()
  return {
    get size() {
      return listeners.size
    },
    add(listener) {
      const entry = { call: listener }
      listeners.add(entry)
      return () => void listeners.delete(entry)
    },
    emit(event) {
      for (const entry of [...listeners]) guarded(() => entry.call(event))
    },
  }
}

/** Runs `run`; what it throws goes to the platform's error reporting instead of to the caller. */
export function guarded(run: () => void): void {
  try {
    run()
  } catch (error) {
    reportUncaught(error)
  }
}

/** Reports an error that no caller can take: as an `error` event in browsers, on standard error in Node. */
export function reportUncaught(error: unknown): void {
  const scope = globalThis as { reportError?: (error: unknown) => void; console?: { error(error: unknown): void } }
  if (scope.reportError !== undefined) scope.reportError(error)
  else scope.console?.error(error)
}
