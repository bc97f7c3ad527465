import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { formatSteps, parseSteps, runSteps, scenario, simulate } from '../src/index.ts'

describe('determinism', () => {
  test('two runs of one seed give the same trace, byte for byte', async () => {
    const options = { seed: 11, steps: 120, trace: true } as const
    const first = await simulate(options)
    const second = await simulate(options)
    expect(first.failures).toEqual([])
    expect(second.traceHash).toBe(first.traceHash)
    expect(second.trace).toEqual(first.trace)
    expect(first.trace.length).toBeGreaterThan(1_000)
  })

  test('processes with other hash seeds, time zones, languages and clocks give the same trace', async () => {
    const script = fileURLToPath(new URL('./hash-of-seed.ts', import.meta.url))
    const run = async (flags: readonly string[], env: Readonly<Record<string, string>>): Promise<string> =>
      (await promisify(execFile)(process.execPath, [...flags, script, '17'], { env: { ...process.env, ...env } })).stdout
    const hashes = await Promise.all([
      run(['--hash-seed=1', '--random-seed=1'], { TZ: 'Pacific/Auckland', LANG: 'de_DE.UTF-8', LC_ALL: 'de_DE.UTF-8' }),
      run(['--hash-seed=2', '--random-seed=2', '--no-opt'], { TZ: 'America/St_Johns', LANG: 'C', LC_ALL: 'C' }),
    ])
    expect(hashes[0]).toMatch(/^[0-9a-f]{16}$/)
    expect(hashes[1]).toBe(hashes[0])
    expect((await simulate({ seed: 17, replicas: 5, steps: 120 })).traceHash).toBe(hashes[0])
  }, 60_000)

  test('another seed gives another trace', async () => {
    const hashes = [await simulate({ seed: 1, steps: 30 }), await simulate({ seed: 2, steps: 30 })].map(({ traceHash }) => traceHash)
    expect(hashes[0]).not.toBe(hashes[1])
  })

  test('the steps of a run, written down and read back, give the same run', async () => {
    const { steps, traceHash } = await simulate({ seed: 5, steps: 80 })
    const again = await runSteps(parseSteps(formatSteps(steps)), { seed: 5, replicas: 3, faults: 'all' })
    expect(again.traceHash).toBe(traceHash)
  })
})

describe('notation', () => {
  test('a scenario is one line', async () => {
    const notation =
      'a1 create report/d0 {"title":"Roof","severity":"low","reading":1}; +2000 b1 set report/d0 {"title":"Roof, north"}; +10 relay relay-kill 500'
    expect((await scenario(notation)).failures).toEqual([])
  })

  test.each(['a1', '+5 a1', 'a1 set report/d0 {"title"', 'a1 dance', 'a1 open report/d99', 'relay dance'])(
    'refuses %s',
    async (notation) => {
      await expect(scenario(notation)).rejects.toThrow(SyntaxError)
    },
  )
})
