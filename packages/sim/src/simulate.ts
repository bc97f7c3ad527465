/**
 * `simulate` and `scenario`: one run of one world, from its first tab to its oracles.
 */
import type { EntityDefinition } from '@tidemark/schema'
import type { CustomAction } from './actions.ts'
import type { CoverageReport } from './coverage.ts'
import { type FieldValues, simulatedEntity } from './entities.ts'
import { oracles } from './oracles/all.ts'
import type { Oracle } from './oracles/oracle.ts'
import { plainName } from './plain-client.ts'
import { carryOut, drawPlan, type Verbs, verbsOf } from './plan.ts'
import { drawProfile, type Faults } from './profile.ts'
import type { HooksUnderTest } from './relay-hooks.ts'
import { SimReport } from './report.ts'
import { type Rules, ruleOracle } from './rules.ts'
import { look, settle } from './settle.ts'
import { formatStep, parseSteps, type Step } from './step.ts'
import { watchUncaught } from './uncaught.ts'
import { type Failure, type Ports, World } from './world.ts'

/** What a simulation is made of besides its seed. */
export interface SimulationOptions {
  /** Devices, 1 to 26. */
  readonly replicas?: number
  readonly documents?: number
  /** What the app stores; a report with registers, text and rich text when left out. */
  readonly entities?: readonly EntityDefinition[]
  /** Values by `type.field`, where trial finds none that the validator accepts. */
  readonly values?: FieldValues
  /** The app's own edits, drawn like any other. */
  readonly actions?: Readonly<Record<string, CustomAction>>
  /** What must hold for every entity after healing. */
  readonly rules?: Rules
  readonly faults?: Faults
  /** What the app adds to its relay, made anew for each of the relay's lives. Without it faults of hooks have simulated ones. */
  readonly hooks?: HooksUnderTest
  /** Wrappers around ports: how bugs are planted. */
  readonly ports?: Ports
  /** Keeps the lines of the trace. */
  readonly trace?: boolean
}

export interface SimulateOptions extends SimulationOptions {
  readonly seed: number
  readonly steps?: number
}

export interface ScenarioOptions extends SimulationOptions {
  /** Decides latencies and whatever else the notation leaves open. */
  readonly seed?: number
}

export interface Outcome {
  readonly seed: number
  /** Empty when every oracle is content. */
  readonly failures: readonly Failure[]
  readonly steps: readonly Step[]
  /** Equal for two runs of the same seed, on any machine. */
  readonly traceHash: string
  /** Empty unless asked for. */
  readonly trace: readonly string[]
  readonly coverage: CoverageReport
  readonly events: number
  readonly virtualMs: number
  readonly writes: number
}

export const defaults = { replicas: 3, documents: 3, steps: 300 } as const

/** Runs the steps that `seed` draws, heals the world, and asks every oracle. One at a time in a process. */
export function simulate(options: SimulateOptions): Promise<Outcome> {
  return run(options.seed, options, (world, verbs) => drawPlan(world, verbs, options.steps ?? defaults.steps))
}

/**
 * Runs the steps of a notation such as `a1 create report/d0 {…}; +500 b offline true 3000; b1 set report/d0 {…}`.
 *
 * Without `faults` the world is calm but for what the steps do. Heals and asks every oracle as `simulate` does.
 *
 * @throws {SyntaxError} when the notation cannot be read or names what is not there.
 */
export async function scenario(notation: string, options: ScenarioOptions = {}): Promise<Outcome> {
  const steps = parseSteps(notation)
  return await runSteps(steps, options)
}

export function runSteps(steps: readonly Step[], options: ScenarioOptions): Promise<Outcome> {
  const letters = steps.map(({ who }) => (who === 'relay' || who === plainName ? 0 : who.charCodeAt(0) - 96))
  const replicas = options.replicas ?? Math.max(1, ...letters)
  return run(options.seed ?? 1, { faults: 'none', ...options, replicas }, () => steps)
}

async function run(seed: number, options: SimulationOptions, plan: (world: World, verbs: Verbs) => readonly Step[]): Promise<Outcome> {
  const world = createWorld(seed, options)
  const verbs = verbsOf(options.actions ?? {})
  const judges: readonly Oracle[] = options.rules === undefined ? oracles : [...oracles, ruleOracle(options.rules)]
  for (const oracle of judges) oracle.watch?.(world, (detail) => world.fail(oracle.name, detail))
  const steps = plan(world, verbs)
  const caught = (error: unknown): void =>
    world.fail('P6 nothing fails unseen', error instanceof Error ? (error.stack ?? error.message) : String(error))
  await watchUncaught(caught, () => live(world, verbs, steps, judges))
  return {
    seed,
    steps,
    failures: world.failures,
    traceHash: world.trace.hash,
    trace: world.trace.lines,
    coverage: world.coverage.report(),
    events: world.time.events,
    virtualMs: world.time.nowMs,
    writes: world.ledger.writes.length,
  }
}

/** A world that has not started. */
export function createWorld(seed: number, options: SimulationOptions): World {
  const { replicas = defaults.replicas, documents = defaults.documents, faults = 'all', ports = {}, values = {} } = options
  if (!Number.isInteger(replicas) || replicas < 1 || replicas > 26)
    throw new RangeError(`replicas is a whole number from 1 to 26, not ${replicas}`)
  const entities = (options.entities ?? [SimReport]).map((definition) => simulatedEntity(definition, values))
  if (entities.length === 0) throw new RangeError('name at least one entity')
  return new World({
    seed,
    replicas,
    documents,
    entities,
    ports,
    hooks: options.hooks ?? null,
    profile: drawProfile(seed, faults),
    hasCustomActions: Object.keys(options.actions ?? {}).length > 0,
    isTraceKept: options.trace ?? false,
  })
}

async function live(world: World, verbs: Verbs, steps: readonly Step[], judges: readonly Oracle[]): Promise<void> {
  world.start()
  await world.runFor(100)
  for (const step of steps) {
    await world.runFor(step.afterMs)
    if (world.failures.length > 0) return
    world.note(formatStep(step))
    carryOut(world, verbs, step)
  }
  await world.runFor(1_000)
  if (world.failures.length > 0 || !(await settle(world))) return
  const view = await look(world)
  for (const oracle of judges) oracle.atEnd?.(world, view, (detail) => world.fail(oracle.name, detail))
}
