import { expect, test } from 'vitest'
import { simulate } from '../src/index.ts'
import { oracles } from '../src/oracles/all.ts'
import { appBugs } from './planted/in-app.ts'
import { logBugs } from './planted/in-log.ts'
import { platformBugs } from './planted/in-platform.ts'
import { storeBugs } from './planted/in-store.ts'

const bugs = [...logBugs, ...storeBugs, ...platformBugs, ...appBugs]
const maxSeeds = 20

test.each(bugs.map((bug) => [bug.oracle, bug.name, bug] as const))(
  '%s catches: %s',
  async (oracle, _name, bug) => {
    for (let seed = 1; seed <= maxSeeds; seed++) {
      const { failures } = await simulate({ seed, steps: 120, faults: bug.faults, ...bug.plant() })
      if (failures.some((failure) => failure.oracle === oracle)) return
    }
    expect.unreachable(`not caught by ${oracle} within ${maxSeeds} seeds`)
  },
  60_000,
)

test('every oracle has a bug that it catches', () => {
  const caught = new Set(bugs.map(({ oracle }) => oracle))
  const watching = [
    ...oracles.map(({ name }) => name),
    'P6 everything settles',
    'P5 a settled world is quiet',
    'P6 nothing fails unseen',
    'App rules hold',
  ]
  expect(watching.filter((name) => !caught.has(name))).toEqual([])
})
