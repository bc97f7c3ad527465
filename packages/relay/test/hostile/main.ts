/**
 * `npm run fuzz:relay`: the attacks made by hand, all of them, then 500,000 cases of the fuzzer.
 *
 *   --seed N       of the fuzzer (1)
 *   --cases N      500000
 *   --from N       the block of 50 cases to begin with (0)
 *   --honest       only how long honest edits take alone and beside the attacks: `--seconds N` for each turn (10), `--turns N` (6)
 *   --attacks TEXT only attacks whose name contains it; `none` leaves them out
 *
 * Ends with 1 at the first failure, and says how to run that case again.
 */
import { parseArgs } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { type Latency, measureBeside } from './beside.ts'
import { createFuzz } from './fuzz.ts'
import { maxHeldMs, measureAttacks } from './measure-attacks.ts'

const text = { type: 'string' } as const
const { values } = parseArgs({
  options: { seed: text, cases: text, from: text, attacks: text, honest: { type: 'boolean' }, seconds: text, turns: text },
})
const number = (value: string | undefined, otherwise: number): number => (value === undefined ? otherwise : Number(value))
const say = (line: string): void => void process.stdout.write(`${line}\n`)

const maxHeapGrowthBytes = 64 << 20
// Without it the heap would be told with what is not collected yet.
setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

if (values.honest === true) {
  const { alone, beside, attacks } = await measureBeside(number(values.seconds, 10), number(values.turns, 6))
  const told = ({ edits, failed, p50Ms, p99Ms }: Latency): string =>
    `${edits} edits confirmed, ${failed} not; p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms`
  say(`alone:  ${told(alone)}`)
  say(`beside: ${told(beside)}; ${attacks} attacks`)
  say(`ratio:  p50 ${(beside.p50Ms / alone.p50Ms).toFixed(2)}, p99 ${(beside.p99Ms / alone.p99Ms).toFixed(2)}`)
  process.exit(beside.failed + alone.failed === 0 ? 0 : 1)
}

let isHeld = false
if (values.attacks !== 'none') {
  say('held ms  loop ms  took ms   pushes     bytes  refused  attack')
  await measureAttacks(values.attacks ?? '', ({ heldMs, loopMs, tookMs, pushes, bytes, refused, name }) => {
    isHeld ||= heldMs > maxHeldMs
    const columns = [heldMs.toFixed(1).padStart(7), loopMs.toFixed(0).padStart(8), tookMs.toFixed(0).padStart(8), `${pushes}`.padStart(8)]
    say(`${columns.join(' ')} ${`${bytes}`.padStart(9)} ${`${refused}`.padStart(8)}  ${name}${heldMs > maxHeldMs ? '  TOO LONG' : ''}`)
  })
}

const cases = number(values.cases, 500_000)
const seed = number(values.seed, 1)
const fuzz = createFuzz({ seed, from: number(values.from, 0) })
const startMs = performance.now()
let toldMs = startMs
let settledHeap = 0
let problem: string | null = null
const report = await fuzz.run(cases, (counts) => {
  const nowMs = performance.now()
  if (nowMs - toldMs < 10_000) return
  toldMs = nowMs
  collect()
  const heap = process.memoryUsage().heapUsed
  if (settledHeap === 0) settledHeap = heap
  else if (heap - settledHeap > maxHeapGrowthBytes) problem = `the heap grew from ${settledHeap} to ${heap} bytes`
  say(
    `${JSON.stringify(counts)} ${(counts.cases / ((nowMs - startMs) / 1_000)).toFixed(0)} cases/s, heap ${(heap / 2 ** 20).toFixed(0)} MiB`,
  )
})
const perSecond = report.cases / ((performance.now() - startMs) / 1_000)
say(`seed ${seed}: ${JSON.stringify(report)} ${perSecond.toFixed(0)} cases/s`)
const failure = report.failure ?? problem ?? (isHeld ? `an attack held the event loop for more than ${maxHeldMs} ms` : null)
if (failure !== null) say(`FAILED: ${failure}`)
process.exit(failure === null ? 0 : 1)
