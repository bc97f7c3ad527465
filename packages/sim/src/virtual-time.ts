/**
 * The one source of time: a queue of events, each at a virtual millisecond.
 *
 * Invariants
 * 1. Events run one at a time, in order of time and then of scheduling, so a run is a function of its seed.
 * 2. Between two events every promise that can settle has settled: nothing waits for anything but this queue.
 */

interface Event {
  readonly atMs: number
  readonly order: number
  run: (() => void) | null
}

export class VirtualTime {
  readonly #heap: Event[] = []
  #order = 0
  #nowMs = 0
  #events = 0

  /** Milliseconds since the simulation began. */
  get nowMs(): number {
    return this.#nowMs
  }

  /** Events run so far. */
  get events(): number {
    return this.#events
  }

  /** Events that wait, cancelled ones included. */
  get waiting(): number {
    return this.#heap.length
  }

  /** Runs `run` after `delayMs`; the returned function cancels it. */
  schedule(delayMs: number, run: () => void): () => void {
    const event: Event = { atMs: this.#nowMs + Math.max(0, Math.ceil(delayMs)), order: this.#order++, run }
    push(this.#heap, event)
    return () => {
      event.run = null
    }
  }

  /** Runs events up to and including `untilMs`, `afterEach` behind each; stops early when `afterEach` says true. */
  async runUntil(untilMs: number, afterEach: () => boolean): Promise<void> {
    await settled()
    for (let event = this.#heap[0]; event !== undefined && event.atMs <= untilMs; event = this.#heap[0]) {
      pop(this.#heap)
      if (event.run === null) continue
      this.#nowMs = event.atMs
      this.#events++
      event.run()
      await (this.#events % eventsPerTurn === 0 ? settled() : settledHere())
      if (afterEach()) return
    }
    await settled()
    this.#nowMs = Math.max(this.#nowMs, untilMs)
  }
}

/** How many events run between two turns of Node's event loop, where rejections that nobody caught are told. */
const eventsPerTurn = 16

/** Resolves when no microtask is left: the queue of ticks has its turn only then, and costs a tenth of the event loop's. */
const settledHere = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve))

/** Resolves when no microtask is left and the event loop has turned. */
export const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

const isBefore = (a: Event, b: Event): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)

function push(heap: Event[], event: Event): void {
  let at = heap.length
  while (at > 0) {
    const parent = (at - 1) >>> 1
    if (!isBefore(event, heap[parent] as Event)) break
    heap[at] = heap[parent] as Event
    at = parent
  }
  heap[at] = event
}

function pop(heap: Event[]): void {
  const last = heap.pop() as Event
  if (heap.length === 0) return
  let at = 0
  for (;;) {
    let child = at * 2 + 1
    if (child >= heap.length) break
    if (child + 1 < heap.length && isBefore(heap[child + 1] as Event, heap[child] as Event)) child++
    if (!isBefore(heap[child] as Event, last)) break
    heap[at] = heap[child] as Event
    at = child
  }
  heap[at] = last
}
