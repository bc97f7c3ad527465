/**
 * What stands in IndexedDB for names, values and bytes; today themselves.
 *
 * Why it exists: it is the one place that sealing goes into. Everything above speaks of names and values,
 * everything below of keys and bodies, and the transaction itself awaits neither.
 *
 * How the sealing codec (`encryption/sealed-codec.ts`) fits
 * 1. `encode` runs before the transaction and may be asynchronous; commits keep their order while it runs.
 *    It gives keys (sealed names, the same each time), bodies (sealed bytes, with the place as additional data),
 *    tags (HMAC of a cursor's canonical JSON; `null` for null) and the epoch of the key. The planner works on
 *    these and carries them into the writes as they are: there is no body that only the transaction could make.
 * 2. Inside a transaction only numbers, marks, origins, sizes and the key's epoch are read, which stand in the clear.
 *    A batch of an epoch that is over is encoded again, in its turn.
 * 3. The other functions run after a read's transaction is over, many at once. What they throw counts as
 *    damage: the record is quarantined by its key, with its bytes, and the rest is read. Only that a key is not
 *    at hand is no damage: then the whole read fails.
 * 4. `key…` functions give the keys that a read looks for. Order among keys is not order among names:
 *    what is promised in an order is sorted after it was decoded.
 * 5. A row is written as a single, sealed with its batch; `tidy` folds singles into pages (`encryption/pages.ts`).
 *    A single wins over a page.
 */
import { TidemarkError } from '@tidemark/base'
import type { Batch, Committed } from './batch.ts'
import type { RefusedUpdate } from './batch-plan.ts'
import { canonicalJson } from './canonical-json.ts'
import { type EncodedBatch, encodePlain } from './encoded.ts'
import { type DocRow, keyOfValue, type PageRow, type RowRow, type SnapshotRow, type StateRow } from './idb-layout.ts'
import type { Json, QuarantinedRecord, Row, Snapshot, StoredUpdate } from './stored.ts'

/** A promise only where making the value takes one. */
export type Awaitable<T> = T | Promise<T>

export interface Codec {
  encode(batch: Batch): Awaitable<EncodedBatch>
  keyOfName(name: string): Awaitable<string>
  keyOfType(type: string): Awaitable<string>
  name(row: DocRow): Awaitable<string>
  /** What a commit did, by names. */
  committed(committed: Committed): Awaitable<Committed>
  update(row: StoredUpdate): Awaitable<StoredUpdate>
  snapshot(row: SnapshotRow): Awaitable<Snapshot>
  row(row: RowRow): Awaitable<Row>
  /** The rows of a page; null where rows are never folded. */
  readonly page: ((page: PageRow) => Promise<readonly Row[]>) | null
  refused(row: RefusedUpdate): Awaitable<RefusedUpdate>
  quarantined(row: QuarantinedRecord): Awaitable<QuarantinedRecord>
  /** The key and value of a `state` value. */
  value(row: StateRow): Awaitable<readonly [string, Json]>
  cursor(row: StateRow): Awaitable<Json>
}

export const plainCodec: Codec = {
  encode: encodePlain,
  keyOfName: (name) => name,
  keyOfType: (type) => type,
  name: (row) => row.name,
  committed: (committed) => committed,
  update: (row) => {
    expectBytes(row.bytes, 'an update')
    if (row.origin !== 'local' && row.origin !== 'remote') throw new Error(`an update has the origin ${String(row.origin)}`)
    return row
  },
  snapshot: ({ bytes, format = 'v1' }) => {
    expectBytes(bytes, 'a snapshot')
    return { bytes, format }
  },
  row: ({ type, id, value }) => {
    if (value === undefined) throw new Error('a row has no value')
    return { type, id, value: value as Json }
  },
  page: null,
  refused: (row) => {
    expectBytes(row.bytes, 'a refused update')
    return row
  },
  quarantined: (row) => row,
  value: ({ key, value }) => [keyOfValue(key) ?? key, value as Json],
  cursor: ({ value, tag }) => {
    if (tag !== canonicalJson(value as Json)) throw new Error('the cursor is not the one that it is known by')
    return value as Json
  },
}

function expectBytes(bytes: unknown, what: string): void {
  if (!(bytes instanceof Uint8Array)) throw new Error(`${what} has no bytes`)
}

/**
 * Decodes all of `rows`, at once where that takes promises, and hands each to `take` in their order; those that
 * throw go to `damaged` instead.
 */
export async function decodeEach<R, T>(
  rows: readonly R[],
  decode: (row: R) => Awaitable<T>,
  take: (value: T, row: R) => void,
  damaged: (row: R, reason: string) => void,
): Promise<void> {
  const later: (Promise<T> | null)[] = []
  for (const row of rows) {
    try {
      const value = decode(row)
      // Without promises nothing is allocated but the values: thousands of documents are opened through here.
      if (value instanceof Promise) later[later.length] = value
      else if (later.length === 0) take(value, row)
      else later[later.length] = Promise.resolve(value)
    } catch (error) {
      if (later.length > 0) later[later.length] = null
      damaged(row, reasonOf(error))
    }
  }
  const first = rows.length - later.length
  const settled = await Promise.allSettled(later)
  for (const [i, one] of settled.entries()) {
    const row = rows[first + i] as R
    if (later[i] === null) continue
    if (one.status === 'fulfilled') take(one.value as T, row)
    else damaged(row, reasonOf(one.reason))
  }
}

/** The same, as an array of what could be decoded. */
export async function decodeAll<R, T>(
  rows: readonly R[],
  decode: (row: R) => Awaitable<T>,
  damaged: (row: R, reason: string) => void,
): Promise<T[]> {
  const values: T[] = []
  await decodeEach(rows, decode, (value) => values.push(value), damaged)
  return values
}

/** A key that is not at hand says nothing of the record: then the whole read fails. */
function reasonOf(error: unknown): string {
  if (error instanceof TidemarkError && keyTroubles.has(error.code)) throw error
  return error instanceof Error ? error.message : String(error)
}

const keyTroubles: ReadonlySet<string> = new Set(['store/key-moved', 'store/locked', 'store/key-lost'])
