/**
 * What a group of batches needs to see of the database, read at the start of its transaction.
 *
 * Everything here is keys, numbers and marks in the clear: see `idb-codec.ts`.
 */
import type { QuarantineWrite } from './batch.ts'
import { type DatabaseView, namesOf, needsPending, type Write } from './batch-plan.ts'
import type { Body, EncodedBatch } from './encoded.ts'
import { beginningWith, cursorKey, type DocRow, keysKey, pendingBytesKey, type StateRow } from './idb-layout.ts'
import { resultOf } from './idb-request.ts'
import type { PendingUpdate } from './pending.ts'
import { rawBytes } from './raw-bytes.ts'
import { recordOf, salvaged, sized, withAllPending } from './record-shape.ts'
import type { DocRecord, StoredUpdate } from './stored.ts'

/** The database as the group found it, and on top of that what the batches before in the same transaction write. */
export class GroupView implements DatabaseView {
  cursor = 'null'
  pendingBytes = 0
  /** Of the key that seals now; null where there is none. */
  epoch: number | null = null
  /** Records that could not be read, to be quarantined by this very transaction. */
  readonly damaged: QuarantineWrite[] = []
  readonly labels = new Map<string, Body>()
  readonly records = new Map<string, DocRecord>()
  readonly pending = new Map<string, readonly PendingUpdate[]>()

  record(name: string): DocRecord | undefined {
    return this.records.get(name)
  }

  pendingUpdates(name: string): readonly PendingUpdate[] {
    return this.pending.get(name) ?? []
  }

  note(write: Write): void {
    switch (write.type) {
      case 'record':
        this.records.set(write.record.name, write.record)
        return
      case 'update':
        if (write.update.origin === 'local') this.#replace(write.update, [{ ...sized(write.update) }])
        return
      case 'remove-update':
        return this.#replace(write.key, [])
      case 'cursor':
        this.cursor = write.tag
        return
      case 'pending-bytes':
        this.pendingBytes = write.bytes
    }
  }

  #replace({ name, writer, n }: { name: string; writer: string; n: number }, by: readonly PendingUpdate[]): void {
    const known = this.pending.get(name)
    if (known === undefined) return
    this.pending.set(name, [...known.filter((one) => one.writer !== writer || one.n !== n), ...by])
  }
}

export async function readView(transaction: IDBTransaction, batches: readonly EncodedBatch[]): Promise<GroupView> {
  const view = new GroupView()
  const names = new Set(batches.flatMap((batch) => [...namesOf(batch)]))
  const docs = transaction.objectStore('docs')
  const state = transaction.objectStore('state')
  const isSealed = batches.some(({ epoch }) => epoch !== null)
  const [cursor, pendingBytes, keys, ...rows] = await Promise.all([
    resultOf<StateRow | undefined>(state.get(cursorKey)),
    resultOf<StateRow | undefined>(state.get(pendingBytesKey)),
    isSealed ? resultOf<StateRow | undefined>(state.get(keysKey)) : undefined,
    ...[...names].map((name) => resultOf<DocRow | undefined>(docs.get(name))),
  ])
  view.cursor = cursor?.tag ?? 'null'
  view.epoch = keys?.epoch ?? null
  view.pendingBytes = typeof pendingBytes?.value === 'number' ? pendingBytes.value : 0
  await Promise.all(rows.map((row) => (row === undefined ? null : take(view, transaction, row))))
  // Of a document that is new, a later batch of the transaction has to see what an earlier one makes pending.
  for (const name of names) if (!view.records.has(name)) view.pending.set(name, [])
  const needed = needsPending(batches, (name) => view.record(name))
  await Promise.all([...needed].map((name) => readPendingUpdates(view, transaction, view.record(name) as DocRecord)))
  return view
}

function take(view: GroupView, transaction: IDBTransaction, row: DocRow): Promise<void> | null {
  if (row.label !== undefined) view.labels.set(row.name, row.label)
  try {
    view.records.set(row.name, recordOf(row))
    return null
  } catch (error) {
    return takeDamaged(view, transaction, row, (error as Error).message)
  }
}

/** Without its mark every local update counts as pending: the relay cuts what it has, and what it lacks is not lost. */
async function takeDamaged(view: GroupView, transaction: IDBTransaction, row: DocRow, reason: string): Promise<void> {
  const { record, hasMark } = salvaged(row)
  view.damaged.push({ name: row.name, part: 'record', bytes: rawBytes(row), reason })
  view.records.set(row.name, hasMark ? record : withAllPending(record, await updatesOf(transaction, row.name)))
}

async function readPendingUpdates(view: GroupView, transaction: IDBTransaction, record: DocRecord): Promise<void> {
  const updates = transaction.objectStore('updates')
  const ranges = Object.entries(record.pending).map(([writer, { from, to }]) =>
    resultOf<StoredUpdate[]>(updates.getAll(IDBKeyRange.bound([record.name, writer, from], [record.name, writer, to]))),
  )
  const found = (await Promise.all(ranges)).flat()
  view.pending.set(record.name, found.filter(({ origin }) => origin === 'local').map(sized))
}

const updatesOf = (transaction: IDBTransaction, name: string): Promise<StoredUpdate[]> =>
  resultOf<StoredUpdate[]>(transaction.objectStore('updates').getAll(beginningWith(name)))
