/**
 * Something that is open for as long as a component looks at it, shaped for `useSyncExternalStore`.
 *
 * Why it exists: React may render a component and never mount it, and in StrictMode mounts each one twice. So nothing is
 * opened while rendering, and what is let go of and taken up again in one turn is not closed between.
 */

/** The owner's side of a `Held`: sets what it shows, and closes. */
export interface Holding<T> {
  /** Shows `value`; without effect once it was closed. */
  show(value: T): void
}

export class Held<T> {
  readonly get: () => T
  readonly subscribe: (listener: () => void) => () => void
  readonly #open: (holding: Holding<T>) => () => void
  readonly #listeners = new Set<{ readonly call: () => void }>()
  #close: (() => void) | null = null
  #value: T

  /** `open` is called when the first component looks, and what it returns when none does any more. */
  constructor(initial: T, open: (holding: Holding<T>) => () => void) {
    this.#value = initial
    this.#open = open
    this.get = () => this.#value
    this.subscribe = (listener) => {
      const entry = { call: listener }
      this.#listeners.add(entry)
      this.#close ??= this.#begin()
      return () => {
        this.#listeners.delete(entry)
        queueMicrotask(() => this.#endIfUnused())
      }
    }
  }

  #begin(): () => void {
    let isOpen = true
    const close = this.#open({
      show: (value) => {
        if (!isOpen || Object.is(value, this.#value)) return
        this.#value = value
        for (const { call } of [...this.#listeners]) call()
      },
    })
    return () => {
      isOpen = false
      close()
    }
  }

  #endIfUnused(): void {
    if (this.#listeners.size > 0 || this.#close === null) return
    const close = this.#close
    this.#close = null
    close()
  }
}
