import { expect, test } from 'vitest'
import { simulate } from '../src/index.ts'
import { oracles } from '../src/oracles/all.ts'
import { plantedBugs } from './planted/all.ts'
import { hunt } from './planted/hunt.ts'

const world = { replicas: 3, documents: 3, steps: 150 } as const
/** A world of three replicas shows the rarest of them only after fifty. */
const maxSeeds = 80
const inPorts = plantedBugs.filter((bug) => bug.source === undefined)
const inSource = plantedBugs.filter((bug) => bug.source !== undefined && bug.isRare !== true)

test.each(inPorts.map((bug) => [String(bug.oracle), bug.name, bug] as const))(
  '%s catches: %s',
  async (oracle, _name, bug) => {
    for (let seed = 1; seed <= maxSeeds; seed++) {
      const { failures } = await simulate({ ...world, seed, faults: bug.faults, ...bug.plant?.() })
      if (failures.some((failure) => failure.oracle === oracle)) return
    }
    expect.unreachable(`not caught by ${oracle} within ${maxSeeds} seeds`)
  },
  60_000,
)

test.each(inSource.map((bug) => [bug.oracle ?? 'an oracle', bug.name, bug] as const))(
  '%s catches in shipped source: %s',
  async (_oracle, _name, { name, faults, oracle }) => {
    const sightings = await hunt({ ...world, name, faults, maxSeeds, sightings: oracle === null ? 1 : 2 })
    const oracles = new Set(sightings.flatMap((one) => one.oracles))
    expect(sightings.length).toBeGreaterThan(0)
    if (oracle !== null) expect(oracles).toContain(oracle)
  },
  120_000,
)

test('every oracle has a bug that it catches', () => {
  const caught = new Set(plantedBugs.map(({ oracle }) => oracle))
  const watching = [
    ...oracles.map(({ name }) => name),
    'P6 everything settles',
    'P5 a settled world is quiet',
    'P6 nothing fails unseen',
    'App rules hold',
  ]
  expect(watching.filter((name) => !caught.has(name))).toEqual([])
})
