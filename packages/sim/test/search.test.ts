import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { runCli } from '../src/cli.ts'
import { runSteps, search, shrink, simulate } from '../src/index.ts'
import { plantedBugs } from './planted/all.ts'
import type { PlantedBug } from './planted/planted.ts'

const schema = fileURLToPath(new URL('./fixture-app.ts', import.meta.url))

async function cli(...argv: string[]): Promise<{ code: number; text: string }> {
  let text = ''
  const append = (part: string): void => {
    text += part
  }
  const code = await runCli(argv, { write: append, isTerminal: false })
  return { code, text }
}

test('workers find what one thread finds, and the coverage of all seeds is summed', async () => {
  const job = { replicas: 3, documents: 2, steps: 40, faults: 'all', schema: null } as const
  const report = await search({ ...job, firstSeed: 1, seeds: 6, maxMs: 60_000, workers: 2 })
  expect(report.failedSeeds).toEqual([])
  expect(report.done).toBe(6)
  let events = 0
  for (let seed = 1; seed <= 6; seed++) events += (await simulate({ ...job, seed })).events
  expect(report.events).toBe(events)
  expect(report.coverage.actions.set).toBeGreaterThan(0)
})

const shrinkable = plantedBugs.filter(
  ({ name, plant }) =>
    plant !== undefined &&
    /acknowledgement clears|cursor moves|drops the last|lead is never|forgets delete sets|never carried|every second place|without superseding|hear what others/.test(
      name,
    ),
)

test.each(shrinkable.map((bug) => [bug.name, bug] as const))(
  'a failing seed is shrunk to 15 steps or fewer: %s',
  async (_name, bug: PlantedBug) => {
    for (let seed = 1; seed <= 40; seed++) {
      const options = { seed, faults: bug.faults, replicas: 3 }
      const { failures, steps } = await simulate({ ...options, steps: 60, ...bug.plant?.() })
      const oracle = failures[0]?.oracle
      if (oracle === undefined) continue
      // Wrappers with a memory are planted anew for each run.
      const shrunk = await shrink(steps, oracle, { ...options, maxRuns: 150, fresh: () => bug.plant?.() ?? {} })
      expect(shrunk.steps.length).toBeLessThanOrEqual(15)
      const again = await runSteps(shrunk.steps, { ...options, ...bug.plant?.() })
      expect(again.failures.map((failure) => failure.oracle)).toContain(oracle)
      return
    }
    expect.unreachable('the bug did not show')
  },
  60_000,
)

test('the command line finds a rule that a merge breaks, and prints a command that replays it', async () => {
  const { code, text } = await cli('--seeds', '30', '--steps', '40', '--faults', 'none', '--workers', '1', '--schema', schema)
  expect(code).toBe(1)
  expect(text).toContain('App rules hold: highNeedsReading does not hold')
  const [, seed, notation] = /tidemark-sim --seed (\d+) .*--scenario '(.*)'\n/.exec(text) ?? []
  const replayed = await cli(
    '--seed',
    String(seed),
    '--replicas',
    '3',
    '--faults',
    'none',
    '--schema',
    schema,
    '--scenario',
    String(notation),
  )
  expect(replayed.code).toBe(1)
  expect(replayed.text).toContain('FAILED App rules hold')
}, 60_000)

test('the command line exits with 0 when all is well, and with 2 when it is not understood', async () => {
  expect((await cli('--seeds', '2', '--steps', '20', '--workers', '1')).code).toBe(0)
  expect((await cli('--faults', 'gremlins')).text).toContain('there is no fault gremlins')
  expect((await cli('--frobnicate')).code).toBe(2)
  expect((await cli('--help')).code).toBe(0)
}, 60_000)
