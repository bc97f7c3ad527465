/**
 * The reading workers of the SQLite log, with a limit on time: one thread that reads, and one more that computes compactions once
 * there are any.
 *
 * Why it exists: to merge a document that somebody has grown on purpose can take minutes. Nobody else may wait for it, neither
 * the readers of other spaces nor whoever asks for another document.
 *
 * Invariants
 * 1. A thread works on one call at a time; one that takes longer than its limit is ended with its thread, and fails alone. What
 *    waits behind it goes on in another thread: reading changes nothing.
 * 2. A thread that dies by itself fails everything, now and later.
 */
import { type Clock, TidemarkError } from '@tidemark/base'
import type { ReadMethods, WorkerStart } from './sqlite-calls.ts'
import { startWorker, type WorkerClient } from './worker-client.ts'

export interface ReadingOptions {
  readonly start: Omit<WorkerStart, 'role'>
  readonly clock: Clock
  readonly limitMs: number
  /** Told of each call that was ended. */
  readonly onOverdue: (error: TidemarkError) => void
  readonly onDeath: ((error: TidemarkError) => void) | undefined
}

type Method = keyof ReadMethods & string
type Values<K extends Method> = Parameters<ReadMethods[K]>
type Result<K extends Method> = ReturnType<ReadMethods[K]>

interface Waiting {
  readonly method: Method
  readonly values: readonly unknown[]
  readonly answer: PromiseWithResolvers<unknown>
}

/** @throws {TidemarkError} what the worker says when it cannot start. */
export async function startReading(options: ReadingOptions): Promise<ReadingThread> {
  const thread = new ReadingThread(options)
  await thread.started
  return thread
}

export class ReadingThread {
  readonly #options: ReadingOptions
  readonly #line: Waiting[] = []
  #worker: Promise<WorkerClient<ReadMethods>>
  #isBusy = false
  #ended = 0
  #closing: Promise<void> | null = null

  constructor(options: ReadingOptions) {
    this.#options = options
    this.#worker = this.#begin()
    // Whoever calls hears of it.
    this.#worker.catch(() => undefined)
  }

  /** Calls that took too long and were ended. */
  get ended(): number {
    return this.#ended
  }

  get started(): Promise<unknown> {
    return this.#worker
  }

  /** @throws {TidemarkError} `relay/too-large` for a document, `relay/busy` for anything else that took too long. */
  call<K extends Method>(method: K, ...values: Values<K>): Promise<Result<K>> {
    if (this.#closing !== null) return Promise.reject(closed())
    const answer = Promise.withResolvers<unknown>()
    this.#line.push({ method, values, answer })
    if (!this.#isBusy) void this.#run()
    return answer.promise as Promise<Result<K>>
  }

  /** Answers what was asked, then ends; idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await Promise.allSettled(this.#line.map(({ answer }) => answer.promise))
    await (await this.#worker.catch(() => null))?.close()
  }

  #begin(): Promise<WorkerClient<ReadMethods>> {
    return startWorker<ReadMethods>({ ...this.#options.start, role: 'read' }, this.#options.onDeath)
  }

  async #run(): Promise<void> {
    this.#isBusy = true
    // What is at work stays in the line until it is answered, so that closing waits for it.
    for (let first = this.#line[0]; first !== undefined; first = this.#line[0]) {
      await this.#answer(first)
      this.#line.shift()
    }
    this.#isBusy = false
  }

  async #answer({ method, values, answer }: Waiting): Promise<void> {
    const { clock, limitMs, onOverdue } = this.#options
    const overdue = Promise.withResolvers<null>()
    let cancel = (): void => undefined
    try {
      const worker = await this.#worker
      cancel = clock.schedule(limitMs, () => overdue.resolve(null))
      const asked = worker.call(method, ...(values as never)).then((value) => ({ value }))
      const answered = await Promise.race([asked, overdue.promise])
      if (answered !== null) return answer.resolve(answered.value)
      asked.catch(() => undefined)
      this.#ended++
      const error = tooLong(method, values, limitMs)
      onOverdue(error)
      answer.reject(error)
      await worker.kill()
      this.#worker = this.#begin()
      this.#worker.catch(() => undefined)
    } catch (error) {
      answer.reject(error)
    } finally {
      cancel()
    }
  }
}

function tooLong(method: Method, values: readonly unknown[], limitMs: number): TidemarkError {
  const isOfDocument = method === 'load' || method === 'compacted'
  const what = `reading ${isOfDocument ? String(values[1]) : String(values[0])} takes longer than ${limitMs} ms`
  return new TidemarkError(isOfDocument ? 'relay/too-large' : 'relay/busy', what)
}

const closed = (): TidemarkError => new TidemarkError('relay/log-failed', 'the log is closed')
