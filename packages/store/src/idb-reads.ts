/**
 * The queries of the port: what is read inside one readonly transaction, then decoded after it is over.
 *
 * What cannot be decoded is left out and told as damage, by its key, so that the store can quarantine it.
 */
import type { QuarantineWrite } from './batch.ts'
import type { RefusedUpdate } from './batch-plan.ts'
import { type Codec, decodeAll, decodeEach } from './idb-codec.ts'
import {
  beginningWith,
  cursorKey,
  type DocRow,
  keyOfValue,
  type ObjectStoreName,
  type PageRow,
  type RowRow,
  rowNameOf,
  type SnapshotRow,
  type StateRow,
} from './idb-layout.ts'
import { resultOf } from './idb-request.ts'
import { type KeyRun, runsOf } from './key-runs.ts'
import type { PendingSum } from './local-store.ts'
import { isPendingUpdate } from './pending.ts'
import { rawBytes } from './raw-bytes.ts'
import { recordOf, salvaged, withAllPending } from './record-shape.ts'
import type { DocRecord, Json, PendingDocument, Row, Snapshot, StoredDocument, StoredUpdate } from './stored.ts'

/** What a read needs: a transaction at a time, the codec, and somebody to tell of damage. */
export interface Reader {
  readonly codec: Codec
  run<T>(body: (transaction: IDBTransaction) => Promise<T>): Promise<T>
  /** Names in it are keys. */
  damaged(damage: QuarantineWrite): void
  /** The rows of a page can be had again from the documents. */
  damagedPage(page: PageRow, reason: string): void
  /** Where it cannot be read the replica begins anew. */
  damagedCursor(row: StateRow, reason: string): void
}

/** Most ranges that one `load` reads, in three requests each. */
const maxLoadRuns = 32

/** Documents between the first and the last that are asked for, for each of those, up to which one range is read. */
const denseLoad = 1.25

/** Most entries that IndexedDB can be asked for. */
const maxCount = 2 ** 32 - 1

export async function readDocuments(reader: Reader, names: readonly string[]): Promise<ReadonlyMap<string, StoredDocument>> {
  const { codec, damaged } = reader
  const keys = await keysOf(reader, names)
  const wanted = new Set(keys.keys())
  const found = await reader.run((transaction) => readRuns(transaction, wanted))
  const updates = Map.groupBy(
    found.updates.filter(({ name }) => wanted.has(name)),
    ({ name }) => name,
  )
  const documents = new Map<string, Found>()
  for (const row of found.docs) {
    if (!wanted.has(row.name)) continue
    const record = readRecord(reader, row, updates.get(row.name) ?? [])
    documents.set(row.name, { record: { ...record, name: keys.get(row.name) as string }, snapshot: null, updates: [] })
  }
  const known = <T extends { readonly name: string }>(rows: readonly T[]): T[] => rows.filter(({ name }) => documents.has(name))
  await decodeEach(
    known(found.updates),
    codec.update,
    (update, { name }) => (documents.get(name) as Found).updates.push(update),
    (update, reason) => {
      damaged({ name: update.name, part: { writer: update.writer, n: update.n }, bytes: rawBytes(update), reason })
    },
  )
  await decodeEach(
    known(found.snapshots),
    codec.snapshot,
    (snapshot, { name }) => {
      ;(documents.get(name) as Found).snapshot = snapshot
    },
    (row, reason) => {
      const { snapshotRevision } = (documents.get(row.name) as Found).record
      damaged({ name: row.name, part: { snapshotRevision }, bytes: rawBytes(row), reason })
    },
  )
  return new Map([...documents.values()].map((document) => [document.record.name, document]))
}

interface Found {
  readonly record: DocRecord
  snapshot: Snapshot | null
  readonly updates: StoredUpdate[]
}

/** The keys of names, with the name that each stands for. */
async function keysOf({ codec }: Reader, names: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const made = names.map((name) => codec.keyOfName(name))
  const keys = made.some((key) => key instanceof Promise) ? await Promise.all(made) : (made as string[])
  return new Map(keys.map((key, i) => [key, names[i] as string]))
}

/** Each name once, in the order of the keys. */
export async function orderedByKey(reader: Reader, names: readonly string[]): Promise<readonly string[]> {
  return [...(await keysOf(reader, names))].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, name]) => name)
}

/** The record under its key, or what can be salvaged of it. */
function readRecord(reader: Reader, row: DocRow, updates: readonly StoredUpdate[]): DocRecord {
  try {
    return recordOf(row)
  } catch (error) {
    reader.damaged({ name: row.name, part: 'record', bytes: rawBytes(row), reason: (error as Error).message })
    const { record, hasMark } = salvaged(row)
    return hasMark ? record : withAllPending(record, updates)
  }
}

async function readRuns(transaction: IDBTransaction, wanted: ReadonlySet<string>) {
  const runs = await runsFor(transaction, wanted)
  const read = await Promise.all(runs.map((run) => readRun(transaction, run)))
  return {
    docs: read.flatMap(({ docs }) => docs),
    snapshots: read.flatMap(({ snapshots }) => snapshots),
    updates: read.flatMap(({ updates }) => updates),
  }
}

async function runsFor(transaction: IDBTransaction, wanted: ReadonlySet<string>): Promise<readonly KeyRun[]> {
  const names = [...wanted].sort()
  if (names.length <= maxLoadRuns) return names.map((name) => ({ from: name, to: name }))
  const [from, to] = [names[0] as string, names.at(-1) as string]
  const between = IDBKeyRange.bound(from, to)
  const docs = transaction.objectStore('docs')
  // Where hardly anything else lies between, reading that too is cheaper than reading all keys first.
  if ((await resultOf(docs.count(between))) <= names.length * denseLoad) return [{ from, to }]
  const existing = await resultOf(docs.getAllKeys(between))
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

export async function readPending(reader: Reader, limit: number): Promise<readonly PendingDocument[]> {
  if (limit <= 0) return []
  const found = await reader.run(async (transaction) => {
    const rows: DocRow[] = await resultOf(transaction.objectStore('docs').index('pending').getAll(null, Math.min(limit, maxCount)))
    return await Promise.all(rows.map(async (row) => ({ row, updates: await updatesBehind(transaction, row) })))
  })
  const documents = await Promise.all(
    found.map(async ({ row, updates }): Promise<PendingDocument | null> => {
      const record = readRecord(reader, row, updates)
      const pending = await decodeAll(updates.filter(isPendingUpdate(record)), reader.codec.update, (update, reason) => {
        reader.damaged({ name: row.name, part: { writer: update.writer, n: update.n }, bytes: rawBytes(update), reason })
      })
      const [name] = await namesOf(reader, [row])
      return name === undefined ? null : { record: { ...record, name }, updates: pending }
    }),
  )
  return documents.filter((one) => one !== null)
}

async function updatesBehind(transaction: IDBTransaction, row: DocRow): Promise<StoredUpdate[]> {
  const { record, hasMark } = salvaged(row)
  if (!hasMark) return await all<StoredUpdate>(transaction, 'updates', beginningWith(row.name))
  const ranges = Object.entries(record.pending).map(([writer, { from, to }]) =>
    all<StoredUpdate>(transaction, 'updates', IDBKeyRange.bound([row.name, writer, from], [row.name, writer, to])),
  )
  return (await Promise.all(ranges)).flat()
}

export function readPendingSum(reader: Reader, bytesKey: string): Promise<PendingSum> {
  return reader.run(async (transaction) => {
    const docs = transaction.objectStore('docs')
    const [pending, carry, both, oldest, bytes, refused] = await Promise.all([
      resultOf(docs.index('pending').count()),
      resultOf(docs.index('carry').count()),
      resultOf(docs.index('carryPending').count()),
      resultOf<DocRow | undefined>(docs.index('pending').get(IDBKeyRange.lowerBound(Number.NEGATIVE_INFINITY))),
      resultOf<StateRow | undefined>(transaction.objectStore('state').get(bytesKey)),
      resultOf(transaction.objectStore('refused').getAllKeys()),
    ])
    const changes = new Set(refused.map((key) => JSON.stringify((key as IDBValidKey[]).slice(0, 2))))
    const sum = typeof bytes?.value === 'number' && pending > 0 ? bytes.value : 0
    return { documents: pending + carry - both, bytes: sum, sinceMs: oldest?.pendingSinceMs ?? null, refused: changes.size }
  })
}

export async function readRows(reader: Reader, type: string): Promise<readonly Row[]> {
  const key = await reader.codec.keyOfType(type)
  const { page } = reader.codec
  const { singles, pages } = await reader.run(async (transaction) => ({
    singles: await all<RowRow>(transaction, 'rows', beginningWith(key)),
    pages: page === null ? [] : await all<PageRow>(transaction, 'pages', beginningWith(key)),
  }))
  const single = await decodeAll(singles, reader.codec.row, (row, reason) => {
    reader.damaged({ name: rowNameOf(row), part: { type: row.type, id: row.id }, bytes: rawBytes(row), reason })
  })
  const paged = page === null ? [] : await decodeAll(pages, page, (row, reason) => reader.damagedPage(row, reason))
  const rows = paged.length === 0 ? single : [...new Map([...paged.flat(), ...single].map((row) => [row.id, row])).values()]
  return isInOrder(rows) ? rows : rows.sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0))
}

const isInOrder = (rows: readonly Row[]): boolean => rows.every((row, i) => i === 0 || (rows[i - 1] as Row).id < row.id)

export async function readRowsBehind(reader: Reader, limit: number, among?: readonly string[]): Promise<readonly string[]> {
  if (limit <= 0) return []
  if (among === undefined) return await readMarked(reader, 'rowMark', limit)
  const keys = await keysOf(reader, among)
  const rows = await reader.run((transaction) => {
    const docs = transaction.objectStore('docs')
    return Promise.all([...keys.keys()].map((key) => resultOf<DocRow | undefined>(docs.get(key))))
  })
  const behind = rows.filter((row) => row?.rowMark !== undefined) as (DocRow & { rowMark: number })[]
  return behind
    .sort((a, b) => a.rowMark - b.rowMark)
    .slice(0, limit)
    .map(({ name }) => keys.get(name) as string)
}

/** Names of up to `limit` documents that an index has, in the index's order. */
export async function readMarked(
  reader: Reader,
  index: 'rowMark' | 'behind' | 'carry' | 'long',
  limit: number,
): Promise<readonly string[]> {
  if (limit <= 0) return []
  const rows = await reader.run((transaction) =>
    resultOf<DocRow[]>(transaction.objectStore('docs').index(index).getAll(null, Math.min(limit, maxCount))),
  )
  return await namesOf(reader, rows)
}

export async function readChangedAfter(reader: Reader, seq: number): Promise<readonly string[]> {
  const rows = await reader.run(async (transaction) => {
    const docs = transaction.objectStore('docs')
    if (seq >= 0) return await resultOf<DocRow[]>(docs.index('lastSeq').getAll(IDBKeyRange.lowerBound(seq, true)))
    // The index leaves out those that the relay has never confirmed.
    return (await resultOf<DocRow[]>(docs.getAll())).sort((a, b) => (a.lastSeq ?? 0) - (b.lastSeq ?? 0))
  })
  return await namesOf(reader, rows)
}

const namesOf = (reader: Reader, rows: readonly DocRow[]): Promise<string[]> =>
  decodeAll(rows, reader.codec.name, (row, reason) => reader.damaged({ name: row.name, part: 'record', bytes: rawBytes(row), reason }))

export async function readState(reader: Reader): Promise<{ cursor: Json; values: Record<string, Json> }> {
  const rows = await reader.run((transaction) => all<StateRow>(transaction, 'state'))
  const cursor = rows.find(({ key }) => key === cursorKey)
  const values = await decodeAll(
    rows.filter(({ key }) => keyOfValue(key) !== null),
    reader.codec.value,
    () => undefined, // reason: a value that cannot be read is as good as one that was never stored; its owner makes it anew
  )
  // Without a cursor everything is caught up from the start; what is here already is not stored twice.
  const [position = null] = await decodeAll(cursor === undefined ? [] : [cursor], reader.codec.cursor, (row, reason) =>
    reader.damagedCursor(row, reason),
  )
  return { cursor: position, values: Object.fromEntries(values) }
}

export async function readRefused(reader: Reader): Promise<readonly RefusedUpdate[]> {
  const rows = await reader.run((transaction) => all<RefusedUpdate>(transaction, 'refused'))
  return await decodeAll(rows, reader.codec.refused, () => undefined) // reason: it stays where it is, for whoever can read it
}

export async function readQuarantined(reader: Reader) {
  const rows = await reader.run((transaction) => all<QuarantineWrite & { readonly atMs: number }>(transaction, 'quarantine'))
  return await decodeAll(rows, reader.codec.quarantined, () => undefined) // reason: it stays where it is, for whoever can read it
}

const all = <T>(transaction: IDBTransaction, store: ObjectStoreName, range?: IDBKeyRange): Promise<T[]> =>
  resultOf(transaction.objectStore(store).getAll(range))
