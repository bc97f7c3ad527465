/**
 * A `LocalStore` in memory: for tests, for the simulator, and where a browser gives no database.
 *
 * It copies what it stores, as a real database does, and can be told to fail.
 *
 * Invariant: a commit that a fault stops has written nothing.
 */
import { type Clock, createObservable, type ObservableValue, systemClock, TidemarkError, toTidemarkError } from '@tidemark/base'
import type { Batch, Committed } from './batch.ts'
import { planBatch, type Write } from './batch-plan.ts'
import { hasPending, isRowBehind } from './doc-record.ts'
import type { Body } from './encoded.ts'
import { type Awaitable, type Codec, plainCodec } from './idb-codec.ts'
import { valueKey } from './idb-layout.ts'
import type { LocalStore, OpenStore, PendingSum } from './local-store.ts'
import { isLongLog } from './log-policy.ts'
import { createMemoryDatabase, type MemoryDatabase, type MemoryTables } from './memory-database.ts'
import { isPendingUpdate } from './pending.ts'
import { refusedChangesOf } from './refused.ts'
import type {
  DocRecord,
  Json,
  PendingDocument,
  QuarantinedRecord,
  RefusedChange,
  Row,
  Snapshot,
  StoredDocument,
  StoredUpdate,
  StoreStatus,
} from './stored.ts'

/** Ways to make commits late or fail; what a hook throws is what the commit rejects with (`store/failed` if it is not ours). */
export interface MemoryFaults {
  /** Called before each commit in its turn; later commits wait for it. */
  beforeCommit?(batch: Batch): void | Promise<void>
  /** Called before each single write of a commit. */
  beforeWrite?(write: Write): void
}

export interface MemoryStoreOptions {
  /** Shared by every store opened over it; a new one when left out. */
  readonly database?: MemoryDatabase
  readonly clock?: Clock
  readonly faults?: MemoryFaults
  /** Shown as `status.fallback`. */
  readonly fallback?: TidemarkError
  /** What stands in the tables for names, values and bytes; themselves when left out. */
  readonly codec?: Codec
}

/** Opens stores in memory; stores of one space and user that the same `OpenStore` opens share their content. */
export function memoryStore(options: MemoryStoreOptions = {}): OpenStore {
  const database = options.database ?? createMemoryDatabase()
  return async (where) => new MemoryStore(database.tables(where), options)
}

class MemoryStore implements LocalStore {
  readonly status: ObservableValue<StoreStatus>
  readonly #tables: MemoryTables
  readonly #clock: Clock
  readonly #faults: MemoryFaults
  readonly #codec: Codec
  #lastCommit: Promise<unknown> = Promise.resolve()
  #closed = false

  constructor(tables: MemoryTables, { clock = systemClock, faults = {}, fallback, codec = plainCodec }: MemoryStoreOptions) {
    this.#codec = codec
    this.#tables = tables
    this.#clock = clock
    this.#faults = faults
    this.status = createObservable<StoreStatus>({
      kind: 'memory',
      fallback: fallback ?? null,
      problem: null,
      quarantined: 0,
      evicted: 'no',
      estimate: null,
    })
  }

  async commit(batch: Batch): Promise<Committed> {
    this.#assertOpen()
    const commit = this.#lastCommit.then(() => this.#store(batch))
    this.#lastCommit = commit.catch(() => undefined) // reason: the caller of that commit has the error
    return await commit
  }

  async load(names: readonly string[]): Promise<ReadonlyMap<string, StoredDocument>> {
    this.#assertOpen()
    const found = new Map<string, StoredDocument>()
    for (const name of names) {
      const key = this.#codec.keyOfName(name)
      const stored = this.#stored(typeof key === 'string' ? key : await key)
      if (stored !== undefined) found.set(name, stored instanceof Promise ? await stored : stored)
    }
    return found
  }

  async pending(limit: number): Promise<readonly PendingDocument[]> {
    const pending = this.#pending()
      .slice(0, limit)
      .map((record) => ({ record, updates: this.#tables.updates(record.name).filter(isPendingUpdate(record)) }))
    const { name, update } = this.#codec
    return await Promise.all(
      pending.map(async ({ record, updates }) => ({
        record: { ...record, name: await name(record) },
        updates: await each(updates, update),
      })),
    )
  }

  async pendingTotals(): Promise<PendingSum> {
    const pending = this.#pending()
    const carried = this.#records((record) => record.carry && !hasPending(record))
    return {
      documents: pending.length + carried.length,
      bytes: this.#tables.pendingBytes,
      sinceMs: pending[0]?.pendingSinceMs ?? null,
      refused: refusedChangesOf(this.#tables.refused).length,
    }
  }

  async rows(type: string): Promise<readonly Row[]> {
    this.#assertOpen()
    const key = this.#codec.keyOfType(type)
    const rows = this.#tables.rows(typeof key === 'string' ? key : await key)
    return [...(await each(rows, this.#codec.row))].sort((a, b) => compare(a.id, b.id))
  }

  async rowsBehind(limit: number, among?: readonly string[]): Promise<readonly string[]> {
    const asked = among === undefined ? null : new Set(await each(among, this.#codec.keyOfName))
    const records = this.#records((record) => isRowBehind(record) && (asked?.has(record.name) ?? true))
    records.sort((a, b) => b.changedMs - a.changedMs || compare(a.name, b.name))
    return await each(records.slice(0, limit), this.#codec.name)
  }

  async behind(limit: number): Promise<readonly string[]> {
    return await this.#names((record) => record.behind > 0, limit)
  }

  async carrying(limit: number): Promise<readonly string[]> {
    return await this.#names((record) => record.carry, limit)
  }

  async longLogs(limit: number): Promise<readonly string[]> {
    return await this.#names(isLongLog, limit)
  }

  async changedAfter(seq: number): Promise<readonly string[]> {
    const records = this.#records((record) => record.lastSeq > seq)
    records.sort((a, b) => a.lastSeq - b.lastSeq || compare(a.name, b.name))
    return await each(records, this.#codec.name)
  }

  async refused(): Promise<readonly RefusedChange[]> {
    this.#assertOpen()
    return refusedChangesOf(await each(this.#tables.refused, this.#codec.refused))
  }

  async quarantined(): Promise<readonly QuarantinedRecord[]> {
    this.#assertOpen()
    return await each(this.#tables.quarantined, this.#codec.quarantined)
  }

  async state(): ReturnType<LocalStore['state']> {
    this.#assertOpen()
    const { cursor: tag, cursorValue } = this.#tables
    const values = [...this.#tables.values].map(([key, value]) => ({ key: valueKey(key), value }))
    const cursor = cursorValue === null ? null : await this.#codec.cursor({ key: 'cursor', value: cursorValue, tag })
    return { cursor, values: Object.fromEntries(await each(values, this.#codec.value)) }
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#lastCommit
  }

  async #store(batch: Batch): Promise<Committed> {
    try {
      await this.#faults.beforeCommit?.(batch)
      const { writes, committed } = planBatch(this.#tables, await this.#codec.encode(batch), this.#clock.now())
      for (const write of writes) this.#faults.beforeWrite?.(write)
      this.#tables.apply(writes.map(copied))
      this.#noteStored(writes)
      return await this.#codec.committed(committed)
    } catch (error) {
      const problem = toTidemarkError(error, 'store/failed')
      if (problem.code !== 'store/cursor-moved') this.#setStatus({ problem })
      throw problem
    }
  }

  /** All of one moment, decoded behind it. */
  #stored(key: string): Awaitable<StoredDocument> | undefined {
    const record = this.#tables.record(key)
    if (record === undefined) return undefined
    const [snapshot, updates] = [this.#tables.snapshot(key), this.#tables.updates(key)]
    if (this.#codec === plainCodec) return { record, snapshot, updates }
    return this.#decoded(record, snapshot, updates)
  }

  async #decoded(record: DocRecord, snapshot: Snapshot | null, updates: readonly StoredUpdate[]): Promise<StoredDocument> {
    return {
      record: { ...record, name: await this.#codec.name(record) },
      snapshot: snapshot === null ? null : await this.#codec.snapshot({ name: record.name, ...snapshot }),
      updates: await each(updates, this.#codec.update),
    }
  }

  #noteStored(writes: readonly Write[]): void {
    const quarantined = this.status.get().quarantined + writes.filter(({ type }) => type === 'quarantine').length
    this.#setStatus({ problem: null, quarantined })
  }

  #setStatus(change: Partial<StoreStatus>): void {
    const before = this.status.get()
    const after = { ...before, ...change }
    if (after.problem !== before.problem || after.quarantined !== before.quarantined) this.status.set(after)
  }

  #pending(): DocRecord[] {
    return this.#records(hasPending).sort((a, b) => Number(a.pendingSinceMs) - Number(b.pendingSinceMs) || compare(a.name, b.name))
  }

  #names(matches: (record: DocRecord) => boolean, limit: number): Awaitable<readonly string[]> {
    const records = this.#records(matches).sort((a, b) => compare(a.name, b.name))
    return each(records.slice(0, limit), this.#codec.name)
  }

  #records(matches: (record: DocRecord) => boolean): DocRecord[] {
    this.#assertOpen()
    return [...this.#tables.records.values()].filter(matches)
  }

  #assertOpen(): void {
    if (this.#closed) throw new TidemarkError('store/closed', 'the store was closed')
  }
}

/** What a caller handed over is copied; the rest the plan has made anew. A hundred times as fast as a structured clone. */
function copied(write: Write): Write {
  switch (write.type) {
    case 'update':
    case 'refused':
      return { ...write, update: { ...write.update, bytes: write.update.bytes.slice() } } as Write
    case 'snapshot':
      return { ...write, bytes: write.bytes.slice() }
    case 'quarantine':
      return { ...write, record: { ...write.record, bytes: write.record.bytes.slice() } }
    case 'row':
      return { ...write, row: { ...write.row, body: copiedBody(write.row.body) } }
    case 'value':
    case 'cursor':
      return { ...write, body: copiedBody(write.body) }
    default:
      return write
  }
}

const copiedBody = (body: Body): Body => (body instanceof Uint8Array ? body.slice() : copiedJson(body))

function copiedJson(value: Json): Json {
  if (Array.isArray(value)) return value.map(copiedJson)
  if (typeof value === 'function' || typeof value === 'symbol') throw new TypeError(`a ${typeof value} cannot be stored`)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, copiedJson(inner as Json)]))
}

/** Each decoded, with promises only where decoding takes them. */
function each<T, R>(values: readonly T[], decode: (value: T) => Awaitable<R>): Awaitable<readonly R[]> {
  const decoded = values.map(decode)
  return decoded.some((one) => one instanceof Promise) ? Promise.all(decoded) : (decoded as R[])
}

/** The order of IndexedDB's string keys: by UTF-16 code units. */
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
