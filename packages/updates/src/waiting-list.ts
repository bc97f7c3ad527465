/**
 * Who waits for which clock, in a binary heap by clock, so that waking costs the logarithm of the list
 * however an update was built: a hostile one could otherwise make each step scan every waiter.
 */
export class WaitingList<T> {
  readonly #heap: { readonly clock: number; readonly waiter: T }[] = []

  add(clock: number, waiter: T): void {
    const heap = this.#heap
    let at = heap.length
    heap.push({ clock, waiter })
    while (at > 0) {
      const parent = (at - 1) >>> 1
      if (this.#clock(parent) <= this.#clock(at)) return
      this.#swap(at, parent)
      at = parent
    }
  }

  /** Takes out a waiter whose clock is below `reached`, or null when there is none. */
  takeBelow(reached: number): T | null {
    const heap = this.#heap
    const first = heap[0]
    if (first === undefined || first.clock >= reached) return null
    const last = heap.pop() as { clock: number; waiter: T }
    if (heap.length > 0) {
      heap[0] = last
      this.#sink()
    }
    return first.waiter
  }

  #sink(): void {
    for (let at = 0; ; ) {
      let least = at
      for (const child of [2 * at + 1, 2 * at + 2]) if (child < this.#heap.length && this.#clock(child) < this.#clock(least)) least = child
      if (least === at) return
      this.#swap(at, least)
      at = least
    }
  }

  #clock(index: number): number {
    return this.#heap[index]?.clock ?? Number.POSITIVE_INFINITY
  }

  #swap(a: number, b: number): void {
    const heap = this.#heap
    const one = heap[a] as { clock: number; waiter: T }
    heap[a] = heap[b] as { clock: number; waiter: T }
    heap[b] = one
  }
}
