/**
 * How a document's record follows from what a batch says of the document.
 *
 * Why it exists: every adapter must derive the same marks, so the derivation is one pure function.
 *
 * Invariants
 * 1. A local update raises its writer's mark, a remote one never does.
 * 2. An acknowledgement lowers the mark of the writer it names, up to the number it names, and no other.
 * 3. `lastSeq` never falls, except with the mark that says that the relay lost what came after.
 * 4. `rowRevision` equals `revision` only when the row's projection included everything stored before.
 * 5. What was marked to be carried after the state that was carried is to be carried still.
 * 6. `behind` falls to 0 only with the whole state as of a seq that is not below it.
 */
import type { Acknowledged, DocPatch } from './batch.ts'
import { lowered, type PendingMark, type PendingUpdate, raised, sizeOf } from './pending.ts'
import type { DocRecord, StoredUpdate } from './stored.ts'

/** What one batch says of one document. */
export interface DocChanges {
  readonly updates: readonly StoredUpdate[]
  readonly acknowledged: readonly Acknowledged[]
  readonly patches: readonly DocPatch[]
  /** The revisions that its rows reflect. */
  readonly rows: readonly { readonly reflects: number }[]
}

/** The record of a document of which nothing is known yet. */
export const newRecord = (name: string): DocRecord => ({
  name,
  revision: 0,
  rowRevision: 0,
  changedMs: 0,
  pending: {},
  pendingSinceMs: null,
  logUpdates: 0,
  logBytes: 0,
  snapshotRevision: 0,
  snapshotBytes: 0,
  lastSeq: 0,
  behind: 0,
  carry: false,
  carryRevision: 0,
  branch: 0,
  attempts: 0,
  problem: null,
})

/**
 * The record after a batch that is stored at `nowMs`.
 *
 * @param local the updates behind the pending mark, those of the batch included; needed only where a part is acknowledged.
 */
export function nextRecord(current: DocRecord, changes: DocChanges, local: readonly PendingUpdate[], nowMs: number): DocRecord {
  const updated = withUpdates(current, changes.updates, nowMs)
  const acknowledged = withAcknowledged(updated, changes.acknowledged, local, nowMs)
  const patched = changes.patches.reduce(withPatch, acknowledged)
  return withRows(patched, changes.rows, current.revision)
}

export const isRowBehind = (record: DocRecord): boolean => record.rowRevision < record.revision

export const hasPending = (record: DocRecord): boolean => record.pendingSinceMs !== null

/** The record with a next revision: what it contains changed. */
export const revised = (record: DocRecord, nowMs: number): DocRecord => ({ ...record, revision: record.revision + 1, changedMs: nowMs })

/** The record with another mark; the time of what remains is kept. */
export const withMark = (record: DocRecord, pending: PendingMark): DocRecord => ({
  ...record,
  pending,
  pendingSinceMs: since(pending, record.pendingSinceMs),
})

/** The record with so much less in its log. */
export function withoutFromLog(record: DocRecord, updates: number, bytes: number): DocRecord {
  const logUpdates = Math.max(0, record.logUpdates - updates)
  return { ...record, logUpdates, logBytes: logUpdates === 0 ? 0 : Math.max(0, record.logBytes - bytes) }
}

function withUpdates(record: DocRecord, updates: readonly StoredUpdate[], nowMs: number): DocRecord {
  if (updates.length === 0) return record
  let pending = record.pending
  let bytes = 0
  for (const update of updates) {
    const size = sizeOf(update)
    bytes += size
    if (update.origin === 'local') pending = raised(pending, { writer: update.writer, n: update.n, size })
  }
  return {
    ...revised(record, nowMs),
    pending,
    pendingSinceMs: since(pending, record.pendingSinceMs ?? nowMs),
    logUpdates: record.logUpdates + updates.length,
    logBytes: record.logBytes + bytes,
  }
}

function withAcknowledged(
  record: DocRecord,
  acknowledged: readonly Acknowledged[],
  local: readonly PendingUpdate[],
  nowMs: number,
): DocRecord {
  if (acknowledged.length === 0) return record
  let pending = record.pending
  let lastSeq = record.lastSeq
  for (const { writer, upTo, seq } of acknowledged) {
    lastSeq = Math.max(lastSeq, seq)
    pending = lowered(pending, writer, upTo, local)
  }
  const untouched = Object.keys(pending).some((writer) => pending[writer]?.from === record.pending[writer]?.from)
  const oldestMs = untouched ? record.pendingSinceMs : nowMs
  const attempts = pending === record.pending ? record.attempts : 0
  return { ...record, pending, pendingSinceMs: since(pending, oldestMs), lastSeq, attempts }
}

const since = (pending: PendingMark, sinceMs: number | null): number | null => (Object.keys(pending).length === 0 ? null : sinceMs)

function withPatch(record: DocRecord, { lastSeq, carry, carried, problem, behind, state, attempted }: DocPatch): DocRecord {
  // What the relay lost it cannot be asked for: behind falls with the seq that it still has.
  const announced = carry === true && lastSeq !== undefined ? Math.min(record.behind, Math.max(1, lastSeq)) : record.behind
  const newest = Math.max(announced, behind ?? 0)
  const isCarriedInPart = carry === false && carried !== undefined && carried < record.carryRevision
  return {
    ...record,
    lastSeq: lastSeq === undefined ? record.lastSeq : carry === true ? lastSeq : Math.max(record.lastSeq, lastSeq),
    carry: isCarriedInPart ? record.carry : (carry ?? record.carry),
    carryRevision: carry === true ? record.revision : record.carryRevision,
    problem: problem === undefined ? record.problem : problem,
    behind: state !== undefined && state >= newest ? 0 : newest,
    attempts: record.attempts + (attempted === true ? 1 : 0),
  }
}

/** A row of another revision than `before` may lack something, so it leaves the document behind even if it was not. */
function withRows(record: DocRecord, rows: DocChanges['rows'], before: number): DocRecord {
  if (rows.length === 0) return record
  const exact = rows.every((row) => row.reflects === before)
  const lowest = Math.min(record.rowRevision, record.revision - 1, ...rows.map((row) => row.reflects))
  return { ...record, rowRevision: exact ? record.revision : lowest }
}
