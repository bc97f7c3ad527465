import { expect, test } from 'vitest'
import { scenario, search, simulate } from '../src/index.ts'

const job = { documents: 3, faults: 'all', schema: null } as const

test('no promise is broken in the fixed seeds', async () => {
  const report = await search({ ...job, replicas: 3, steps: 80, firstSeed: 1, seeds: 150, maxMs: 600_000 })
  expect(report.failedSeeds).toEqual([])
  expect(report.done).toBe(150)
  expect(Object.keys(report.coverage.faults)).toHaveLength(28)
}, 120_000)

/** Seeds that once found something in the shipped code, with what they found. */
test.each([
  [1, 'none', 'a status that said confirmed before what was pending was counted'],
  [28, 'all', 'an uncaught error when trying again met a failing database'],
  [253, 'all', 'a refusal that a late answer to "try again" took out of view'],
  [269, 'all', 'a document that was never carried back because the relay once refused it'],
  [24, 'all', 'a new leader that showed as pending what its predecessor had seen acknowledged'],
  [1_013, 'all', 'a row that stayed as it was once its document was closed while rows were refreshed'],
] as const)(
  'seed %i, %s faults: no more %s',
  async (seed, faults, _what) => {
    const { failures } = await simulate({ seed, faults, replicas: seed < 200 ? 3 : 5 })
    expect(failures).toEqual([])
  },
  60_000,
)

test('[P6] a tab that takes the lead counts anew what is pending', async () => {
  const notation = `+7767 b1 create report/d0 {"title":"open","severity":"high","reading":-1}; a3 crash-tab 2374; +11035 a1 set report/d1 {"severity":"high"};
    +2950 a1 set report/d0 {"title":"https://example.org/"}; +7947 a1 crash-tab 4268`
  expect((await scenario(notation, { seed: 24, replicas: 3, faults: 'all' })).failures).toEqual([])
})
