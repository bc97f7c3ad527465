/**
 * `npm run slow:relay`: 100 readers that stop reading while a writer sends 200 MB; the relay may grow by 64 MB in all.
 *
 *   --readers N (100)   --megabytes N (200)
 */
import { parseArgs } from 'node:util'
import { slowRun } from './slow-run.ts'

const text = { type: 'string' } as const
const { values } = parseArgs({ options: { readers: text, megabytes: text } })
const tell = (line: string): void => void process.stdout.write(`${line}\n`)
const report = await slowRun({ readers: Number(values.readers ?? 100), bytes: Number(values.megabytes ?? 200) * 1e6, tell })
const grown = report.slowBytes - report.beforeBytes
tell(JSON.stringify(report))
process.exit(report.areEqual && grown < 64e6 ? 0 : 1)
