/**
 * Seals everything anew that an older key sealed, slice by slice, while the tabs go on.
 *
 * Invariants
 * 1. A record is replaced only while it is exactly the one that was opened; what was written meanwhile is sealed by the
 *    new key already, since the database takes no commit of an older epoch.
 * 2. What does not open stays as it is: whoever reads it quarantines it.
 */
import { TidemarkError } from '@tidemark/base'
import type { Connection } from '../idb-connection.ts'
import { cursorKey, keyOfValue, type ObjectStoreName, type PageRow, type RowRow, type SnapshotRow, type StateRow } from '../idb-layout.ts'
import { resultOf } from '../idb-request.ts'
import type { QuarantinedRecord, StoredUpdate } from '../stored.ts'
import { sameBody } from './pages.ts'
import { places } from './places.ts'
import { epochOf, type Sealer } from './sealer.ts'

/** Records looked at in one slice. */
const sliceRecords = 128

/** Where an object store keeps its sealed bodies; null for a record that has none. */
interface Sealed {
  readonly field: 'bytes' | 'value' | 'body'
  place(record: never): string | null
}

const stores: readonly (readonly [ObjectStoreName, Sealed])[] = [
  ['updates', { field: 'bytes', place: (record: StoredUpdate) => places.update(record) }],
  ['refused', { field: 'bytes', place: (record: StoredUpdate) => places.update(record) }],
  ['snapshots', { field: 'bytes', place: ({ name }: SnapshotRow) => places.snapshot(name) }],
  ['rows', { field: 'value', place: (record: RowRow) => places.row(record) }],
  ['pages', { field: 'body', place: (record: PageRow) => places.page(record) }],
  ['quarantine', { field: 'bytes', place: ({ name }: QuarantinedRecord) => places.quarantine(name) }],
  [
    'state',
    {
      field: 'value',
      place: ({ key }: StateRow) => (key === cursorKey ? places.cursor : keyOfValue(key) === null ? null : places.value(key)),
    },
  ],
]

type SealedRecord = Record<Sealed['field'], unknown>

export class Resealing {
  readonly #connection: Connection
  readonly #sealer: Sealer
  #store = 0
  #after: IDBValidKey | null = null

  constructor(connection: Connection, sealer: Sealer) {
    this.#connection = connection
    this.#sealer = sealer
  }

  /** The epoch that it seals with. */
  get epoch(): number {
    return this.#sealer.epoch
  }

  /** Seals the next records anew; false when all were looked at. */
  async slice(): Promise<boolean> {
    const at = stores[this.#store]
    if (at === undefined) return false
    const [name, sealed] = at
    const { keys, records } = await this.#connection.run('readonly', (transaction) => this.#read(transaction, name))
    if (keys.length === 0) {
      this.#store++
      this.#after = null
      return true
    }
    const resealed = await Promise.all(records.map((record) => this.#reseal(record, sealed)))
    if (resealed.some((body) => body !== null)) {
      await this.#connection.run('readwrite', (transaction) => replace(transaction, name, sealed.field, { keys, records, resealed }))
    }
    this.#after = keys.at(-1) as IDBValidKey
    return true
  }

  async #read(transaction: IDBTransaction, name: ObjectStoreName): Promise<{ keys: IDBValidKey[]; records: SealedRecord[] }> {
    const store = transaction.objectStore(name)
    const range = this.#after === null ? null : IDBKeyRange.lowerBound(this.#after, true)
    const [keys, records] = await Promise.all([
      resultOf(store.getAllKeys(range, sliceRecords)),
      resultOf<SealedRecord[]>(store.getAll(range, sliceRecords)),
    ])
    return { keys, records }
  }

  /** The body under the new key; null for what has it already, has none, or does not open. */
  async #reseal(record: SealedRecord, { field, place }: Sealed): Promise<Uint8Array | null> {
    // reason: each store's place takes that store's records.
    const where = place(record as never)
    const plain = where === null ? null : await this.#open(where, record[field])
    return where === null || plain === null ? null : await this.#sealer.seal(where, plain)
  }

  async #open(where: string, body: unknown): Promise<Uint8Array | null> {
    try {
      return epochOf(body) === this.#sealer.epoch ? null : await this.#sealer.open(where, body)
    } catch (error) {
      if (error instanceof TidemarkError && error.code === 'store/failed') return null
      throw error
    }
  }
}

interface Slice {
  readonly keys: readonly IDBValidKey[]
  readonly records: readonly SealedRecord[]
  readonly resealed: readonly (Uint8Array | null)[]
}

async function replace(transaction: IDBTransaction, name: ObjectStoreName, field: Sealed['field'], slice: Slice): Promise<void> {
  const store = transaction.objectStore(name)
  await Promise.all(
    slice.keys.map(async (key, i) => {
      const body = slice.resealed[i]
      if (body == null) return
      const now = await resultOf<SealedRecord | undefined>(store.get(key))
      if (now === undefined || !sameBody(now[field], slice.records[i]?.[field])) return
      const next = { ...now, [field]: body }
      // The keys of quarantined records stand outside them.
      if (store.keyPath === null) store.put(next, key)
      else store.put(next)
    }),
  )
}
