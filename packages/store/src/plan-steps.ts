/** What replaces or takes out parts of one document: snapshot, fold, fork, quarantine; each a pure function. */

import type { FoldWrite, ForkWrite, QuarantineWrite, SnapshotWrite } from './batch.ts'
import type { Write } from './batch-plan.ts'
import { revised, withMark, withoutFromLog } from './doc-record.ts'
import { isWithinMark, markOf, type PendingUpdate, sizeOf } from './pending.ts'
import type { DocRecord } from './stored.ts'

/** One document as the steps before left it: its record, and the stored local updates that its mark may cover. */
export interface StepState {
  readonly record: DocRecord
  readonly local: readonly PendingUpdate[]
}

export interface Step extends StepState {
  readonly writes: readonly Write[]
}

/** Null when another snapshot than the one it follows is stored. */
export function planSnapshot({ record, local }: StepState, snapshot: SnapshotWrite): Step | null {
  const { name, bytes, format, follows, replaces } = snapshot
  if (follows !== record.snapshotRevision) return null
  const isPending = isOneOf(pendingOf(record, local))
  const removed = replaces.filter((one) => !isPending(one))
  const shorter = withoutFromLog(
    record,
    removed.length,
    removed.reduce((sum, { size }) => sum + size, 0),
  )
  return {
    record: { ...shorter, snapshotRevision: record.snapshotRevision + 1, snapshotBytes: sizeOf(snapshot) },
    local,
    writes: [{ type: 'snapshot', name, bytes, format }, ...removals(name, removed)],
  }
}

/** Null when one of those it merges is no longer stored and pending. */
export function planFold({ record, local }: StepState, fold: FoldWrite): Step | null {
  const { name, writer, replaces, bytes, size } = fold
  const n = replaces.at(-1)
  const numbers = new Set(replaces)
  const merged = pendingOf(record, local).filter((one) => one.writer === writer && numbers.has(one.n))
  if (n === undefined || merged.length !== numbers.size) return null
  const folded: PendingUpdate = { writer, n, size: sizeOf(fold) }
  const rest = [...local.filter((one) => one.writer !== writer || !numbers.has(one.n)), folded]
  const mergedBytes = merged.reduce((sum, { size }) => sum + size, 0)
  const shorter = withoutFromLog(record, merged.length, mergedBytes)
  const grown = { ...shorter, logUpdates: shorter.logUpdates + 1, logBytes: shorter.logBytes + folded.size }
  return {
    record: withMark(grown, markOf(pendingOf(record, rest))),
    local: rest,
    writes: [
      ...removals(
        name,
        merged.filter((one) => one.n !== n),
      ),
      {
        type: 'update',
        update: { name, writer, n, bytes, ...(size === undefined ? {} : { size }), origin: 'local', branch: record.branch },
      },
    ],
  }
}

/** Null when the document changed since, so that more may depend on what was refused, or when one of it was folded with others. */
export function planFork({ record, local }: StepState, { name, follows, refused, code }: ForkWrite, atMs: number): Step | null {
  const pending = new Map(pendingOf(record, local).map(({ writer, n, size }) => [`${n} ${writer}`, size]))
  const isThere = refused.every((update) => pending.get(`${update.n} ${update.writer}`) === sizeOf(update))
  if (follows !== record.revision || !isThere) return null
  const shorter = withoutFromLog(
    record,
    refused.length,
    refused.reduce((sum, update) => sum + sizeOf(update), 0),
  )
  const { branch } = record
  const forked: DocRecord = { ...revised(shorter, atMs), branch: branch + 1, problem: null, attempts: 0 }
  const kept = refused.map(({ writer, n, bytes }): Write => ({ type: 'refused', update: { name, branch, writer, n, bytes, code, atMs } }))
  return { ...withoutLocal(forked, local, refused), writes: [...kept, ...removals(name, refused)] }
}

/** A document whose record was damaged is written anew by every plan that names it; what else was damaged is taken out. */
export function planQuarantine({ record, local }: StepState, damage: QuarantineWrite, atMs: number): Step | null {
  const { name, part, bytes, reason } = damage
  const kept: Write = { type: 'quarantine', record: { name, part, bytes, reason, atMs } }
  const behind: DocRecord = { ...revised(record, atMs), behind: Math.max(record.behind, record.lastSeq, 1) }
  if (part === 'record') return { record: behind, local, writes: [kept] }
  if ('type' in part) {
    const stale = { ...record, rowRevision: Math.min(record.rowRevision, record.revision - 1) }
    return { record: stale, local, writes: [kept, { type: 'remove-row', key: part }] }
  }
  if ('snapshotRevision' in part) {
    if (part.snapshotRevision !== record.snapshotRevision) return null
    const without: DocRecord = { ...behind, snapshotRevision: record.snapshotRevision + 1, snapshotBytes: 0 }
    return { record: without, local, writes: [kept, { type: 'remove-snapshot', name }] }
  }
  return { ...withoutLocal(withoutFromLog(behind, 1, sizeOf(damage)), local, [part]), writes: [kept, ...removals(name, [part])] }
}

type Numbered = { readonly writer: string; readonly n: number }

const pendingOf = (record: DocRecord, local: readonly PendingUpdate[]): PendingUpdate[] =>
  local.filter(({ writer, n }) => isWithinMark(record.pending, writer, n))

/** The document once `removed` are gone: the mark covers exactly what is left of what it covered. */
function withoutLocal(record: DocRecord, local: readonly PendingUpdate[], removed: readonly Numbered[]): StepState {
  const isRemoved = isOneOf(removed)
  const rest = local.filter((one) => !isRemoved(one))
  return { record: withMark(record, markOf(pendingOf(record, rest))), local: rest }
}

function isOneOf(updates: readonly Numbered[]): (one: Numbered) => boolean {
  const ids = new Set(updates.map(({ writer, n }) => `${n} ${writer}`))
  return ({ writer, n }) => ids.has(`${n} ${writer}`)
}

const removals = (name: string, updates: readonly Numbered[]): Write[] =>
  updates.map(({ writer, n }) => ({ type: 'remove-update', key: { name, writer, n } }))
