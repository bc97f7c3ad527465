/**
 * `tidemark-sim`: searches seeds, shrinks the first failure, and prints what replays it.
 *
 * Exits with 0 when every oracle was content, 1 when one was not, 2 when the command line is wrong.
 */
import { parseArgs } from 'node:util'
import { readApp } from './app-module.ts'
import { coverageLines } from './coverage-table.ts'
import { applicable, verbsOf } from './plan.ts'
import { type FaultName, type Faults, faultNames } from './profile.ts'
import { type FailedSeed, type Progress, type SearchJob, search } from './search.ts'
import { shrink } from './shrink.ts'
import { createWorld, defaults, runSteps, scenario, simulate } from './simulate.ts'
import { formatSteps } from './step.ts'

export interface Console {
  write(text: string): void
  /** Whether a line may be written over. */
  readonly isTerminal: boolean
}

const usage = `tidemark-sim: runs the shipped client and relay under drawn faults, and checks what they promise.

  --seeds N        seeds to try, from --from on (100)
  --from N         first seed (1)
  --minutes M      real time at most (10)
  --replicas N     devices (${defaults.replicas})
  --documents N    documents (${defaults.documents})
  --steps N        steps of each seed (${defaults.steps})
  --faults LIST    all, none, or names separated by commas: ${faultNames.join(' ')}
  --schema FILE    a module that exports entities, and if you like actions, rules, values, hooks
  --workers N      threads (one per core)
  --coverage       prints the table of faults and actions
  --seed N         replays one seed
  --scenario TEXT  replays the steps of a notation, with --seed for what it leaves open
  --trace          with --seed: prints the trace
`

const text = { type: 'string' } as const
const flag = { type: 'boolean' } as const
const flags = {
  ...{ seeds: text, from: text, minutes: text, replicas: text, documents: text, steps: text, faults: text, schema: text },
  ...{ workers: text, seed: text, scenario: text, coverage: flag, trace: flag, help: flag },
}

type Values = ReturnType<typeof parseArgs<{ options: typeof flags }>>['values']

export async function runCli(argv: readonly string[], out: Console): Promise<number> {
  let values: Values
  let job: SearchJob
  try {
    values = parseArgs({ args: [...argv], options: flags }).values
    job = jobOf(values)
  } catch (error) {
    out.write(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`)
    return 2
  }
  if (values.help === true) {
    out.write(usage)
    return 0
  }
  return values.scenario !== undefined || values.seed !== undefined ? await replay(values, job, out) : await find(values, job, out)
}

function jobOf(values: Values): SearchJob {
  return {
    replicas: count(values.replicas, 'replicas', defaults.replicas),
    documents: count(values.documents, 'documents', defaults.documents),
    steps: count(values.steps, 'steps', defaults.steps),
    faults: faultsOf(values.faults),
    schema: values.schema ?? null,
  }
}

function count(value: string | undefined, name: string, otherwise: number): number {
  const number = value === undefined ? otherwise : Number(value)
  if (!Number.isFinite(number) || number < 0) throw new RangeError(`--${name} takes a number, not ${value}`)
  return number
}

function faultsOf(value: string | undefined): Faults {
  if (value === undefined || value === 'all') return 'all'
  if (value === 'none') return 'none'
  const names = value.split(',')
  const unknown = names.find((name) => !(faultNames as readonly string[]).includes(name))
  if (unknown !== undefined) throw new RangeError(`there is no fault ${unknown}; there are ${faultNames.join(', ')}`)
  return names as FaultName[]
}

async function replay(values: Values, job: SearchJob, out: Console): Promise<number> {
  const { schema, ...options } = job
  const app = await readApp(schema)
  const seed = count(values.seed, 'seed', 1)
  const common = { ...options, ...app(), seed, trace: values.trace === true }
  const outcome = values.scenario === undefined ? await simulate(common) : await scenario(values.scenario, common)
  for (const line of outcome.trace) out.write(`${line}\n`)
  out.write(
    `seed ${seed}, trace ${outcome.traceHash}, ${outcome.events} events, ${(outcome.virtualMs / 60_000).toFixed(1)} virtual minutes\n`,
  )
  for (const { oracle, detail, atMs } of outcome.failures) out.write(`FAILED ${oracle} at ${atMs} ms: ${detail}\n`)
  return outcome.failures.length === 0 ? 0 : 1
}

/** Of all threads; what bounds the rate on a machine that has nothing else to do. */
function processorMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1_000
}

async function find(values: Values, job: SearchJob, out: Console): Promise<number> {
  const bar = progressBar(out)
  const report = await search({
    ...job,
    firstSeed: count(values.from, 'from', 1),
    seeds: count(values.seeds, 'seeds', 100),
    maxMs: count(values.minutes, 'minutes', 10) * 60_000,
    ...(values.workers === undefined ? {} : { workers: count(values.workers, 'workers', 1) }),
    onProgress: bar,
  })
  const { done, elapsedMs, virtualMs, events, writes } = report
  const perMinute = (amount: number): string => (amount / (elapsedMs / 60_000)).toFixed(0)
  out.write(`\n${done} seeds in ${(elapsedMs / 1_000).toFixed(1)} s: ${perMinute(done)} seeds and `)
  out.write(`${perMinute(virtualMs / 3_600_000)} simulated hours a minute, ${events} events, ${writes} writes\n`)
  out.write(`${(processorMs() / done / 1_000).toFixed(2)} s of processor time a seed\n`)
  const { schema, ...options } = job
  const app = (await readApp(schema))()
  const verbs = applicable(
    createWorld(1, { ...options, ...app }),
    verbsOf(app.actions ?? {}),
    (name) => (report.coverage.drawn[name] ?? 0) > 0,
  )
  for (const line of coverageLines(report.coverage, verbs, values.coverage === true)) out.write(`${line}\n`)
  const [first] = report.failedSeeds
  if (first === undefined) return 0
  out.write(`\n${report.failedSeeds.length} seeds fail:\n`)
  for (const { seed, failures } of report.failedSeeds) out.write(`  ${seed}: ${failures[0]?.oracle}: ${failures[0]?.detail}\n`)
  await shrinkFirst(first, job, out)
  return 1
}

async function shrinkFirst({ seed, failures }: FailedSeed, job: SearchJob, out: Console): Promise<void> {
  const { schema, ...options } = job
  const app = await readApp(schema)
  const oracle = failures[0]?.oracle ?? ''
  const { steps } = await simulate({ ...options, ...app(), seed })
  const common = `--seed ${seed} --replicas ${job.replicas} --documents ${job.documents}${schema === null ? '' : ` --schema ${schema}`}`
  const faults = typeof job.faults === 'string' ? job.faults : job.faults.join(',')
  out.write(`\nreplay:  tidemark-sim ${common} --steps ${job.steps} --faults ${faults}\n`)
  const shrunk = await shrink(steps, oracle, {
    ...options,
    fresh: app,
    seed,
    onRun: (runs, length) => out.write(out.isTerminal ? `\rshrinking: ${length} steps after ${runs} runs  ` : ''),
  })
  const isCalm = (await runSteps(shrunk.steps, { ...options, ...app(), seed, faults: 'none' })).failures.some(
    (one) => one.oracle === oracle,
  )
  out.write(`${out.isTerminal ? '\n' : ''}shrunk to ${shrunk.steps.length} steps in ${shrunk.runs} runs:\n`)
  out.write(
    `  tidemark-sim ${common} --faults ${isCalm ? 'none' : faults} --scenario '${formatSteps(shrunk.steps).replaceAll("'", "'\\''")}'\n`,
  )
}

/** One line that is written over, or on a dumb terminal one every tenth part. */
function progressBar(out: Console): (progress: Progress) => void {
  let tenth = -1
  return ({ done, seeds, failed, elapsedMs, lastFailure }) => {
    if (lastFailure !== null)
      out.write(
        `${out.isTerminal ? '\r' : ''}seed ${lastFailure.seed} fails: ${lastFailure.failures[0]?.oracle}: ${lastFailure.failures[0]?.detail}\n`,
      )
    const share = done / seeds
    const bar = `${'█'.repeat(Math.round(share * 30))}${'░'.repeat(30 - Math.round(share * 30))}`
    const line = `${bar} ${done}/${seeds} seeds, ${failed} failed, ${(elapsedMs / 1_000).toFixed(0)} s`
    if (out.isTerminal) return out.write(`\r${line} `)
    if (Math.floor(share * 10) === tenth) return
    tenth = Math.floor(share * 10)
    out.write(`${line}\n`)
  }
}
