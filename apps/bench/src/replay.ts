/** `npm run replay`: the whole recorded session over a real relay, with a progress bar and its figures. */
import { parseArgs } from 'node:util'
import { Presets, SingleBar } from 'cli-progress'
import { replay } from './replay-run.ts'
import { readFinalText, readTrace, textAfter } from './trace.ts'

const usage = `npm run replay -- [--edits N] [--turn N]

Replays a recorded editing session through two replicas that take turns over a real relay process.

  --edits N   only the first N keystrokes (all 259,778 by default)
  --turn N    keystrokes of one turn (2,000)`

const { values } = parseArgs({ options: { edits: { type: 'string' }, turn: { type: 'string' }, help: { type: 'boolean', short: 'h' } } })
if (values.help === true) {
  console.log(usage)
  process.exit(0)
}
const count = (value: string | undefined, fallback: number): number => {
  const number = Number(value ?? fallback)
  if (Number.isInteger(number) && number > 0) return number
  console.error(`A whole number above 0, not ${value}.\n\n${usage}`)
  process.exit(1)
}
const trace = readTrace()
const edits = trace.slice(0, count(values.edits, trace.length))
const bar = new SingleBar(
  {
    format: 'Replaying {bar} {percentage} % | {value} of {total} keystrokes | {eta_formatted} left',
    noTTYOutput: true,
    notTTYSchedule: 10_000,
  },
  Presets.shades_classic,
)
bar.start(edits.length, 0)
const result = await replay({ edits, turnEdits: count(values.turn, 2_000), progress: (done) => bar.update(done) })
bar.stop()

const expected = edits.length === trace.length ? readFinalText() : textAfter(edits)
const equal = result.texts.filter((text) => text === expected).length
const megabytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`
console.log(`
${equal} of ${result.texts.length} replicas have exactly the expected text (${expected.length} characters).
${edits.length} keystrokes in ${result.turns} turns, ${result.offlineTurns} of them offline
typing      ${(result.typingMs / 1000).toFixed(1)} s, ${Math.round(edits.length / (result.typingMs / 1000))} keystrokes a second
in all      ${(result.totalMs / 1000).toFixed(1)} s until everything was confirmed and both were equal
fresh join  ${(result.joinMs / 1000).toFixed(2)} s, after the relay was killed and started again
relay       ${result.relayMemory === null ? 'memory unknown' : `${megabytes(result.relayMemory.peakBytes)} at its highest, ${megabytes(result.relayMemory.nowBytes)} at the end`}; log ${megabytes(result.logBytes)}`)
process.exit(equal === result.texts.length ? 0 : 1)
