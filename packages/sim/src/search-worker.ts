/** The worker of `search`: simulates each seed that it is sent, and answers. */
import { parentPort, workerData } from 'node:worker_threads'
import { readApp } from './app-module.ts'
import type { SearchJob, SeedResult } from './search.ts'
import { simulate } from './simulate.ts'

const { schema, ...job } = workerData as SearchJob
const app = await readApp(schema)

parentPort?.on('message', async (seed: number) => {
  const { failures, coverage, virtualMs, events, writes } = await simulate({ ...job, ...app(), seed })
  parentPort?.postMessage({ seed, failures, coverage, virtualMs, events, writes } satisfies SeedResult)
})
