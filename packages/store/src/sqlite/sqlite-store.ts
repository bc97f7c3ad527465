/**
 * A `LocalStore` in SQLite, on Node's own `node:sqlite`: for desktop shells, servers, bots and tests.
 *
 * Batches of one turn of the event loop go into one transaction. A transaction runs on the calling thread: about as
 * long as a write to the disk's cache with `relaxed`, and one flush of the disk with `strict`.
 *
 * Invariants
 * 1. Batches are stored in the order of the calls; each whole or not at all, whatever becomes of its neighbours.
 * 2. A promise resolves after COMMIT has returned.
 */
import type { DatabaseSync } from 'node:sqlite'
import { type Clock, createObservable, type ObservableValue, systemClock, TidemarkError } from '@tidemark/base'
import type { Batch, Committed, QuarantineWrite } from '../batch.ts'
import { namesOf, planBatch, type Write } from '../batch-plan.ts'
import { encodePlain } from '../encoded.ts'
import type { LocalStore, OpenStore, PendingSum } from '../local-store.ts'
import { refusedChangesOf } from '../refused.ts'
import type { PendingDocument, QuarantinedRecord, RefusedChange, Row, StoredDocument, StoreStatus } from '../stored.ts'
import { fileOf, openFile, toSqliteError } from './sqlite-database.ts'
import { SqliteTables } from './sqlite-tables.ts'

export interface SqliteStoreOptions {
  /** Where the files go, one for each space and user; made when missing. */
  readonly directory: string
  /**
   * `relaxed` (default): a commit survives a crash of the process. `strict`: a power cut too, at the cost of a flush
   * of the disk per transaction.
   */
  readonly durability?: 'relaxed' | 'strict'
  readonly clock?: Clock
}

/**
 * Opens stores in SQLite. Several processes may have the same space and user open.
 *
 * Opening rejects with `store/outdated` when a newer build wrote the file, and with `store/failed` when the directory
 * cannot be used or the file is not ours; the file is unchanged then.
 */
export function sqliteStore({ directory, durability = 'relaxed', clock = systemClock }: SqliteStoreOptions): OpenStore {
  return async (where) => new SqliteStore(openFile(fileOf(directory, where), directory, durability), clock)
}

interface Waiting {
  readonly batch: Batch
  readonly nowMs: number
  readonly resolve: (committed: Committed) => void
  readonly reject: (error: TidemarkError) => void
}

type Outcome = Stored | TidemarkError

interface Stored {
  readonly committed: Committed
  readonly quarantined: number
}

/** That the cursor has moved on is the caller's matter, and no problem of the store. */
const isProblem = (outcome: Outcome): outcome is TidemarkError => outcome instanceof TidemarkError && outcome.code !== 'store/cursor-moved'

const quarantinedBy = (outcomes: readonly Outcome[]): number =>
  outcomes.reduce((sum, outcome) => sum + (outcome instanceof TidemarkError ? 0 : outcome.quarantined), 0)

class SqliteStore implements LocalStore {
  readonly status: ObservableValue<StoreStatus>
  readonly #database: DatabaseSync
  readonly #tables: SqliteTables
  readonly #clock: Clock
  #waiting: Waiting[] = []
  /** Damage that was come upon, to be quarantined by the next batch. */
  #damaged: QuarantineWrite[] = []
  #draining: Promise<void> | null = null
  #closing: Promise<void> | null = null

  constructor(database: DatabaseSync, clock: Clock) {
    this.status = createObservable<StoreStatus>({
      kind: 'sqlite',
      fallback: null,
      problem: null,
      quarantined: 0,
      evicted: 'no',
      estimate: null,
    })
    this.#database = database
    this.#tables = new SqliteTables(database, (damage) => this.#damaged.push(damage))
    this.#clock = clock
  }

  async commit(batch: Batch): Promise<Committed> {
    this.#assertOpen()
    const { promise, resolve, reject } = Promise.withResolvers<Committed>()
    this.#waiting.push({ batch, nowMs: this.#clock.now(), resolve, reject })
    this.#draining ??= Promise.resolve().then(() => this.#drain())
    return await promise
  }

  async load(names: readonly string[]): Promise<ReadonlyMap<string, StoredDocument>> {
    return this.#read((tables) => {
      const documents = [...new Set(names)].map((name) => tables.document(name))
      return new Map(documents.flatMap((document) => (document === null ? [] : [[document.record.name, document] as const])))
    })
  }

  async pending(limit: number): Promise<readonly PendingDocument[]> {
    return this.#read((tables) => tables.pending(limit))
  }

  async pendingTotals(): Promise<PendingSum> {
    return this.#read((tables) => tables.pendingSum())
  }

  async rows(type: string): Promise<readonly Row[]> {
    // SQLite orders by code points, the contract by UTF-16 units.
    return this.#read((tables) => tables.rows(type)).sort((a, b) => (a.id < b.id ? -1 : 1))
  }

  async rowsBehind(limit: number, among?: readonly string[]): Promise<readonly string[]> {
    return this.#read((tables) => (among === undefined ? tables.names('rowsBehind', limit) : tables.rowsBehindAmong(limit, among)))
  }

  async behind(limit: number): Promise<readonly string[]> {
    return this.#read((tables) => tables.names('behind', limit))
  }

  async longLogs(limit: number): Promise<readonly string[]> {
    return this.#read((tables) => tables.names('longLogs', limit))
  }

  async refused(): Promise<readonly RefusedChange[]> {
    return this.#read((tables) => refusedChangesOf(tables.refused()))
  }

  async quarantined(): Promise<readonly QuarantinedRecord[]> {
    return this.#read((tables) => tables.quarantined())
  }

  async carrying(limit: number): Promise<readonly string[]> {
    return this.#read((tables) => tables.names('carrying', limit))
  }

  async changedAfter(seq: number): Promise<readonly string[]> {
    return this.#read((tables) => tables.changedAfter(seq))
  }

  async state(): ReturnType<LocalStore['state']> {
    return this.#read((tables) => tables.state())
  }

  close(): Promise<void> {
    this.#closing ??= (this.#draining ?? Promise.resolve()).then(() => this.#database.close())
    return this.#closing
  }

  #drain(): void {
    const group = this.#waiting
    this.#waiting = []
    this.#draining = null
    this.#store(group)
  }

  #store(group: readonly Waiting[]): void {
    let outcomes: readonly Outcome[]
    try {
      outcomes = this.#transact('BEGIN IMMEDIATE', () => group.map((waiting) => this.#storeOne(waiting)))
    } catch (error) {
      // Not even COMMIT, or SQLite undid all of it: nothing of the group is stored.
      outcomes = group.map(() => toSqliteError(error))
    }
    const problem = outcomes.find(isProblem) ?? null
    if (problem !== null || outcomes.some((outcome) => !(outcome instanceof TidemarkError))) this.#show(problem, quarantinedBy(outcomes))
    for (const [i, outcome] of outcomes.entries()) {
      if (outcome instanceof TidemarkError) group[i]?.reject(outcome)
      else group[i]?.resolve(outcome.committed)
    }
  }

  /** What does not fit is undone by itself, so that it stops no other. */
  #storeOne({ batch, nowMs }: Waiting): Outcome {
    this.#database.exec('SAVEPOINT batch')
    try {
      const { writes, committed } = this.#plan(batch, nowMs)
      for (const write of writes) this.#tables.write(write)
      this.#database.exec('RELEASE batch')
      this.#damaged = []
      return { committed, quarantined: writes.filter(({ type }) => type === 'quarantine').length }
    } catch (error) {
      if (!this.#database.isTransaction) throw error
      this.#database.exec('ROLLBACK TO batch; RELEASE batch')
      return toSqliteError(error)
    }
  }

  /** What the batch writes; with it goes the damage that was found by reading the records it names, or before. */
  #plan(batch: Batch, nowMs: number): { writes: readonly Write[]; committed: Committed } {
    const encoded = encodePlain(batch)
    for (const name of namesOf(encoded)) this.#tables.record(name)
    const found = new Map(this.#damaged.map((damage) => [JSON.stringify([damage.name, damage.part]), damage]))
    return planBatch(this.#tables, { ...encoded, quarantine: [...found.values(), ...encoded.quarantine] }, nowMs)
  }

  #show(problem: TidemarkError | null, quarantined: number): void {
    const status = this.status.get()
    if (status.problem === problem && quarantined === 0) return
    this.status.set({ ...status, problem, quarantined: status.quarantined + quarantined })
  }

  /** A read of several statements sees one state of the file. */
  #read<T>(body: (tables: SqliteTables) => T): T {
    this.#assertOpen()
    try {
      return this.#transact('BEGIN', () => body(this.#tables))
    } catch (error) {
      throw toSqliteError(error)
    } finally {
      this.#quarantine()
    }
  }

  /** Takes what could not be read out of the way; a batch that comes first takes it along. */
  #quarantine(): void {
    if (this.#damaged.length > 0 && this.#waiting.length === 0) this.commit({}).catch(() => undefined) // reason: its status tells
  }

  #transact<T>(begin: 'BEGIN' | 'BEGIN IMMEDIATE', body: () => T): T {
    this.#database.exec(begin)
    try {
      const result = body()
      this.#database.exec('COMMIT')
      return result
    } catch (error) {
      // A full disk may have undone the transaction already.
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
      throw error
    }
  }

  #assertOpen(): void {
    if (this.#closing !== null) throw new TidemarkError('store/closed', 'the store was closed')
  }
}
