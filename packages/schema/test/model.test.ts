/**
 * Random histories against the reference model. `TIDEMARK_MODEL_RUNS=50000 npx vitest run --project node
 * packages/schema/test/model.test.ts` runs as many of each kind; without it a share that fits into every test run.
 */
import fc from 'fast-check'
import { describe, test } from 'vitest'
import { removalBeforeSuccessor } from './model/seeds.ts'
import { shipped } from './model/subject.ts'
import { live, stepsOf } from './model/world.ts'

const total = Number(process.env.TIDEMARK_MODEL_RUNS ?? 0)
const timeoutMs = total > 0 ? 3_600_000 : 30_000
const timeLimitMs = Number(process.env.TIDEMARK_MODEL_LIMIT_MS ?? timeoutMs / 2)
/** The usual share is the same histories each time; a run of its own draws new ones. */
const seed = total > 0 ? {} : { seed: 20_261_123 }
const runs = (share: number, usual: number): number => (total > 0 ? Math.ceil(total * share) : usual)

describe('[P3] [P4] critical fields agree with the reference model', () => {
  test('where the removal of what is shown comes before what superseded it', () => {
    live({ subject: shipped, replicas: 4, keptEntries: 2, causalReads: true }, removalBeforeSuccessor)
  })

  test(
    'in short histories of three',
    () => {
      fc.assert(
        fc.property(stepsOf(3, 25), (steps) => live({ subject: shipped, replicas: 3, keptEntries: 16 }, steps)),
        { ...seed, numRuns: runs(0.4, 1_500), interruptAfterTimeLimit: timeLimitMs },
      )
    },
    timeoutMs,
  )

  for (const { keptEntries, causalReads } of [
    { keptEntries: 2, causalReads: true },
    { keptEntries: 4, causalReads: true },
    { keptEntries: 16, causalReads: false },
  ]) {
    test(
      `in long histories of four that prune to ${keptEntries}`,
      () => {
        fc.assert(
          fc.property(stepsOf(4, 150), (steps) => live({ subject: shipped, replicas: 4, keptEntries, causalReads }, steps)),
          { ...seed, numRuns: runs(0.2, 150), interruptAfterTimeLimit: timeLimitMs },
        )
      },
      timeoutMs,
    )
  }
})
