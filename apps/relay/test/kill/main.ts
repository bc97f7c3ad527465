/**
 * `npm run kill:relay`: 200 kills under load from 20 writers on 50 documents, in a directory of its own.
 *
 *   --seed N     (1)      --kills N    (200)
 *   --writers N  (20)     --documents N (50)
 *   --faults     the log fails by chance as well
 *
 * Ends with 1 when anything that was acknowledged or shown is missing, or replicas differ.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { killRun } from './run.ts'

const text = { type: 'string' } as const
const { values } = parseArgs({ options: { seed: text, kills: text, writers: text, documents: text, faults: { type: 'boolean' } } })
const number = (value: string | undefined, otherwise: number): number => (value === undefined ? otherwise : Number(value))
const say = (line: string): void => void process.stdout.write(`${line}\n`)

const directory = mkdtempSync(join(tmpdir(), 'tidemark-kill-'))
const startMs = performance.now()
const options = {
  seed: number(values.seed, 1),
  kills: number(values.kills, 200),
  writers: number(values.writers, 20),
  documents: number(values.documents, 50),
  faults: values.faults === true,
}
const report = await killRun({ ...options, directory, pushes: [50, 1_000], tell: say })
rmSync(directory, { recursive: true })
const seconds = ((performance.now() - startMs) / 1_000).toFixed(0)
say(JSON.stringify({ ...options, ...report, missing: report.missing.length, seconds }))
if (report.missing.length > 0) say(`MISSING: ${report.missing.slice(0, 20).join(' ')}`)
process.exit(report.missing.length === 0 && report.areEqual ? 0 : 1)
