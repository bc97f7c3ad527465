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
import { encodePlain } from './encoded.ts'
import type { LocalStore, OpenStore, PendingSum } from './local-store.ts'
import { isLongLog } from './log-policy.ts'
import { createMemoryDatabase, type MemoryDatabase, type MemoryTables } from './memory-database.ts'
import { isPendingUpdate } from './pending.ts'
import { refusedChangesOf } from './refused.ts'
import type { DocRecord, Json, PendingDocument, QuarantinedRecord, RefusedChange, Row, StoredDocument, StoreStatus } from './stored.ts'

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
  #lastCommit: Promise<unknown> = Promise.resolve()
  #closed = false

  constructor(tables: MemoryTables, { clock = systemClock, faults = {}, fallback }: MemoryStoreOptions) {
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
      const record = this.#tables.record(name)
      if (record === undefined) continue
      found.set(name, { record, snapshot: this.#tables.snapshot(name), updates: this.#tables.updates(name) })
    }
    return found
  }

  async pending(limit: number): Promise<readonly PendingDocument[]> {
    return this.#pending()
      .slice(0, limit)
      .map((record) => ({ record, updates: this.#tables.updates(record.name).filter(isPendingUpdate(record)) }))
  }

  async pendingTotals(): Promise<PendingSum> {
    const pending = this.#pending()
    const carried = this.#records((record) => record.carry && !hasPending(record))
    return {
      documents: pending.length + carried.length,
      bytes: this.#tables.pendingBytes,
      sinceMs: pending[0]?.pendingSinceMs ?? null,
    }
  }

  async rows(type: string): Promise<readonly Row[]> {
    this.#assertOpen()
    return this.#tables.rows(type).toSorted((a, b) => compare(a.id, b.id))
  }

  async rowsBehind(limit: number, among?: readonly string[]): Promise<readonly string[]> {
    const asked = among === undefined ? null : new Set(among)
    const records = this.#records((record) => isRowBehind(record) && (asked?.has(record.name) ?? true))
    records.sort((a, b) => b.changedMs - a.changedMs || compare(a.name, b.name))
    return records.slice(0, limit).map(({ name }) => name)
  }

  async behind(limit: number): Promise<readonly string[]> {
    return this.#names((record) => record.behind > 0, limit)
  }

  async carrying(limit: number): Promise<readonly string[]> {
    return this.#names((record) => record.carry, limit)
  }

  async longLogs(limit: number): Promise<readonly string[]> {
    return this.#names(isLongLog, limit)
  }

  async changedAfter(seq: number): Promise<readonly string[]> {
    const records = this.#records((record) => record.lastSeq > seq)
    return records.sort((a, b) => a.lastSeq - b.lastSeq || compare(a.name, b.name)).map(({ name }) => name)
  }

  async refused(): Promise<readonly RefusedChange[]> {
    this.#assertOpen()
    return refusedChangesOf(this.#tables.refused)
  }

  async quarantined(): Promise<readonly QuarantinedRecord[]> {
    this.#assertOpen()
    return [...this.#tables.quarantined]
  }

  async state(): ReturnType<LocalStore['state']> {
    this.#assertOpen()
    return { cursor: this.#tables.cursorValue, values: Object.fromEntries(this.#tables.values) }
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#lastCommit
  }

  async #store(batch: Batch): Promise<Committed> {
    try {
      await this.#faults.beforeCommit?.(batch)
      const { writes, committed } = planBatch(this.#tables, encodePlain(batch), this.#clock.now())
      for (const write of writes) this.#faults.beforeWrite?.(write)
      this.#tables.apply(writes.map(copied))
      this.#stored(writes)
      return committed
    } catch (error) {
      const problem = toTidemarkError(error, 'store/failed')
      if (problem.code !== 'store/cursor-moved') this.#setStatus({ problem })
      throw problem
    }
  }

  #stored(writes: readonly Write[]): void {
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

  #names(matches: (record: DocRecord) => boolean, limit: number): string[] {
    return this.#records(matches)
      .map(({ name }) => name)
      .sort(compare)
      .slice(0, limit)
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
      return { ...write, row: { ...write.row, body: copiedJson(write.row.body as Json) } }
    case 'value':
    case 'cursor':
      return { ...write, body: copiedJson(write.body as Json) }
    default:
      return write
  }
}

function copiedJson(value: Json): Json {
  if (Array.isArray(value)) return value.map(copiedJson)
  if (typeof value === 'function' || typeof value === 'symbol') throw new TypeError(`a ${typeof value} cannot be stored`)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, copiedJson(inner as Json)]))
}

/** The order of IndexedDB's string keys: by UTF-16 code units. */
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
