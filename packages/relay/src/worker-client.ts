/**
 * Calls the methods of one worker of the SQLite log.
 *
 * Invariant: a worker that dies fails everything that was asked of it and all that is asked later.
 */
import { Worker } from 'node:worker_threads'
import { TidemarkError } from '@tidemark/base'
import { type Answer, type Call, errorOf, startId, type WorkerStart } from './sqlite-calls.ts'

type Method = (...values: never[]) => unknown
type Parameter<M, K extends keyof M> = M[K] extends (...values: infer V) => unknown ? V : never
type Result<M, K extends keyof M> = M[K] extends (...values: never[]) => infer R ? R : never

export interface WorkerClient<M extends Record<keyof M, Method>> {
  call<K extends keyof M & string>(method: K, ...values: Parameter<M, K>): Promise<Result<M, K>>
  /** The same, but these buffers in the values are handed over instead of copied. */
  give<K extends keyof M & string>(given: readonly ArrayBuffer[], method: K, ...values: Parameter<M, K>): Promise<Result<M, K>>
  /** Lets the worker finish, and waits until it has ended. */
  close(): Promise<void>
  /** Ends the worker at once; what was asked of it fails. */
  kill(): Promise<void>
}

/** @throws {TidemarkError} what the worker says when it cannot start. */
export async function startWorker<M extends Record<keyof M, Method>>(
  data: WorkerStart,
  onDeath: (error: TidemarkError) => void = () => undefined,
): Promise<WorkerClient<M>> {
  const client = new Client<M>(data)
  await client.started
  client.onDeath = onDeath
  return client
}

class Client<M extends Record<keyof M, Method>> implements WorkerClient<M> {
  readonly started: Promise<unknown>
  /** Called when the worker ends although nobody closed it. */
  onDeath: (error: TidemarkError) => void = () => undefined
  readonly #worker: Worker
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>()
  readonly #exited: Promise<void>
  #lastId = startId
  #failure: TidemarkError | null = null

  constructor(data: WorkerStart) {
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
    this.#worker = new Worker(new URL(`./sqlite-worker.${extension}`, import.meta.url), { workerData: data, name: `log-${data.role}` })
    this.started = this.#expect(startId)
    this.#worker.on('message', (answer: Answer) => this.#settle(answer))
    this.#worker.on('error', (error) => this.#die(error))
    this.#exited = new Promise((resolve) => {
      this.#worker.on('exit', () => {
        this.#die(new Error('the worker has ended'))
        resolve()
      })
    })
  }

  call<K extends keyof M & string>(method: K, ...values: Parameter<M, K>): Promise<Result<M, K>> {
    return this.#ask(method, values, []) as Promise<Result<M, K>>
  }

  give<K extends keyof M & string>(given: readonly ArrayBuffer[], method: K, ...values: Parameter<M, K>): Promise<Result<M, K>> {
    return this.#ask(method, values, given) as Promise<Result<M, K>>
  }

  async close(): Promise<void> {
    if (this.#failure === null) {
      const closed = this.#ask('close', [], [])
      this.#failure = new TidemarkError('relay/log-failed', 'the log is closed')
      await closed
    }
    await this.#exited
  }

  async kill(): Promise<void> {
    this.#failure ??= new TidemarkError('relay/log-failed', 'the log is closed')
    await this.#worker.terminate()
    await this.#exited
  }

  #ask(method: string, values: readonly unknown[], given: readonly ArrayBuffer[]): Promise<unknown> {
    if (this.#failure !== null) return Promise.reject(this.#failure)
    const call: Call = { id: ++this.#lastId, method, values }
    const answer = this.#expect(call.id)
    this.#worker.postMessage(call, given)
    return answer
  }

  #expect(id: number): Promise<unknown> {
    const waiting = Promise.withResolvers<unknown>()
    this.#waiting.set(id, waiting)
    return waiting.promise
  }

  #settle(answer: Answer): void {
    const waiting = this.#waiting.get(answer.id)
    this.#waiting.delete(answer.id)
    if ('failure' in answer) waiting?.reject(errorOf(answer.failure))
    else waiting?.resolve(answer.value)
  }

  #die(cause: unknown): void {
    const isUnexpected = this.#failure === null
    this.#failure ??= new TidemarkError('relay/log-failed', `the log's worker is gone: ${String(cause)}`, { cause })
    if (isUnexpected) this.onDeath(this.#failure)
    const waiting = [...this.#waiting.values()]
    this.#waiting.clear()
    for (const one of waiting) one.reject(this.#failure)
  }
}
