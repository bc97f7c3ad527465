/**
 * `npm run kill:relay`: 200 kills under load from 20 writers on 50 documents, in a directory of its own.
 *
 *   --seed N     (1)      --kills N    (200)
 *   --writers N  (20)     --documents N (50)
 *   --faults     the log fails by chance as well
 *   --full       the disk becomes full in each life, and is so at some of the kills; needs the right to mount a file system
 *
 * Ends with 1 when anything that was acknowledged or shown is missing, or replicas differ.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { mountSmall } from './ballast.ts'
import { killRun } from './run.ts'

const text = { type: 'string' } as const
const { values } = parseArgs({
  options: { seed: text, kills: text, writers: text, documents: text, faults: { type: 'boolean' }, full: { type: 'boolean' } },
})
const number = (value: string | undefined, otherwise: number): number => (value === undefined ? otherwise : Number(value))
const say = (line: string): void => void process.stdout.write(`${line}\n`)

const disk = values.full === true ? mountSmall(256 << 20) : null
if (values.full === true && disk === null) {
  say('--full needs the right to mount a file system')
  process.exit(1)
}
const directory = disk?.directory ?? mkdtempSync(join(tmpdir(), 'tidemark-kill-'))
const startMs = performance.now()
const options = {
  seed: number(values.seed, 1),
  kills: number(values.kills, 200),
  writers: number(values.writers, 20),
  documents: number(values.documents, 50),
  faults: values.faults === true,
  full: values.full === true,
}
const report = await killRun({ ...options, directory, pushes: [50, 1_000], tell: say })
if (disk === null) rmSync(directory, { recursive: true })
else disk.unmount()
const seconds = ((performance.now() - startMs) / 1_000).toFixed(0)
say(JSON.stringify({ ...options, ...report, missing: report.missing.length, seconds }))
if (report.missing.length > 0) say(`MISSING: ${report.missing.slice(0, 20).join(' ')}`)
process.exit(report.missing.length === 0 && report.areEqual ? 0 : 1)
