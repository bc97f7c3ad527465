/** Random batches against a model that keeps sets of facts and derives nothing cleverly. */
import fc from 'fast-check'
import { expect } from 'vitest'
import type { Batch } from '../../src/batch.ts'
import type { LocalStore } from '../../src/local-store.ts'
import type { StoredUpdate } from '../../src/stored.ts'
import { type CreateHarness, createWorld, local, remote } from './harness.ts'
import { once } from './scenario.ts'

const names = ['a', 'a/b', 'b'] as const
const writers = ['v', 'w'] as const

/** One random step; numbers, revisions and cursors are filled in from the model, wrong ones on purpose. */
interface Step {
  readonly updates: readonly { readonly name: string; readonly writer: string; readonly isLocal: boolean }[]
  readonly acknowledged: readonly { readonly name: string; readonly writer: string; readonly back: number }[]
  readonly row: { readonly name: string; readonly isExact: boolean } | null
  readonly snapshot: { readonly name: string; readonly isCurrent: boolean } | null
  readonly carry: { readonly name: string; readonly carry: boolean } | null
  readonly cursor: 'follows' | 'moved' | null
}

const name = fc.constantFrom(...names)
const writer = fc.constantFrom(...writers)
const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: null })
const step: fc.Arbitrary<Step> = fc.record({
  updates: fc.array(fc.record({ name, writer, isLocal: fc.boolean() }), { maxLength: 4 }),
  acknowledged: fc.array(fc.record({ name, writer, back: fc.nat(4) }), { maxLength: 2 }),
  row: optional(fc.record({ name, isExact: fc.boolean() })),
  snapshot: optional(fc.record({ name, isCurrent: fc.boolean() })),
  carry: optional(fc.record({ name, carry: fc.boolean() })),
  cursor: optional(fc.constantFrom('follows' as const, 'moved' as const)),
})

class Model {
  readonly updates = new Map<string, StoredUpdate>()
  readonly pending = new Set<string>()
  readonly revisions = new Map<string, number>()
  readonly exactRows = new Map<string, number>()
  readonly snapshots = new Map<string, number>()
  readonly carrying = new Set<string>()
  readonly next = new Map<string, number>(writers.map((writer) => [writer, 1]))
  cursor: number | null = null

  batchOf(step: Step): Batch {
    const updates = step.updates.map(({ name, writer, isLocal }) => (isLocal ? local : remote)(name, writer, this.#take(writer)))
    const stored = [...this.updates.values(), ...updates]
    return {
      updates,
      acknowledged: step.acknowledged.map(({ name, writer, back }) => ({
        name,
        writer,
        upTo: (this.next.get(writer) as number) - back,
        seq: 1,
      })),
      docs: step.carry === null ? [] : [step.carry],
      rows:
        step.row === null
          ? []
          : [
              {
                type: 't',
                id: step.row.name,
                value: 1,
                name: step.row.name,
                reflects: this.#revision(step.row.name) - (step.row.isExact ? 0 : 1),
              },
            ],
      snapshots: step.snapshot === null ? [] : [this.#snapshotOf(step.snapshot.name, step.snapshot.isCurrent, stored)],
      ...(step.cursor === null ? {} : { cursor: { follows: step.cursor === 'follows' ? this.cursor : -1, next: (this.cursor ?? 0) + 1 } }),
    }
  }

  /** Returns whether the batch is to be stored. */
  apply(batch: Batch): boolean {
    if (batch.cursor !== undefined && batch.cursor.follows !== this.cursor) return false
    const before = new Map(this.revisions)
    for (const update of batch.updates ?? []) {
      this.updates.set(keyOf(update), update)
      if (update.origin === 'local') this.pending.add(keyOf(update))
      this.revisions.set(update.name, (before.get(update.name) ?? 0) + 1)
    }
    for (const { name, writer, upTo } of batch.acknowledged ?? []) {
      for (let n = 1; n <= upTo; n++) this.pending.delete(keyOf({ name, writer, n }))
    }
    for (const { name, carry } of batch.docs ?? []) carry ? this.carrying.add(name) : this.carrying.delete(name)
    for (const { name, reflects } of batch.rows ?? []) {
      this.exactRows.set(name, reflects === (before.get(name) ?? 0) ? this.#revision(name) : -1)
    }
    for (const { name, follows, replaces } of batch.snapshots ?? []) {
      if (follows !== (this.snapshots.get(name) ?? 0)) continue
      this.snapshots.set(name, follows + 1)
      for (const { writer, n } of replaces)
        if (!this.pending.has(keyOf({ name, writer, n }))) this.updates.delete(keyOf({ name, writer, n }))
    }
    this.cursor = (batch.cursor?.next as number | undefined) ?? this.cursor
    return true
  }

  behind(): string[] {
    return names.filter((name) => (this.exactRows.get(name) ?? 0) !== this.#revision(name))
  }

  #snapshotOf(name: string, isCurrent: boolean, stored: readonly StoredUpdate[]) {
    const follows = (this.snapshots.get(name) ?? 0) - (isCurrent ? 0 : 1)
    const replaces = stored.filter((update) => update.name === name).map(({ writer, n, bytes }) => ({ writer, n, size: bytes.length }))
    return { name, bytes: new Uint8Array([follows & 255]), format: 'v1' as const, follows, replaces }
  }

  #revision(name: string): number {
    return this.revisions.get(name) ?? 0
  }

  #take(writer: string): number {
    const n = this.next.get(writer) as number
    this.next.set(writer, n + 1)
    return n
  }
}

const keyOf = ({ name, writer, n }: { readonly name: string; readonly writer: string; readonly n: number }): string =>
  `${name} ${writer}${n}`

async function expectEqual(store: LocalStore, model: Model): Promise<void> {
  const documents = await store.load(names)
  const updates = [...documents.values()].flatMap((document) => document.updates.map(keyOf))
  expect(updates.sort()).toEqual([...model.updates.keys()].sort())
  const pending = (await store.pending(9)).flatMap((document) => document.updates.map(keyOf))
  expect(pending.sort()).toEqual([...model.pending].sort())
  expect((await store.pendingTotals()).bytes).toBe(3 * model.pending.size)
  for (const [name, revision] of model.revisions) expect(documents.get(name)?.record.revision).toBe(revision)
  for (const [name, revision] of model.snapshots) expect(documents.get(name)?.record.snapshotRevision).toBe(revision)
  expect((await store.rowsBehind(9)).toSorted()).toEqual(model.behind())
  expect((await store.carrying(9)).toSorted()).toEqual([...model.carrying].sort())
  expect((await store.state()).cursor).toBe(model.cursor)
}

export function modelContract(adapter: string, createHarness: CreateHarness, runs: number): void {
  once(`${adapter}: does what a plain model does, for any batches of two tabs in turn`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(step, { minLength: 1, maxLength: 5 }), { maxLength: 8 }), async (bursts) => {
        const world = await createWorld(createHarness)
        const tabs = [await world.open(), await world.open()] as const
        const model = new Model()
        for (const [i, burst] of bursts.entries()) {
          const store = tabs[i % 2] as LocalStore
          const outcomes = burst.map((one) => {
            const batch = model.batchOf(one)
            return { isStored: model.apply(batch), commit: store.commit(batch) }
          })
          const settled = await Promise.allSettled(outcomes.map(({ commit }) => commit))
          expect(settled.map(({ status }) => status === 'fulfilled')).toEqual(outcomes.map(({ isStored }) => isStored))
          await expectEqual(tabs[(i + 1) % 2] as LocalStore, model)
        }
        await Promise.all(tabs.map((tab) => tab.close()))
      }),
      { numRuns: runs },
    )
  })
}
