import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { realRun } from './run.ts'

const folder = mkdtempSync(join(tmpdir(), 'tidemark-real-'))
const page = join(folder, 'page')
/** `TIDEMARK_REAL_SEEDS=50 npx vitest run --project e2e packages/sim` runs more of them. */
const seeds = Number(process.env.TIDEMARK_REAL_SEEDS ?? 2)

beforeAll(async () => {
  const root = fileURLToPath(new URL('./page', import.meta.url))
  await build({ root, configFile: false, logLevel: 'warn', build: { outDir: page, emptyOutDir: true } })
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

test.each(Array.from({ length: seeds }, (_, i) => i + 1))(
  '[P1] [P2] [P3] real devices, a real relay and real kills: seed %i',
  async (seed) => {
    const directory = mkdtempSync(join(folder, `seed-${seed}-`))
    const { failures, promises, kills } = await realRun({ seed, steps: 70, processes: 2, browsers: 1, directory, page })
    expect(failures).toEqual([])
    expect(promises).toBeGreaterThan(20)
    expect(kills).toBeGreaterThan(0)
  },
  120_000,
)
