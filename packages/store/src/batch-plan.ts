/**
 * Turns a batch into the list of writes that store it.
 *
 * Why it exists: adapters differ in where they read and write, never in what a batch means. An adapter
 * shows the planner what stands in the database and carries out the writes in one transaction.
 *
 * Invariants
 * 1. A batch whose cursor does not follow the stored one has no plan at all.
 * 2. An update is removed only with a snapshot that follows the stored one, and only when it is not pending.
 */
import { TidemarkError } from '@tidemark/base'
import { type DocChanges, isWithinMark, newRecord, nextRecord } from './doc-record.ts'
import type { Batch, Committed, DocRecord, Json, Row, SnapshotWrite, StoredUpdate } from './local-store.ts'
import { sameJson } from './same-json.ts'

/** Names one stored update. */
export interface UpdateKey {
  readonly name: string
  readonly writer: string
  readonly n: number
}

/** What stands in the database before the batch, as far as the batch concerns it. */
export interface DatabaseView {
  /** The cursor; null before the first. */
  readonly cursor: Json
  record(name: string): DocRecord | undefined
  /** The origin of a stored update within a pending mark; undefined when it is unknown or not stored. */
  origin(key: UpdateKey): StoredUpdate['origin'] | undefined
}

/** One change of one record of the database. */
export type Write =
  | { readonly type: 'record'; readonly record: DocRecord }
  | { readonly type: 'update'; readonly update: StoredUpdate }
  | { readonly type: 'remove-update'; readonly key: UpdateKey }
  | { readonly type: 'snapshot'; readonly name: string; readonly bytes: Uint8Array }
  | { readonly type: 'row'; readonly row: Row }
  | { readonly type: 'value'; readonly key: string; readonly value: Json }
  | { readonly type: 'cursor'; readonly cursor: Json }

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
export function planBatch(view: DatabaseView, batch: Batch, nowMs: number): Plan {
  if (batch.cursor !== undefined && !sameJson(batch.cursor.follows, view.cursor)) {
    throw new TidemarkError('store/cursor-moved', `the cursor ${JSON.stringify(batch.cursor.follows)} is followed by another already`)
  }
  const writes: Write[] = (batch.updates ?? []).map(updateWrite)
  const records = nextRecords(view, batch, nowMs)
  const revisions = new Map((batch.updates ?? []).map(({ name }) => [name, records.get(name)?.revision as number]))
  const snapshots = new Set<string>()
  for (const snapshot of batch.snapshots ?? []) {
    const record = records.get(snapshot.name) as DocRecord
    if (snapshot.follows !== record.snapshotRevision) continue
    records.set(snapshot.name, { ...record, snapshotRevision: record.snapshotRevision + 1 })
    snapshots.add(snapshot.name)
    writes.push(...snapshotWrites(originIn(batch, view), record, snapshot))
  }
  for (const record of records.values()) writes.push({ type: 'record', record })
  for (const { type, id, value } of batch.rows ?? []) writes.push({ type: 'row', row: { type, id, value } })
  for (const [key, value] of Object.entries(batch.state ?? {})) writes.push({ type: 'value', key, value })
  if (batch.cursor !== undefined) writes.push({ type: 'cursor', cursor: batch.cursor.next })
  return { writes, committed: { revisions, snapshots } }
}

/** Names of all documents that a batch speaks of. */
export function namesOf(batch: Batch): Set<string> {
  const parts = [batch.updates, batch.acknowledged, batch.docs, batch.rows, batch.snapshots]
  return new Set(parts.flatMap((part) => (part ?? []).map(({ name }) => name)))
}

function nextRecords(view: DatabaseView, batch: Batch, nowMs: number): Map<string, DocRecord> {
  const changes = new Map<string, { [K in keyof DocChanges]: DocChanges[K][number][] }>()
  for (const name of namesOf(batch)) changes.set(name, { updates: [], acknowledged: [], patches: [], rows: [] })
  for (const update of batch.updates ?? []) changes.get(update.name)?.updates.push(update)
  for (const acknowledged of batch.acknowledged ?? []) changes.get(acknowledged.name)?.acknowledged.push(acknowledged)
  for (const patch of batch.docs ?? []) changes.get(patch.name)?.patches.push(patch)
  for (const row of batch.rows ?? []) changes.get(row.name)?.rows.push(row)
  const records = new Map<string, DocRecord>()
  const onlyAcknowledged = acknowledgedOnly(batch)
  for (const [name, change] of changes) {
    const current = view.record(name)
    if (current === undefined && onlyAcknowledged.has(name)) continue
    records.set(name, nextRecord(current ?? newRecord(name), change, nowMs))
  }
  return records
}

function acknowledgedOnly(batch: Batch): Set<string> {
  const { acknowledged = [], ...rest } = batch
  const others = namesOf(rest)
  return new Set(acknowledged.map(({ name }) => name).filter((name) => !others.has(name)))
}

/** An update of unknown origin counts as local: keeping one too many costs space, removing one too many costs an edit. */
function snapshotWrites(origin: DatabaseView['origin'], record: DocRecord, { name, bytes, replaces }: SnapshotWrite): Write[] {
  const writes: Write[] = [{ type: 'snapshot', name, bytes: trimmed(bytes) }]
  for (const { writer, n } of replaces) {
    const key: UpdateKey = { name, writer, n }
    const isPending = isWithinMark(record, writer, n) && origin(key) !== 'remote'
    if (!isPending) writes.push({ type: 'remove-update', key })
  }
  return writes
}

/** Updates of the batch itself stand before its snapshots. */
const originIn =
  (batch: Batch, view: DatabaseView): DatabaseView['origin'] =>
  (key) =>
    batch.updates?.find(({ name, writer, n }) => name === key.name && writer === key.writer && n === key.n)?.origin ?? view.origin(key)

const updateWrite = ({ name, writer, n, bytes, origin }: StoredUpdate): Write => ({
  type: 'update',
  update: { name, writer, n, bytes: trimmed(bytes), origin },
})

/** Structured cloning keeps the whole buffer under a view, which may be a network frame with many updates. */
const trimmed = (bytes: Uint8Array): Uint8Array => (bytes.byteLength === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes))
