/**
 * Work in threads, started when there is something to do.
 *
 * Invariants
 * 1. A job that takes longer than `limitMs`, or more memory than a thread has, ends with its thread; the others go on in a new one.
 * 2. Lanes take turns, so nobody waits for more than one job of each of the others.
 */
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { type Clock, TidemarkError } from '@tidemark/base'
import { type Answer, errorOf } from '../sqlite-calls.ts'
import { buffersOf } from './buffers.ts'
import type { JobKind, Jobs, Work } from './work.ts'
import type { Task } from './work-thread.ts'

export const workPoolLimits = {
  /** The longest that one job may take. */
  limitMs: 10_000,
  /** Threads at a time; one processor is left to the event loop. */
  maxThreads: Math.max(1, Math.min(4, availableParallelism() - 1)),
  /** Memory of one thread's objects, MiB. */
  maxHeapMiB: 1_024,
} as const

export interface WorkPoolOptions {
  readonly clock: Clock
  readonly limitMs?: number
  readonly maxThreads?: number
}

export function createWorkPool(options: WorkPoolOptions): Work {
  return new WorkPool(options)
}

interface Waiting {
  readonly task: Task
  readonly resolve: (value: never) => void
  readonly reject: (error: TidemarkError) => void
}

interface Thread {
  readonly worker: Worker
  job: { readonly waiting: Waiting; readonly cancel: () => void } | null
}

class WorkPool implements Work {
  readonly #options: Required<WorkPoolOptions>
  readonly #lanes = new Map<string, Waiting[]>()
  readonly #threads = new Set<Thread>()
  #lastId = 0
  #ended = 0
  #isClosed = false

  constructor(options: WorkPoolOptions) {
    this.#options = { limitMs: workPoolLimits.limitMs, maxThreads: workPoolLimits.maxThreads, ...options }
  }

  get ended(): number {
    return this.#ended
  }

  run<K extends JobKind>(kind: K, input: Jobs[K]['input'], lane: string): Promise<Jobs[K]['output']> {
    if (this.#isClosed) return Promise.reject(closed())
    return new Promise((resolve, reject) => {
      const waiting: Waiting = { task: { id: ++this.#lastId, kind, input }, resolve, reject }
      const line = this.#lanes.get(lane)
      if (line === undefined) this.#lanes.set(lane, [waiting])
      else line.push(waiting)
      this.#next()
    })
  }

  async close(): Promise<void> {
    this.#isClosed = true
    const waiting = [...this.#lanes.values()].flat()
    this.#lanes.clear()
    for (const { reject } of waiting) reject(closed())
    await Promise.all([...this.#threads].map((thread) => this.#end(thread, closed())))
  }

  #next(): void {
    for (let thread = this.#freeThread(); thread !== null && this.#lanes.size > 0; thread = this.#freeThread()) {
      const [lane, line] = this.#lanes.entries().next().value as [string, Waiting[]]
      const waiting = line.shift() as Waiting
      this.#lanes.delete(lane)
      if (line.length > 0) this.#lanes.set(lane, line)
      this.#start(thread, waiting)
    }
  }

  #freeThread(): Thread | null {
    for (const thread of this.#threads) if (thread.job === null) return thread
    if (this.#lanes.size === 0 || this.#threads.size >= this.#options.maxThreads) return null
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
    const worker = new Worker(new URL(`./work-thread.${extension}`, import.meta.url), {
      name: 'work',
      resourceLimits: { maxOldGenerationSizeMb: workPoolLimits.maxHeapMiB },
    })
    const thread: Thread = { worker, job: null }
    this.#threads.add(thread)
    worker.on('message', (answer: Answer) => this.#answered(thread, answer))
    worker.on('error', (error) => void this.#end(thread, tooLarge(`it ended its thread: ${error.message}`)))
    worker.on('exit', () => void this.#end(thread, tooLarge('it ended its thread')))
    return thread
  }

  #start(thread: Thread, waiting: Waiting): void {
    const { clock, limitMs } = this.#options
    const cancel = clock.schedule(limitMs, () => {
      this.#ended++
      void this.#end(thread, tooLarge(`it takes longer than ${limitMs} ms to read`))
    })
    thread.job = { waiting, cancel }
    thread.worker.postMessage(waiting.task, buffersOf(waiting.task.input))
  }

  #answered(thread: Thread, answer: Answer): void {
    const { job } = thread
    if (job === null) return
    job.cancel()
    thread.job = null
    if ('failure' in answer) job.waiting.reject(errorOf(answer.failure))
    else job.waiting.resolve(answer.value as never)
    this.#next()
  }

  async #end(thread: Thread, error: TidemarkError): Promise<void> {
    if (!this.#threads.delete(thread)) return
    const { job } = thread
    thread.job = null
    job?.cancel()
    job?.waiting.reject(error)
    await thread.worker.terminate()
    this.#next()
  }
}

const tooLarge = (why: string): TidemarkError => new TidemarkError('relay/too-large', why)
const closed = (): TidemarkError => new TidemarkError('relay/busy', 'the relay restarts')
