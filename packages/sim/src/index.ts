export type { CustomAction } from './actions.ts'
export { type CoverageReport, sumCoverage } from './coverage.ts'
export { type Dice, seededDice } from './dice.ts'
export type { FieldValues } from './entities.ts'
export { type FaultName, type Faults, faultNames } from './profile.ts'
export type { HookSurroundings, HooksUnderTest } from './relay-hooks.ts'
export { SimReport } from './report.ts'
export type { RuleInput, Rules } from './rules.ts'
export { type FailedSeed, type Progress, type SearchJob, type SearchOptions, type SearchReport, search } from './search.ts'
export { type ShrinkOptions, type Shrunk, shrink } from './shrink.ts'
export {
  type Outcome,
  runSteps,
  type ScenarioOptions,
  type SimulateOptions,
  type SimulationOptions,
  scenario,
  simulate,
} from './simulate.ts'
export { formatSteps, parseSteps, type Step } from './step.ts'
export type { Failure, Ports } from './world.ts'
