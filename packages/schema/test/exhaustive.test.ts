/**
 * Every history of three replicas and four operations, with every choice of what each author had seen, delivered to an
 * observer in every order. `TIDEMARK_ALL_KINDS=1 npx vitest run --project node packages/schema/test/exhaustive.test.ts`
 * takes all kinds of operations; without it three kinds, and every history that differs by more than names.
 */
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { shipped } from './model/subject.ts'
import { type Act, World } from './model/world.ts'
import { newDoc } from './notation.ts'

const allKinds = process.env.TIDEMARK_ALL_KINDS === '1'
const kinds = allKinds ? (['set', 'decide', 'withdraw', 'undo', 'delete', 'restore'] as const) : (['set', 'decide', 'withdraw'] as const)
const operations = 4

interface Planned {
  readonly at: number
  readonly kind: (typeof kinds)[number]
  /** The earlier operations that arrive at the author just before. */
  readonly seen: readonly number[]
}

const subsets = (count: number): number[][] =>
  Array.from({ length: 2 ** count }, (_, bits) => [...Array(count).keys()].filter((index) => bits & (1 << index)))

/** All plans in which replicas first appear in order, so that none is another with the names exchanged. */
function* plans(length: number): Generator<Planned[]> {
  if (length === 0) {
    yield []
    return
  }
  for (const before of plans(length - 1)) {
    const known = Math.max(-1, ...before.map(({ at }) => at))
    for (let at = 0; at <= Math.min(known + 1, 2); at++) {
      for (const kind of kinds) {
        if (before.length === 0 && kind !== 'set') continue
        const others = before.flatMap((one, index) => (one.at === at ? [] : [index]))
        for (const chosen of subsets(others.length)) yield [...before, { at, kind, seen: chosen.map((index) => others[index] as number) }]
      }
    }
  }
}

function permutations(count: number): number[][] {
  if (count === 0) return [[]]
  return permutations(count - 1).flatMap((rest) => Array.from({ length: count }, (_, place) => rest.toSpliced(place, 0, count - 1)))
}

const act = ({ at, kind }: Planned, value: number): Act => {
  if (kind === 'set') return { type: 'set', at, value: 'abcd'[value] as string }
  return kind === 'decide' ? { type: 'decide', at, choice: 0 } : { type: kind, at }
}

/** Runs one plan; `null` when an operation of it does nothing, since a shorter plan is the same then. */
function history(plan: readonly Planned[]): World | null {
  const world = new World({ subject: shipped, replicas: 3, keptEntries: 2, skewed: false })
  for (const [index, planned] of plan.entries()) {
    for (const seen of planned.seen) world.apply(planned.at, world.updates[seen] as Uint8Array)
    world.step({ type: 'look', at: planned.at })
    try {
      world.step(act(planned, index))
    } catch (error) {
      throw new Error(`${JSON.stringify(plan)}: ${String(error)}`, { cause: error })
    }
    if (world.updates.length !== index + 1) return null
  }
  return world
}

/** What an observer reads in the end. */
function observe(updates: readonly Uint8Array[], order: readonly number[]): string {
  const doc = newDoc()
  const replica = shipped(doc, { user: 'observer', clock: { now: () => 0 }, keptEntries: 2 })
  for (const index of order) Y.applyUpdate(doc, updates[index] as Uint8Array, 'remote')
  const read = JSON.stringify(replica.read())
  replica.close()
  doc.destroy()
  return read
}

describe('[P3] [P4] every small history', () => {
  test('converges in every order of delivery, and agrees with the reference model', () => {
    const orders = permutations(operations)
    let histories = 0
    for (const plan of plans(operations)) {
      const world = history(plan)
      if (world === null) continue
      histories++
      const reads = new Set(orders.map((order) => observe(world.updates, order)))
      if (reads.size !== 1) expect.fail(`${JSON.stringify(plan)} reads as ${[...reads].join(' or ')}`)
      world.heal()
    }
    expect(histories).toBeGreaterThanOrEqual(620)
  }, 3_600_000)
})
