/**
 * What stands where in the IndexedDB database of one space and user.
 *
 * | object store | key                       | value                                                  |
 * | ------------ | ------------------------- | ------------------------------------------------------ |
 * | docs         | name                      | `DocRecord` without what is as in a new one; marks     |
 * | updates      | name, writer, n           | `StoredUpdate`, its bytes V1                           |
 * | snapshots    | name                      | bytes, format                                          |
 * | rows         | type, id                  | projection                                             |
 * | pages        | type, number              | many rows in one body, where rows are sealed           |
 * | refused      | name, branch, writer, n   | `RefusedUpdate`                                        |
 * | quarantine   | number                    | `QuarantinedRecord`                                    |
 * | state        | `cursor`, `pending-bytes`, `keys`, `value/…` | JSON                                |
 *
 * Names, types, ids, bodies and bytes are what the codec (`idb-codec.ts`) makes of them; numbers, marks,
 * writers and branches stand in the clear, because a commit reads them inside its transaction.
 *
 * An index has an entry only for documents it concerns, since null and absent values are no keys.
 */
import { TidemarkError } from '@tidemark/base'
import { canonicalJson } from './canonical-json.ts'
import { hasPending, isRowBehind, newRecord } from './doc-record.ts'
import type { Body } from './encoded.ts'
import { isLongLog } from './log-policy.ts'
import type { DocRecord, SnapshotFormat } from './stored.ts'

/** Rises with each change of the layout; `upgradeLayout` brings older databases here. */
export const layoutVersion = 2

export const objectStores = ['docs', 'updates', 'snapshots', 'rows', 'pages', 'refused', 'quarantine', 'state'] as const

export type ObjectStoreName = (typeof objectStores)[number]

/** A document's record as stored: what is as in a new record is left out. The marks are what the indexes look at. */
export interface DocRow extends Partial<DocRecord> {
  readonly name: string
  /** What keeps the name where the key does not tell it. */
  readonly label?: Body
  /** Minus `changedMs`, where the row is behind: what changed last comes first. */
  readonly rowMark?: number
  readonly behindMark?: 1
  readonly carryMark?: 1
  /** To be carried, and pending as well. */
  readonly carryPendingMark?: 1
  readonly longMark?: 1
}

export interface SnapshotRow {
  readonly name: string
  readonly bytes: Uint8Array
  /** `v1` when left out. */
  readonly format?: SnapshotFormat
}

export interface RowRow {
  readonly type: string
  readonly id: string
  /** The document's; left out where it is type and id with a slash between. */
  readonly name?: string
  readonly value: Body
}

/** Rows of one type that were folded together; a single row of the same id comes after it. */
export interface PageRow {
  readonly type: string
  readonly number: number
  readonly body: Uint8Array
}

export interface StateRow {
  readonly key: string
  readonly value: Body
  /** Of the cursor. */
  readonly tag?: string
  /** Of the keys: the epoch that seals now. */
  readonly epoch?: number
}

/** Database name of one space and user; two different pairs never have the same. */
export const databaseNameOf = (prefix: string, space: string, user: string): string => [prefix, user, space].map(escaped).join(':')

const escaped = (part: string): string => part.replaceAll('%', '%25').replaceAll(':', '%3A')

export const cursorKey = 'cursor'
export const pendingBytesKey = 'pending-bytes'
/** The wrapped keys, where what stands here is sealed. */
export const keysKey = 'keys'
export const valueKey = (key: string): string => `value/${key}`
export const keyOfValue = (stored: string): string | null => (stored.startsWith('value/') ? stored.slice('value/'.length) : null)

/** Each field that differs from a new record's, and the marks. */
export function toDocRow(record: DocRecord, label?: Body): DocRow {
  const fresh: Record<string, unknown> = { ...newRecord(record.name) }
  const told = Object.entries(record).filter(([key, value]) => (key === 'pending' ? hasPending(record) : value !== fresh[key]))
  return {
    ...Object.fromEntries(told),
    name: record.name,
    ...(label === undefined ? {} : { label }),
    ...(isRowBehind(record) ? { rowMark: -record.changedMs } : {}),
    ...(record.behind > 0 ? { behindMark: 1 } : {}),
    ...(record.carry ? { carryMark: 1, ...(hasPending(record) ? { carryPendingMark: 1 } : {}) } : {}),
    ...(isLongLog(record) ? { longMark: 1 } : {}),
  }
}

export const rowNameOf = ({ type, id, name }: Pick<RowRow, 'type' | 'id' | 'name'>): string => name ?? `${type}/${id}`

/** Keys that are arrays beginning with `first` to `last`: an empty array comes after every string and number. */
export const beginningWith = (first: string, last = first): IDBKeyRange => IDBKeyRange.bound([first], [last, []])

/**
 * Brings a database of version `from` (0: a new one) to `layoutVersion`, inside the upgrade's transaction.
 *
 * @throws {TidemarkError} `store/failed` for a version that never was; the database is left as it is.
 */
export function upgradeLayout(database: IDBDatabase, transaction: IDBTransaction, from: number): void {
  if (from > 1) throw new TidemarkError('store/failed', `there is no way from layout ${from} to ${layoutVersion}`)
  if (from === 0) {
    database.createObjectStore('docs', { keyPath: 'name' })
    database.createObjectStore('updates', { keyPath: ['name', 'writer', 'n'] })
    database.createObjectStore('snapshots', { keyPath: 'name' })
    database.createObjectStore('rows', { keyPath: ['type', 'id'] })
    database.createObjectStore('state', { keyPath: 'key' })
  }
  database.createObjectStore('pages', { keyPath: ['type', 'number'] })
  database.createObjectStore('refused', { keyPath: ['name', 'branch', 'writer', 'n'] })
  database.createObjectStore('quarantine', { autoIncrement: true })
  const docs = transaction.objectStore('docs')
  for (const index of docs.indexNames) docs.deleteIndex(index)
  docs.createIndex('pending', 'pendingSinceMs')
  docs.createIndex('rowMark', 'rowMark')
  docs.createIndex('behind', 'behindMark')
  docs.createIndex('carry', 'carryMark')
  docs.createIndex('carryPending', 'carryPendingMark')
  docs.createIndex('long', 'longMark')
  docs.createIndex('lastSeq', 'lastSeq')
  if (from === 1) rewriteVersion1(transaction)
}

/** Version 1 had fewer fields and no tag on the cursor; what it did not count is counted from now on. */
function rewriteVersion1(transaction: IDBTransaction): void {
  const state = transaction.objectStore('state')
  const cursor: IDBRequest<StateRow | undefined> = state.get(cursorKey)
  cursor.onsuccess = () => {
    if (cursor.result !== undefined) state.put({ ...cursor.result, tag: canonicalJson(cursor.result.value as null) })
  }
  const docs = transaction.objectStore('docs').openCursor()
  docs.onsuccess = () => {
    const at = docs.result
    if (at === null) return
    const { behindMark: _behind, carryMark: _carry, ...old } = at.value as DocRow
    const ranges = Object.entries(old.pending ?? {}).map(([writer, range]) => [writer, { ...range, bytes: 0 }])
    at.update(toDocRow({ ...newRecord(old.name), ...old, pending: Object.fromEntries(ranges) }))
    at.continue()
  }
}
