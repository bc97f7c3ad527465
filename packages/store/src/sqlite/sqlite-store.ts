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
import { planBatch } from '../batch-plan.ts'
import type { Batch, Committed, LocalStore, OpenStore, PendingDocument, Row, StoredDocument, StoreStatus } from '../local-store.ts'
import { pendingTotalsOf } from '../pending.ts'
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

type Outcome = Committed | TidemarkError

/** That the cursor has moved on is the caller's matter, and no problem of the store. */
const isProblem = (outcome: Outcome): outcome is TidemarkError => outcome instanceof TidemarkError && outcome.code !== 'store/cursor-moved'

class SqliteStore implements LocalStore {
  readonly status: ObservableValue<StoreStatus>
  readonly #database: DatabaseSync
  readonly #tables: SqliteTables
  readonly #clock: Clock
  #waiting: Waiting[] = []
  #draining: Promise<void> | null = null
  #closing: Promise<void> | null = null

  constructor(database: DatabaseSync, clock: Clock) {
    this.status = createObservable<StoreStatus>({ kind: 'sqlite', fallback: null, problem: null })
    this.#database = database
    this.#tables = new SqliteTables(database)
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

  async pendingTotals(): ReturnType<LocalStore['pendingTotals']> {
    const all = Number.POSITIVE_INFINITY
    return this.#read((tables) => pendingTotalsOf(tables.pending(all), tables.names('carrying', all)))
  }

  async rows(type: string): Promise<readonly Row[]> {
    // SQLite orders by code points, the contract by UTF-16 units.
    return this.#read((tables) => tables.rows(type)).sort((a, b) => (a.id < b.id ? -1 : 1))
  }

  async rowsBehind(limit: number): Promise<readonly string[]> {
    return this.#read((tables) => tables.names('behind', limit))
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
    if (problem !== null || outcomes.some((outcome) => !(outcome instanceof TidemarkError))) this.#setProblem(problem)
    for (const [i, outcome] of outcomes.entries()) {
      if (outcome instanceof TidemarkError) group[i]?.reject(outcome)
      else group[i]?.resolve(outcome)
    }
  }

  /** What does not fit is undone by itself, so that it stops no other. */
  #storeOne({ batch, nowMs }: Waiting): Outcome {
    this.#database.exec('SAVEPOINT batch')
    try {
      const { writes, committed } = planBatch(this.#tables, batch, nowMs)
      for (const write of writes) this.#tables.write(write)
      this.#database.exec('RELEASE batch')
      return committed
    } catch (error) {
      if (!this.#database.isTransaction) throw error
      this.#database.exec('ROLLBACK TO batch; RELEASE batch')
      return toSqliteError(error)
    }
  }

  #setProblem(problem: TidemarkError | null): void {
    const status = this.status.get()
    if (status.problem !== problem) this.status.set({ ...status, problem })
  }

  /** A read of several statements sees one state of the file. */
  #read<T>(body: (tables: SqliteTables) => T): T {
    this.#assertOpen()
    try {
      return this.#transact('BEGIN', () => body(this.#tables))
    } catch (error) {
      throw toSqliteError(error)
    }
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
