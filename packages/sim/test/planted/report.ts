/**
 * `npm run planted`: for each planted bug, after how many seeds it is caught under its own faults and in the general
 * mix, and by which oracle. Exits with 1 when one is missed under its own faults.
 *
 *   --only TEXT      bugs whose name contains it
 *   --seeds N        seeds under its own faults (300)
 *   --mix N          seeds of the general mix (2000); 0 leaves it out
 *   --replicas N --documents N --steps N (5, 3, 300)
 */
import { parseArgs } from 'node:util'
import { plantedBugs } from './all.ts'
import { hunt, type Sighting } from './hunt.ts'
import type { PlantedBug } from './planted.ts'

const text = { type: 'string' } as const
const { values } = parseArgs({
  options: { only: text, seeds: text, mix: text, replicas: text, documents: text, steps: text, workers: text },
})
const number = (value: string | undefined, otherwise: number): number => (value === undefined ? otherwise : Number(value))
const world = { replicas: number(values.replicas, 5), documents: number(values.documents, 3), steps: number(values.steps, 300) }
const [seeds, mix] = [number(values.seeds, 300), number(values.mix, 2_000)]

const say = (line: string): void => void process.stdout.write(`${line}\n`)

interface Finding {
  readonly bug: PlantedBug
  readonly own: readonly Sighting[]
  readonly general: readonly Sighting[]
}

async function find(bug: PlantedBug): Promise<Finding> {
  const own = await hunt({ ...world, name: bug.name, faults: bug.faults, maxSeeds: seeds, sightings: 3 })
  const general = mix === 0 ? [] : await hunt({ ...world, name: bug.name, faults: 'all', maxSeeds: mix, sightings: 1 })
  const finding = { bug, own, general }
  say(lineOf(finding))
  return finding
}

function lineOf({ bug, own, general }: Finding): string {
  const oracles = [...new Set([...own, ...general].flatMap((one) => one.oracles))].sort().join('; ')
  const first = (sightings: readonly Sighting[]): string => (sightings[0] === undefined ? 'missed' : String(sightings[0].seed))
  const faults = typeof bug.faults === 'string' ? bug.faults : bug.faults.join(' ')
  return `| ${bug.name} | ${faults} | ${first(own)} | ${mix === 0 ? '' : first(general)} | ${oracles} |`
}

say('| bug | its faults | first seed | first of the general mix | caught by |')
say('| --- | --- | --- | --- | --- |')
const waiting = plantedBugs.filter(({ name }) => name.includes(values.only ?? ''))
const total = waiting.length
const findings: Finding[] = []
await Promise.all(
  Array.from({ length: number(values.workers, 2) }, async () => {
    for (let bug = waiting.shift(); bug !== undefined; bug = waiting.shift()) findings.push(await find(bug))
  }),
)
const caught = findings.filter(({ own }) => own.length > 0).length
const inMix = findings.filter(({ general }) => general.length > 0).length
const unseen = findings.filter(({ bug, own, general }) => {
  const oracles = [...own, ...general].flatMap((one) => one.oracles)
  return bug.oracle !== null && !oracles.includes(bug.oracle)
})
say(`\n${caught} of ${total} caught within ${seeds} seeds of their own faults`)
if (mix > 0) say(`${inMix} of ${total} caught within ${mix} seeds of the general mix (${((inMix / total) * 100).toFixed(0)} %)`)
for (const { bug } of unseen) say(`not (yet) caught by the oracle that it was planted for: ${bug.name} (${bug.oracle})`)
process.exitCode = caught === total ? 0 : 1
