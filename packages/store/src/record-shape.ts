/** Reads a stored `DocRecord` that may be damaged: whole, or what can be salvaged of it. */
import { newRecord } from './doc-record.ts'
import { markOf, type PendingUpdate, sizeOf } from './pending.ts'
import type { DocRecord, StoredUpdate } from './stored.ts'

/** What stands in a database for a record. */
export type RawRecord = { readonly name: string } & { readonly [field in keyof DocRecord]?: unknown }

/**
 * The record that a stored one stands for; what it leaves out is as in a new one.
 *
 * @throws {Error} when a field is not what it should be.
 */
export function recordOf(row: RawRecord): DocRecord {
  const fresh = newRecord(row.name)
  const record: Record<string, unknown> = { ...fresh }
  for (const field of Object.keys(fresh) as (keyof DocRecord)[]) {
    if (row[field] === undefined) continue
    if (!isWellFormed(field, row[field], fresh[field])) throw new Error(`the record of a document has a bad ${field}`)
    record[field] = row[field]
  }
  return record as unknown as DocRecord
}

/** What can still be read of a damaged record; its pending mark is left to the caller where it is not among that. */
export function salvaged(row: RawRecord): { readonly record: DocRecord; readonly hasMark: boolean } {
  const fresh = newRecord(row.name)
  const fields = (Object.keys(fresh) as (keyof DocRecord)[]).filter(
    (field) => row[field] !== undefined && isWellFormed(field, row[field], fresh[field]),
  )
  const record = { ...fresh, ...Object.fromEntries(fields.map((field) => [field, row[field]])) }
  const hasMark = row.pending === undefined ? row.pendingSinceMs === undefined : fields.includes('pending')
  return { record, hasMark }
}

function isWellFormed(field: keyof DocRecord, value: unknown, fresh: unknown): boolean {
  if (field === 'problem') return value === null || typeof value === 'string'
  if (field === 'pendingSinceMs') return value === null || Number.isFinite(value)
  if (field === 'pending') return typeof value === 'object' && value !== null && Object.values(value).every(isRange)
  return typeof fresh === 'number' ? Number.isFinite(value) : typeof value === typeof fresh
}

const isRange = (value: unknown): boolean => {
  const { from, to, bytes } = (value ?? {}) as Record<string, unknown>
  return Number.isSafeInteger(from) && Number.isSafeInteger(to) && Number.isSafeInteger(bytes)
}

/** The record with every local update of the document behind its mark: the relay cuts what it has, and what it lacks is not lost. */
export function withAllPending(record: DocRecord, updates: readonly StoredUpdate[]): DocRecord {
  const local = updates.filter(({ origin }) => origin === 'local').map(sized)
  return { ...record, pending: markOf(local), pendingSinceMs: local.length === 0 ? null : record.changedMs }
}

export const sized = (update: StoredUpdate): PendingUpdate => ({ writer: update.writer, n: update.n, size: sizeOf(update) })
