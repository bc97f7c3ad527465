import { expect, test } from 'vitest'
import { faultNames, scenario, search, simulate } from '../src/index.ts'

const job = { documents: 3, faults: 'all', schema: null } as const

test('no promise is broken in the fixed seeds', async () => {
  const report = await search({ ...job, replicas: 3, steps: 80, firstSeed: 1, seeds: 300, maxMs: 600_000 })
  expect(report.failedSeeds).toEqual([])
  expect(report.done).toBe(300)
  // Every fault bit somewhere.
  expect(Object.keys(report.coverage.faults).sort()).toEqual([...faultNames].sort())
}, 600_000)

/** Seeds that fail when the fix of what the simulator found in shipped code is taken out again. */
test.each([
  [1, 'none', 3, 300, 'a status that says confirmed before what is pending was counted'],
  [7, ['restore', 'read-only'], 2, 150, 'a document that is never carried back because the relay once refused it'],
  [22, ['restore', 'read-only'], 2, 150, 'a document that is never carried back because the relay once refused it'],
  [1, ['short-tokens'], 5, 60, 'a commit for each renewal of a sign-in that changes nothing'],
  [144, 'all', 5, 300, 'a sign-in that ends because the clock of its device was set back'],
  [5145, 'all', 5, 300, 'a user whose client id a stock client claimed by handing it on to a restored relay'],
  [646, 'all', 5, 300, 'a receipt rejected by a refusal that was tried again meanwhile'],
  [45, ['chosen'], 3, 150, 'a document made where documents are chosen that has nothing of what the relay had of it'],
  [5264, 'all', 5, 300, 'a carried document refused because what superseded a pruned entry is pruned too'],
  [4, ['purge'], 3, 120, 'a purge of which a device that was away never hears, since its database was still storing the welcome'],
  [
    27,
    ['purge', 'chosen', 'presence', 'crash-tab', 'evict', 'restore', 'relay-kill', 'closed'],
    3,
    120,
    'a document that was erased for good and opens as if it were empty',
  ],
  [30, 'all', 3, 80, 'a change confirmed though a full disk had refused it, by a state that had been given up'],
  [260, 'all', 3, 80, 'a proposal without an answer because the log failed while a hook was thinking about it'],
  [1, 'none', 3, 300, 'a value over a withdrawal that the guard takes for the end of a conflict'],
] as const)(
  'seed %i, %s, %i replicas, %i steps: no more %s',
  async (seed, faults, replicas, steps, _what) => {
    expect((await simulate({ seed, faults, replicas, steps })).failures).toEqual([])
  },
  60_000,
)

test('[P6] a tab that takes the lead counts anew what is pending', async () => {
  const notation = `+7767 b1 create report/d0 {"title":"open","severity":"high","reading":-1}; a3 crash-tab 2374; +11035 a1 set report/d1 {"severity":"high"};
    +2950 a1 set report/d0 {"title":"https://example.org/"}; +7947 a1 crash-tab 4268`
  expect((await scenario(notation, { seed: 24, replicas: 3, faults: 'all' })).failures).toEqual([])
})
