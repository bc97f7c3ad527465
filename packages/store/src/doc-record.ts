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
 */
import type { Acknowledged, DocPatch, DocRecord, PendingRange, RowWrite, StoredUpdate } from './local-store.ts'

/** What one batch says of one document. */
export interface DocChanges {
  readonly updates: readonly StoredUpdate[]
  readonly acknowledged: readonly Acknowledged[]
  readonly patches: readonly DocPatch[]
  readonly rows: readonly RowWrite[]
}

/** The record of a document of which nothing is known yet. */
export const newRecord = (name: string): DocRecord => ({
  name,
  revision: 0,
  rowRevision: 0,
  pending: {},
  pendingSinceMs: null,
  snapshotRevision: 0,
  lastSeq: 0,
  carry: false,
  problem: null,
})

/** The record after a batch that is stored at `nowMs`. */
export function nextRecord(current: DocRecord, changes: DocChanges, nowMs: number): DocRecord {
  const updated = withUpdates(current, changes.updates, nowMs)
  const acknowledged = withAcknowledged(updated, changes.acknowledged, nowMs)
  const patched = changes.patches.reduce(withPatch, acknowledged)
  return withRows(patched, changes.rows, current.revision)
}

export const isRowBehind = (record: DocRecord): boolean => record.rowRevision < record.revision

export const hasPending = (record: DocRecord): boolean => record.pendingSinceMs !== null

/** Whether a local update of this number is behind the record's pending mark. */
export function isWithinMark(record: DocRecord, writer: string, n: number): boolean {
  const range = record.pending[writer]
  return range !== undefined && range.from <= n && n <= range.to
}

function withUpdates(record: DocRecord, updates: readonly StoredUpdate[], nowMs: number): DocRecord {
  if (updates.length === 0) return record
  const pending: Record<string, PendingRange> = { ...record.pending }
  for (const { writer, n, origin } of updates) {
    if (origin === 'local') pending[writer] = widened(pending[writer], n)
  }
  return { ...record, revision: record.revision + 1, pending, pendingSinceMs: since(pending, record.pendingSinceMs ?? nowMs) }
}

const widened = (range: PendingRange | undefined, n: number): PendingRange =>
  range === undefined ? { from: n, to: n } : { from: Math.min(range.from, n), to: Math.max(range.to, n) }

function withAcknowledged(record: DocRecord, acknowledged: readonly Acknowledged[], nowMs: number): DocRecord {
  if (acknowledged.length === 0) return record
  const pending: Record<string, PendingRange> = { ...record.pending }
  let lastSeq = record.lastSeq
  for (const { writer, upTo, seq } of acknowledged) {
    lastSeq = Math.max(lastSeq, seq)
    const range = pending[writer]
    if (range === undefined || upTo < range.from) continue
    if (upTo >= range.to) delete pending[writer]
    else pending[writer] = { from: upTo + 1, to: range.to }
  }
  const untouched = Object.keys(pending).some((writer) => pending[writer]?.from === record.pending[writer]?.from)
  const oldestMs = untouched ? record.pendingSinceMs : nowMs
  return { ...record, pending, pendingSinceMs: since(pending, oldestMs), lastSeq }
}

const since = (pending: DocRecord['pending'], sinceMs: number | null): number | null => (Object.keys(pending).length === 0 ? null : sinceMs)

const withPatch = (record: DocRecord, { lastSeq, carry, problem }: DocPatch): DocRecord => ({
  ...record,
  lastSeq: lastSeq === undefined ? record.lastSeq : carry === true ? lastSeq : Math.max(record.lastSeq, lastSeq),
  carry: carry ?? record.carry,
  problem: problem === undefined ? record.problem : problem,
})

/** A row of another revision than `before` may lack something, so it leaves the document behind even if it was not. */
function withRows(record: DocRecord, rows: readonly RowWrite[], before: number): DocRecord {
  if (rows.length === 0) return record
  const exact = rows.every((row) => row.reflects === before)
  const lowest = Math.min(record.rowRevision, record.revision - 1, ...rows.map((row) => row.reflects))
  return { ...record, rowRevision: exact ? record.revision : lowest }
}
