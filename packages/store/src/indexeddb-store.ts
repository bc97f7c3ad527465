/**
 * A `LocalStore` in IndexedDB: one database per space and user.
 *
 * Where the browser gives no database it falls back to memory and says so in its status. It comes back by
 * itself when a connection is lost; it does not repeat a failed commit, its caller does.
 */
import { type Clock, createObservable, type ObservableValue, systemClock, TidemarkError } from '@tidemark/base'
import { type Connection, createConnection, type Durability } from './idb-connection.ts'
import { databaseNameOf } from './idb-layout.ts'
import { readChangedAfter, readDocuments, readMarked, readPending, readRows, readState } from './idb-reads.ts'
import { toStoreError } from './idb-request.ts'
import { createWriter, type Writer } from './idb-writer.ts'
import type { Batch, Committed, LocalStore, OpenStore, PendingDocument, Row, StoredDocument, StoreStatus } from './local-store.ts'
import { createMemoryDatabase } from './memory-database.ts'
import { memoryStore } from './memory-store.ts'
import { pendingTotalsOf } from './pending.ts'

export interface IndexedDbStoreOptions {
  /**
   * `relaxed` (default): a commit survives a crash of the tab and the browser. `strict`: a power cut too, at
   * the cost of a flush to the disk per transaction.
   */
  readonly durability?: Durability
  /** The first part of the databases' names; `tidemark` when left out. */
  readonly databaseName?: string
  readonly clock?: Clock
}

/**
 * Opens stores in IndexedDB. What falls back to memory lasts as long as the returned function.
 *
 * Opening rejects with `store/outdated` when a newer build has upgraded the database, or `store/blocked` when an
 * older tab holds it; the database is unchanged then.
 */
export function indexedDbStore(options: IndexedDbStoreOptions = {}): OpenStore {
  const { durability = 'relaxed', databaseName = defaultDatabaseName, clock = systemClock } = options
  const fallbackDatabase = createMemoryDatabase()
  return async (where) => {
    const status = createObservable<StoreStatus>({ kind: 'indexeddb', fallback: null, problem: null })
    const setProblem = (problem: TidemarkError | null): void => {
      if (status.get().problem !== problem) status.set({ ...status.get(), problem })
    }
    const connection = createConnection({ name: databaseNameOf(databaseName, where.space, where.user), durability, onLost: setProblem })
    try {
      await connection.open()
    } catch (error) {
      if (!(error instanceof TidemarkError) || error.code !== 'store/unavailable') throw error
      return await memoryStore({ database: fallbackDatabase, clock, fallback: error })(where)
    }
    return new IndexedDbStore(status, connection, createWriter({ connection, clock, onOutcome: setProblem }))
  }
}

/**
 * Deletes all that a space and user have on this device. Stores that are open over it lose their connection.
 *
 * Resolves when it is gone.
 *
 * @throws {TidemarkError} `store/blocked` when another tab does not let go: it goes when that tab does;
 *   `store/failed` when the browser refuses.
 */
export async function deleteLocalData(options: {
  readonly space: string
  readonly user: string
  readonly databaseName?: string
}): Promise<void> {
  const { space, user, databaseName = defaultDatabaseName } = options
  try {
    await new Promise<void>((resolve, reject) => {
      const request = indexedDB.deleteDatabase(databaseNameOf(databaseName, space, user))
      request.onsuccess = () => resolve()
      request.onerror = () => reject(request.error)
      request.onblocked = () => reject(new TidemarkError('store/blocked', 'another tab holds the database open'))
    })
  } catch (error) {
    throw toStoreError(error)
  }
}

const defaultDatabaseName = 'tidemark'

class IndexedDbStore implements LocalStore {
  readonly status: ObservableValue<StoreStatus>
  readonly #connection: Connection
  readonly #writer: Writer
  #closing: Promise<void> | null = null

  constructor(status: ObservableValue<StoreStatus>, connection: Connection, writer: Writer) {
    this.status = status
    this.#connection = connection
    this.#writer = writer
  }

  async commit(batch: Batch): Promise<Committed> {
    this.#assertOpen()
    return await this.#writer.commit(batch)
  }

  load(names: readonly string[]): Promise<ReadonlyMap<string, StoredDocument>> {
    return this.#read((transaction) => readDocuments(transaction, names))
  }

  pending(limit: number): Promise<readonly PendingDocument[]> {
    return this.#read((transaction) => readPending(transaction, limit))
  }

  async pendingTotals(): ReturnType<LocalStore['pendingTotals']> {
    const all = Number.POSITIVE_INFINITY
    const [pending, carrying] = await Promise.all([this.pending(all), this.carrying(all)])
    return pendingTotalsOf(pending, carrying)
  }

  rows(type: string): Promise<readonly Row[]> {
    return this.#read((transaction) => readRows(transaction, type))
  }

  rowsBehind(limit: number): Promise<readonly string[]> {
    return this.#read((transaction) => readMarked(transaction, 'behind', limit))
  }

  carrying(limit: number): Promise<readonly string[]> {
    return this.#read((transaction) => readMarked(transaction, 'carry', limit))
  }

  changedAfter(seq: number): Promise<readonly string[]> {
    return this.#read((transaction) => readChangedAfter(transaction, seq))
  }

  state(): ReturnType<LocalStore['state']> {
    return this.#read(readState)
  }

  close(): Promise<void> {
    this.#closing ??= this.#writer.idle().then(() => this.#connection.close())
    return this.#closing
  }

  async #read<T>(body: (transaction: IDBTransaction) => Promise<T>): Promise<T> {
    this.#assertOpen()
    return await this.#connection.run('readonly', body)
  }

  #assertOpen(): void {
    if (this.#closing !== null) throw new TidemarkError('store/closed', 'the store was closed')
  }
}
