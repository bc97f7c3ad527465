/** The body of a thread of the work pool: does one job after the other. */
import { parentPort } from 'node:worker_threads'
import { failureOf } from '../sqlite-calls.ts'
import { buffersOf } from './buffers.ts'
import { doJob, type JobKind, type Jobs } from './work.ts'

export interface Task {
  readonly id: number
  readonly kind: JobKind
  readonly input: Jobs[JobKind]['input']
}

parentPort?.on('message', ({ id, kind, input }: Task) => {
  try {
    const value = doJob(kind, input)
    parentPort?.postMessage({ id, value }, buffersOf(value))
  } catch (error) {
    parentPort?.postMessage(failureOf(id, error))
  }
})
