/**
 * What stands where in the IndexedDB database of one space and user.
 *
 * | object store | key               | value                                             |
 * | ------------ | ----------------- | ------------------------------------------------- |
 * | docs         | name              | `DocRecord`, and marks for the sparse indexes     |
 * | updates      | name, writer, n   | `StoredUpdate`, its bytes V1                      |
 * | snapshots    | name              | bytes                                             |
 * | rows         | type, id          | `Row`                                             |
 * | state        | `cursor`, `value/…` | JSON                                            |
 *
 * An index has an entry only for documents it concerns, since null and absent values are no keys.
 */
import { TidemarkError } from '@tidemark/base'
import { isRowBehind } from './doc-record.ts'
import type { DocRecord, Json } from './local-store.ts'

/** Rises with each change of the layout; `upgradeLayout` brings older databases here. */
export const layoutVersion = 1

export const objectStores = ['docs', 'updates', 'snapshots', 'rows', 'state'] as const

export type ObjectStoreName = (typeof objectStores)[number]

/** A document's record as stored. */
export type DocRow = DocRecord & { readonly behindMark?: 1; readonly carryMark?: 1 }

export interface SnapshotRow {
  readonly name: string
  readonly bytes: Uint8Array
}

export interface StateRow {
  readonly key: string
  readonly value: Json
}

/** Database name of one space and user; two different pairs never have the same. */
export const databaseNameOf = (prefix: string, space: string, user: string): string => [prefix, user, space].map(escaped).join(':')

const escaped = (part: string): string => part.replaceAll('%', '%25').replaceAll(':', '%3A')

export const cursorKey = 'cursor'
export const valueKey = (key: string): string => `value/${key}`
export const keyOfValue = (stored: string): string | null => (stored.startsWith('value/') ? stored.slice('value/'.length) : null)

export function toDocRow(record: DocRecord): DocRow {
  return { ...record, ...(isRowBehind(record) ? { behindMark: 1 } : {}), ...(record.carry ? { carryMark: 1 } : {}) }
}

export function toDocRecord({ behindMark: _behind, carryMark: _carry, ...record }: DocRow): DocRecord {
  return record
}

/** Keys that are arrays beginning with `first` to `last`: an empty array comes after every string and number. */
export const beginningWith = (first: string, last = first): IDBKeyRange => IDBKeyRange.bound([first], [last, []])

/**
 * Brings a database of version `from` (0: a new one) to `layoutVersion`, inside the upgrade's transaction.
 *
 * @throws {TidemarkError} `store/failed` for a version that never was; the database is left as it is.
 */
export function upgradeLayout(database: IDBDatabase, from: number): void {
  if (from !== 0) throw new TidemarkError('store/failed', `there is no way from layout ${from} to ${layoutVersion}`)
  const docs = database.createObjectStore('docs', { keyPath: 'name' })
  docs.createIndex('pending', 'pendingSinceMs')
  docs.createIndex('behind', 'behindMark')
  docs.createIndex('carry', 'carryMark')
  docs.createIndex('lastSeq', 'lastSeq')
  database.createObjectStore('updates', { keyPath: ['name', 'writer', 'n'] })
  database.createObjectStore('snapshots', { keyPath: 'name' })
  database.createObjectStore('rows', { keyPath: ['type', 'id'] })
  database.createObjectStore('state', { keyPath: 'key' })
}
