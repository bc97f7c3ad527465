/**
 * Searches seeds for failures, in parallel: one worker thread per core, each with its own share of the seeds.
 */
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { type CoverageReport, sumCoverage } from './coverage.ts'
import type { Faults } from './profile.ts'
import type { Failure } from './world.ts'

/** What every seed of a search runs with. */
export interface SearchJob {
  readonly replicas: number
  readonly documents: number
  readonly steps: number
  readonly faults: Faults
  /** Path of the app's module; null for the built-in entity. */
  readonly schema: string | null
}

export interface SearchOptions extends SearchJob {
  readonly firstSeed: number
  readonly seeds: number
  /** Real time after which no further seed is begun. */
  readonly maxMs: number
  readonly workers?: number
  /** Failing seeds after which the search ends. */
  readonly maxFailures?: number
  readonly onProgress?: (progress: Progress) => void
}

export interface Progress {
  readonly done: number
  readonly seeds: number
  readonly failed: number
  readonly elapsedMs: number
  readonly virtualMs: number
  /** The seed that was just done, where it failed. */
  readonly lastFailure: FailedSeed | null
}

export interface FailedSeed {
  readonly seed: number
  readonly failures: readonly Failure[]
}

export interface SearchReport extends Progress {
  readonly failed: number
  readonly failedSeeds: readonly FailedSeed[]
  readonly coverage: CoverageReport
  readonly events: number
  readonly writes: number
}

/** What a worker answers for one seed. */
export interface SeedResult extends FailedSeed {
  readonly coverage: CoverageReport
  readonly virtualMs: number
  readonly events: number
  readonly writes: number
}

export async function search(options: SearchOptions): Promise<SearchReport> {
  const { firstSeed, seeds, maxMs, workers = availableParallelism(), maxFailures = 10, onProgress } = options
  const startedMs = performance.now()
  const results: SeedResult[] = []
  const failedSeeds: FailedSeed[] = []
  let next = firstSeed
  const progress = (lastFailure: FailedSeed | null): Progress => ({
    lastFailure,
    seeds,
    done: results.length,
    failed: failedSeeds.length,
    elapsedMs: performance.now() - startedMs,
    virtualMs: results.reduce((sum, { virtualMs }) => sum + virtualMs, 0),
  })
  const isOver = (): boolean => next >= firstSeed + seeds || performance.now() - startedMs >= maxMs || failedSeeds.length >= maxFailures
  await Promise.all(
    Array.from({ length: Math.min(workers, seeds) }, () =>
      runWorker(
        options,
        () => (isOver() ? null : next++),
        (result) => {
          results.push(result)
          const failed = result.failures.length > 0 ? { seed: result.seed, failures: result.failures } : null
          if (failed !== null) failedSeeds.push(failed)
          onProgress?.(progress(failed))
        },
      ),
    ),
  )
  failedSeeds.sort((a, b) => a.seed - b.seed)
  const sum = (read: (result: SeedResult) => number): number => results.reduce((total, result) => total + read(result), 0)
  return {
    ...progress(null),
    failedSeeds,
    coverage: sumCoverage(results.map(({ coverage }) => coverage)),
    events: sum(({ events }) => events),
    writes: sum(({ writes }) => writes),
  }
}

/** Feeds one worker seed after seed until `take` gives null. */
function runWorker(job: SearchJob, take: () => number | null, took: (result: SeedResult) => void): Promise<void> {
  const { replicas, documents, steps, faults, schema } = job
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  const workerData: SearchJob = { replicas, documents, steps, faults, schema }
  const worker = new Worker(new URL(`./search-worker.${extension}`, import.meta.url), { workerData })
  return new Promise((resolve, reject) => {
    const give = (): void => {
      const seed = take()
      if (seed === null) worker.terminate().then(() => resolve(), reject)
      else worker.postMessage(seed)
    }
    worker.on('message', (result: SeedResult) => {
      took(result)
      give()
    })
    worker.on('error', reject)
    give()
  })
}
