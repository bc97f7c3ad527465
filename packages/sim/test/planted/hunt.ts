/** Hunts a planted bug: in which seeds it shows, and which oracles see it. */
import { Worker } from 'node:worker_threads'
import type { Faults } from '../../src/index.ts'

export interface Quarry {
  /** A planted bug. */
  readonly name: string
  readonly faults: Faults
  readonly replicas: number
  readonly documents: number
  readonly steps: number
  readonly maxSeeds: number
  /** Failing seeds after which the hunt ends. */
  readonly sightings: number
}

/** A seed that fails. */
export interface Sighting {
  readonly seed: number
  readonly oracles: readonly string[]
}

/** Each hunt has a thread of its own, so that source that is changed there is as it was everywhere else. */
export function hunt(quarry: Quarry): Promise<readonly Sighting[]> {
  const worker = new Worker(new URL('./hunt-worker.ts', import.meta.url), { workerData: quarry })
  const sightings: Sighting[] = []
  worker.on('message', (sighting: Sighting) => sightings.push(sighting))
  return new Promise((resolve, reject) => {
    worker.on('error', reject)
    worker.on('exit', () => resolve(sightings))
  })
}
