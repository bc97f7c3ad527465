/** The worker of `hunt`: plants one bug and runs seeds until enough of them fail. */
import { parentPort, workerData } from 'node:worker_threads'
import type { Quarry, Sighting } from './hunt.ts'
import { deviceBugs } from './in-devices.ts'
import { hookBugs } from './in-hooks.ts'
import { sourceBugs } from './in-source.ts'
import { othersBugs } from './others.ts'
import { patchSource } from './source-patch.ts'

const { name, faults, replicas, documents, steps, maxSeeds, sightings } = workerData as Quarry
// These lists import nothing of Tidemark, so that the patch comes before it.
const source = [...sourceBugs, ...deviceBugs, ...hookBugs, ...othersBugs].find((bug) => bug.name === name)?.source
if (source !== undefined) patchSource(source)
const { simulate } = await import('../../src/index.ts')
const { plantedBugs } = await import('./all.ts')
const bug = plantedBugs.find((one) => one.name === name)
if (bug === undefined) throw new Error(`there is no planted bug ${name}`)
if (bug.source !== source) throw new Error(`${name} was not planted: its list is not among those above`)

for (let seed = 1, seen = 0; seed <= maxSeeds && seen < sightings; seed++) {
  const { failures } = await simulate({ seed, replicas, documents, steps, faults, ...bug.plant?.() })
  if (failures.length === 0) continue
  seen++
  parentPort?.postMessage({ seed, oracles: [...new Set(failures.map(({ oracle }) => oracle))] } satisfies Sighting)
}
