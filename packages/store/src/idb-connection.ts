/**
 * One connection to an IndexedDB database, which comes back when it is lost.
 *
 * Why it exists: a browser may close a connection at any time (another tab deletes or upgrades the
 * database, the user clears data, the system suspends the page), and a handle that is closed throws for ever.
 *
 * Invariants
 * 1. It never stands in the way of another tab's upgrade or deletion.
 * 2. A lost handle is never used again; the next use opens a new one.
 * 3. A readwrite `run` resolves only when the transaction is complete; when it rejects, nothing is stored.
 */
import { systemClock, TidemarkError } from '@tidemark/base'
import { layoutVersion, objectStores, upgradeLayout } from './idb-layout.ts'
import { completionOf, isNamed, toStoreError, unblocked, undo } from './idb-request.ts'

export type Durability = 'relaxed' | 'strict'

export interface ConnectionOptions {
  readonly name: string
  readonly durability: Durability
  /** Called when the database is open, before anything runs on it; `isNew` when there was none. */
  onOpened?(isNew: boolean): void
  /** Called when the handle is lost, not when `close` was called. */
  onLost(problem: TidemarkError): void
}

export interface Connection {
  /**
   * Opens the database unless it is open.
   *
   * @throws {TidemarkError} `store/outdated` when a newer build has upgraded it; `store/blocked` when an older tab holds it,
   *   `store/unavailable` when the browser refuses.
   */
  open(): Promise<void>
  /**
   * Runs `body` in one transaction over all object stores; flushed to the disk when `durability` says so.
   *
   * @throws {TidemarkError} `store/full`, `store/failed` or `store/blocked`; what `body` throws of ours, as it is.
   */
  run<T>(mode: 'readonly' | 'readwrite', body: (transaction: IDBTransaction) => Promise<T>, durability?: Durability): Promise<T>
  /** Closes the handle once running transactions are over; `run` rejects afterwards. */
  close(): Promise<void>
}

export function createConnection(options: ConnectionOptions): Connection {
  return new IdbConnection(options)
}

class IdbConnection implements Connection {
  readonly #options: ConnectionOptions
  #handle: Promise<IDBDatabase> | null = null
  #database: IDBDatabase | null = null
  #closed = false

  constructor(options: ConnectionOptions) {
    this.#options = options
  }

  async open(): Promise<void> {
    await this.#use()
  }

  async run<T>(
    mode: 'readonly' | 'readwrite',
    body: (transaction: IDBTransaction) => Promise<T>,
    durability = this.#options.durability,
  ): Promise<T> {
    try {
      const transaction = await this.#begin(mode, durability)
      return await settled(transaction, mode, body)
    } catch (error) {
      if (error instanceof TidemarkError && error.code === 'store/unavailable') {
        throw new TidemarkError('store/failed', 'the database could not be opened again', { cause: error })
      }
      throw toStoreError(error)
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    const handle = this.#handle
    this.#handle = null
    const database = await handle?.catch(() => null) // reason: a database that did not open needs no closing
    database?.close()
  }

  async #begin(mode: 'readonly' | 'readwrite', durability: Durability): Promise<IDBTransaction> {
    const options: IDBTransactionOptions = { durability }
    const database = await this.#use()
    try {
      return database.transaction(objectStores, mode, options)
    } catch (error) {
      if (!isNamed(error, 'InvalidStateError')) throw error
      this.#drop(database)
      return (await this.#use()).transaction(objectStores, mode, options)
    }
  }

  async #use(): Promise<IDBDatabase> {
    if (this.#closed) throw new TidemarkError('store/closed', 'the store was closed')
    if (this.#handle === null) {
      let isNew = false
      const handle = openDatabase(this.#options.name, layoutVersion, () => {
        isNew = true
      }).then((database) => {
        this.#options.onOpened?.(isNew)
        return this.#watched(database)
      })
      this.#handle = handle
      handle.catch(() => {
        if (this.#handle === handle) this.#handle = null
      })
    }
    return await this.#handle
  }

  #watched(database: IDBDatabase): IDBDatabase {
    database.onversionchange = () => this.#lose(database, 'another tab upgrades or deletes the database')
    database.onclose = () => this.#lose(database, 'the browser closed the database')
    this.#database = database
    return database
  }

  #lose(database: IDBDatabase, reason: string): void {
    this.#drop(database)
    if (!this.#closed) this.#options.onLost(new TidemarkError('store/closed', reason))
  }

  #drop(database: IDBDatabase): void {
    database.onversionchange = null
    database.onclose = null
    database.close()
    if (this.#database !== database) return // another use found it dead first, and opens a new one
    this.#database = null
    this.#handle = null
  }
}

async function settled<T>(
  transaction: IDBTransaction,
  mode: IDBTransactionMode,
  body: (transaction: IDBTransaction) => Promise<T>,
): Promise<T> {
  const completion = completionOf(transaction)
  completion.catch(() => undefined) // reason: awaited below wherever it matters
  try {
    const value = await body(transaction)
    if (mode === 'readonly') return value
    transaction.commit()
    await completion
    return value
  } catch (error) {
    undo(transaction)
    // The transaction's own error says why it was undone; a request's may only say that it was.
    throw transaction.error ?? error
  }
}

/**
 * Opens `name` at `version`, making or upgrading it; `created` is called when it was not there.
 *
 * @throws {TidemarkError} `store/outdated` when it is of a newer version; `store/blocked` when a tab holds an older one open;
 *   `store/unavailable` for anything else.
 */
export async function openDatabase(name: string, version: number, created: () => void = () => {}): Promise<IDBDatabase> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await openOnce(name, version, created)
    } catch (error) {
      if (error instanceof TidemarkError) throw error
      if (isNamed(error, 'VersionError')) {
        throw new TidemarkError('store/outdated', 'a newer build of this app has upgraded the database; reload this tab', { cause: error })
      }
      if (attempt === openAttempts || !passing.some((one) => isNamed(error, one))) {
        throw new TidemarkError('store/unavailable', `the database did not open: ${String(error)}`, { cause: error })
      }
      await new Promise<void>((resolve) => systemClock.schedule(openPauseMs * attempt, resolve))
    }
  }
}

/** What browsers give for a database that is there, and opens a moment later: after a crash, while the disk is busy. */
const passing = ['UnknownError', 'AbortError', 'TimeoutError', 'InvalidStateError']
const openAttempts = 4
const openPauseMs = 150

async function openOnce(name: string, version: number, created: () => void): Promise<IDBDatabase> {
  const request = indexedDB.open(name, version)
  let refusal: unknown = null
  request.onupgradeneeded = ({ oldVersion }) => {
    try {
      upgradeLayout(request.result, request.transaction as IDBTransaction, oldVersion)
      if (oldVersion === 0) created()
    } catch (error) {
      refusal = error
      request.transaction?.abort()
    }
  }
  const held = 'another tab holds an older version of the database open'
  try {
    return await unblocked(
      request,
      held,
      () => request.result,
      (database) => database.close(),
    )
  } catch (error) {
    throw refusal ?? error
  }
}
