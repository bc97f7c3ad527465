/**
 * Turns an encoded batch into the list of writes that store it.
 *
 * Why it exists: adapters differ in where they read and write, never in what a batch means. An adapter
 * shows the planner what stands in the database and carries out the writes in one transaction.
 *
 * Invariants
 * 1. A batch whose cursor does not follow the stored one has no plan at all.
 * 2. An update is removed only with a snapshot that follows the stored one, a fold, a fork or a quarantine
 *    that keeps its bytes, and by a snapshot only when it is not pending.
 * 3. A local update of an older branch goes to the refused changes, never into the document.
 */
import { TidemarkError } from '@tidemark/base'
import type { Committed, Discard } from './batch.ts'
import { type DocChanges, newRecord, nextRecord } from './doc-record.ts'
import type { Body, EncodedBatch } from './encoded.ts'
import { type PendingUpdate, pendingBytesOf } from './pending.ts'
import { planFold, planFork, planQuarantine, planSnapshot, type Step } from './plan-steps.ts'
import { sized } from './record-shape.ts'
import type { DocRecord, QuarantinedRecord, Snapshot, StoredUpdate } from './stored.ts'

/** Names one stored update. */
export interface UpdateKey {
  readonly name: string
  readonly writer: string
  readonly n: number
}

/** What stands in the database before the batch, as far as the batch concerns it. */
export interface DatabaseView {
  /** The cursor's tag; `null` before the first. */
  readonly cursor: string
  /** The bytes behind all pending marks. */
  readonly pendingBytes: number
  record(name: string): DocRecord | undefined
  /**
   * The stored local updates behind the document's pending mark. Asked for the documents that `needsPending` names;
   * of others it may be empty.
   */
  pendingUpdates(name: string): readonly PendingUpdate[]
}

/** An update that is kept aside. */
export interface RefusedUpdate extends UpdateKey {
  readonly branch: number
  readonly bytes: Uint8Array
  /** The code of the refusal; null for what came later on the same branch. */
  readonly code: string | null
  readonly atMs: number
}

/** One change of one record of the database. */
export type Write =
  | { readonly type: 'record'; readonly record: DocRecord }
  | { readonly type: 'update'; readonly update: StoredUpdate }
  | { readonly type: 'remove-update'; readonly key: UpdateKey }
  | ({ readonly type: 'snapshot'; readonly name: string } & Snapshot)
  | { readonly type: 'remove-snapshot'; readonly name: string }
  | { readonly type: 'row'; readonly row: { readonly type: string; readonly id: string; readonly name: string; readonly body: Body } }
  | { readonly type: 'remove-row'; readonly key: { readonly type: string; readonly id: string } }
  | { readonly type: 'refused'; readonly update: RefusedUpdate }
  | { readonly type: 'discard'; readonly key: Discard }
  | { readonly type: 'quarantine'; readonly record: QuarantinedRecord }
  | { readonly type: 'value'; readonly key: string; readonly body: Body }
  | { readonly type: 'cursor'; readonly tag: string; readonly body: Body }
  | { readonly type: 'pending-bytes'; readonly bytes: number }

export interface Plan {
  /** To be carried out in this order, in one transaction. */
  readonly writes: readonly Write[]
  readonly committed: Committed
}

/**
 * Decides what storing `batch` at `nowMs` writes.
 *
 * @throws {TidemarkError} `store/cursor-moved` when the batch carries a cursor and another stands there.
 */
export function planBatch(view: DatabaseView, batch: EncodedBatch, nowMs: number): Plan {
  if (batch.cursor !== null && batch.cursor.follows !== view.cursor) {
    throw new TidemarkError('store/cursor-moved', `the cursor ${batch.cursor.follows} is followed by another already`)
  }
  const plan = new Planning(view, nowMs)
  const aside = plan.changeRecords(batch)
  const revisions = new Map(batch.updates.filter(({ name }) => !aside.has(name)).map(({ name }) => [name, plan.record(name).revision]))
  for (const row of batch.rows) if (!aside.has(row.name)) plan.write({ type: 'row', row: rowOf(row) })
  const snapshots = batch.snapshots.filter((snapshot) => plan.step(snapshot.name, (state) => planSnapshot(state, snapshot)))
  for (const fold of batch.folds) plan.step(fold.name, (state) => planFold(state, fold))
  const forks = batch.forks.filter((fork) => plan.step(fork.name, (state) => planFork(state, fork, nowMs)))
  for (const one of batch.quarantine) plan.step(one.name, (state) => planQuarantine(state, one, nowMs))
  for (const key of batch.discards) plan.write({ type: 'discard', key })
  for (const { key, body } of batch.values) plan.write({ type: 'value', key, body })
  if (batch.cursor !== null) plan.write({ type: 'cursor', ...batch.cursor.next })
  return { writes: plan.finish(), committed: { revisions, snapshots: namesIn(snapshots), forks: namesIn(forks), aside } }
}

/** Names of all documents whose record a batch reads. */
export function namesOf(batch: EncodedBatch): Set<string> {
  const { updates, acknowledged, docs, rows, snapshots, folds, forks, quarantine } = batch
  return namesIn([updates, acknowledged, docs, rows, snapshots, folds, forks, quarantine].flat())
}

/**
 * Names of the documents whose pending updates the batches of one transaction need to see, where these records
 * stand before it: those of which a part is acknowledged, taken out, or replaced.
 */
export function needsPending(batches: readonly EncodedBatch[], record: (name: string) => DocRecord | undefined): Set<string> {
  const replacing = batches.flatMap(({ snapshots, folds, forks, quarantine }) => [snapshots, folds, forks, quarantine].flat())
  const updated = namesIn(batches.flatMap(({ updates }) => updates))
  const partly = batches
    .flatMap(({ acknowledged }) => acknowledged)
    .filter(({ name, writer, upTo }) => updated.has(name) || upTo < (record(name)?.pending[writer]?.to ?? 0))
  return namesIn([...replacing, ...partly].filter(({ name }) => record(name) !== undefined))
}

const namesIn = (parts: readonly { readonly name: string }[]): Set<string> => new Set(parts.map(({ name }) => name))

const rowOf = ({ type, id, name, body }: EncodedBatch['rows'][number]) => ({ type, id, name, body })

/** The writes so far, and the documents as they leave them. */
class Planning {
  readonly #view: DatabaseView
  readonly #nowMs: number
  readonly #writes: Write[] = []
  readonly #states = new Map<string, { record: DocRecord; local: readonly PendingUpdate[] }>()

  constructor(view: DatabaseView, nowMs: number) {
    this.#view = view
    this.#nowMs = nowMs
  }

  record(name: string): DocRecord {
    return (this.#states.get(name) as { record: DocRecord }).record
  }

  write(write: Write): void {
    this.#writes.push(write)
  }

  /** Takes updates, acknowledgements, patches and rows in; gives the names of the documents whose updates are kept aside. */
  changeRecords(batch: EncodedBatch): Set<string> {
    const aside = new Set<string>()
    const changes = new Map<string, { [K in keyof DocChanges]: DocChanges[K][number][] }>()
    for (const name of namesOf(batch)) changes.set(name, { updates: [], acknowledged: [], patches: [], rows: [] })
    for (const update of batch.updates) {
      const { name, writer, n, bytes, branch = 0 } = update
      if (update.origin === 'local' && branch < (this.#view.record(name)?.branch ?? 0)) {
        aside.add(name)
        this.write({ type: 'refused', update: { name, branch, writer, n, bytes, code: null, atMs: this.#nowMs } })
      } else {
        changes.get(name)?.updates.push(update)
        this.write({ type: 'update', update })
      }
    }
    for (const one of batch.acknowledged) changes.get(one.name)?.acknowledged.push(one)
    for (const patch of batch.docs) changes.get(patch.name)?.patches.push(patch)
    for (const row of batch.rows) if (!aside.has(row.name)) changes.get(row.name)?.rows.push(row)
    const unknown = acknowledgedOnly(batch)
    for (const [name, change] of changes) {
      const current = this.#view.record(name)
      if (current === undefined && unknown.has(name)) continue
      const local = withStored(this.#view.pendingUpdates(name), change.updates)
      this.#states.set(name, { record: nextRecord(current ?? newRecord(name), change, local, this.#nowMs), local })
    }
    return aside
  }

  /** Carries out a step on one document, unless it does not apply; whether it did. */
  step(name: string, plan: (state: { record: DocRecord; local: readonly PendingUpdate[] }) => Step | null): boolean {
    const state = this.#states.get(name)
    const step = state === undefined ? null : plan(state)
    if (step === null) return false
    this.#states.set(name, { record: step.record, local: step.local })
    this.#writes.push(...step.writes)
    return true
  }

  finish(): readonly Write[] {
    let pendingBytes = this.#view.pendingBytes
    for (const [name, { record }] of this.#states) {
      this.write({ type: 'record', record })
      pendingBytes += pendingBytesOf(record.pending) - pendingBytesOf(this.#view.record(name)?.pending ?? {})
    }
    if (pendingBytes !== this.#view.pendingBytes) this.write({ type: 'pending-bytes', bytes: Math.max(0, pendingBytes) })
    return this.#writes
  }
}

/** What is stored again counts once. */
function withStored(local: readonly PendingUpdate[], updates: readonly StoredUpdate[]): readonly PendingUpdate[] {
  const added = updates.filter(({ origin }) => origin === 'local').map(sized)
  if (local.length === 0 || added.length === 0) return local.length === 0 ? added : local
  return [...local.filter((one) => !added.some(({ writer, n }) => one.writer === writer && one.n === n)), ...added]
}

function acknowledgedOnly(batch: EncodedBatch): Set<string> {
  const others = namesOf({ ...batch, acknowledged: [] })
  return new Set(batch.acknowledged.map(({ name }) => name).filter((name) => !others.has(name)))
}
