/** The queries of the port, each inside one readonly transaction. */
import {
  beginningWith,
  cursorKey,
  type DocRow,
  keyOfValue,
  type ObjectStoreName,
  type SnapshotRow,
  type StateRow,
  toDocRecord,
} from './idb-layout.ts'
import { resultOf } from './idb-request.ts'
import { type KeyRun, runsOf } from './key-runs.ts'
import type { Json, PendingDocument, Row, StoredDocument, StoredUpdate } from './local-store.ts'
import { isPendingUpdate } from './pending.ts'

/** Most ranges that one `load` reads, in three requests each. */
const maxLoadRuns = 32

/** Most entries that IndexedDB can be asked for. */
const maxCount = 2 ** 32 - 1

export async function readDocuments(transaction: IDBTransaction, names: readonly string[]): Promise<ReadonlyMap<string, StoredDocument>> {
  const wanted = new Set(names)
  const runs = await runsFor(transaction, wanted)
  const found = new Map<string, Found>()
  for (const { docs, snapshots, updates } of await Promise.all(runs.map((run) => readRun(transaction, run)))) {
    for (const row of docs) if (wanted.has(row.name)) found.set(row.name, { record: toDocRecord(row), snapshot: null, updates: [] })
    for (const { name, bytes } of snapshots) {
      const document = found.get(name)
      if (document !== undefined) document.snapshot = bytes
    }
    for (const update of updates) found.get(update.name)?.updates.push(update)
  }
  return found
}

type Found = Pick<StoredDocument, 'record'> & { snapshot: Uint8Array | null; readonly updates: StoredUpdate[] }

async function runsFor(transaction: IDBTransaction, wanted: ReadonlySet<string>): Promise<readonly KeyRun[]> {
  const names = [...wanted].sort()
  if (names.length <= maxLoadRuns) return names.map((name) => ({ from: name, to: name }))
  const between = IDBKeyRange.bound(names[0], names.at(-1))
  const existing = await resultOf(transaction.objectStore('docs').getAllKeys(between))
  return runsOf(existing as string[], wanted, maxLoadRuns)
}

async function readRun(transaction: IDBTransaction, { from, to }: KeyRun) {
  const range = IDBKeyRange.bound(from, to)
  const [docs, snapshots, updates] = await Promise.all([
    all<DocRow>(transaction, 'docs', range),
    all<SnapshotRow>(transaction, 'snapshots', range),
    all<StoredUpdate>(transaction, 'updates', beginningWith(from, to)),
  ])
  return { docs, snapshots, updates }
}

export async function readPending(transaction: IDBTransaction, limit: number): Promise<readonly PendingDocument[]> {
  if (limit <= 0) return []
  const rows: DocRow[] = await resultOf(transaction.objectStore('docs').index('pending').getAll(null, Math.min(limit, maxCount)))
  return await Promise.all(rows.map((row) => readPendingOf(transaction, row)))
}

async function readPendingOf(transaction: IDBTransaction, row: DocRow): Promise<PendingDocument> {
  const record = toDocRecord(row)
  const ranges = Object.entries(record.pending).map(([writer, { from, to }]) =>
    all<StoredUpdate>(transaction, 'updates', IDBKeyRange.bound([record.name, writer, from], [record.name, writer, to])),
  )
  return { record, updates: (await Promise.all(ranges)).flat().filter(isPendingUpdate(record)) }
}

export const readRows = (transaction: IDBTransaction, type: string): Promise<readonly Row[]> =>
  all<Row>(transaction, 'rows', beginningWith(type))

/** Names of up to `limit` documents that carry the mark of an index. */
export async function readMarked(transaction: IDBTransaction, index: 'behind' | 'carry', limit: number): Promise<readonly string[]> {
  if (limit <= 0) return []
  return (await resultOf(transaction.objectStore('docs').index(index).getAllKeys(1, Math.min(limit, maxCount)))) as string[]
}

export async function readChangedAfter(transaction: IDBTransaction, seq: number): Promise<readonly string[]> {
  return (await resultOf(transaction.objectStore('docs').index('lastSeq').getAllKeys(IDBKeyRange.lowerBound(seq, true)))) as string[]
}

export async function readState(transaction: IDBTransaction): Promise<{ cursor: Json; values: Record<string, Json> }> {
  const rows = await all<StateRow>(transaction, 'state')
  const values = rows.flatMap(({ key, value }) => {
    const name = keyOfValue(key)
    return name === null ? [] : [[name, value] as const]
  })
  return { cursor: rows.find(({ key }) => key === cursorKey)?.value ?? null, values: Object.fromEntries(values) }
}

const all = <T>(transaction: IDBTransaction, store: ObjectStoreName, range?: IDBKeyRange): Promise<T[]> =>
  resultOf(transaction.objectStore(store).getAll(range))
