/**
 * A `LocalStore` in IndexedDB: one database per space and user.
 *
 * Where the browser gives no database it falls back to memory and says so in its status. It comes back by
 * itself when a connection is lost; it does not repeat a failed commit, its caller does.
 */
import { type Clock, createObservable, type ObservableValue, systemClock, TidemarkError } from '@tidemark/base'
import type { Batch, Committed, QuarantineWrite } from './batch.ts'
import { type EncodedBatch, encodePlain } from './encoded.ts'
import type { Encryption, Seals } from './encryption-port.ts'
import { type Awaitable, type Codec, plainCodec } from './idb-codec.ts'
import { type Connection, createConnection, type Durability } from './idb-connection.ts'
import { databaseNameOf, pendingBytesKey } from './idb-layout.ts'
import { dropCursor, dropPage } from './idb-pages.ts'
import {
  orderedByKey,
  type Reader,
  readChangedAfter,
  readDocuments,
  readMarked,
  readPending,
  readPendingSum,
  readQuarantined,
  readRefused,
  readRows,
  readRowsBehind,
  readState,
} from './idb-reads.ts'
import { deleteDatabase } from './idb-request.ts'
import { createWriter, type Writer } from './idb-writer.ts'
import type { LocalStore, OpenStore, PendingSum } from './local-store.ts'
import { createMemoryDatabase } from './memory-database.ts'
import { memoryStore } from './memory-store.ts'
import { cookieMarker, type EvictionMarker, forgetMark, OriginStorage } from './origin-storage.ts'
import { refusedChangesOf } from './refused.ts'
import type { PendingDocument, QuarantinedRecord, RefusedChange, Row, StoredDocument, StoreStatus } from './stored.ts'

export interface IndexedDbStoreOptions {
  /**
   * `relaxed` (default): a commit survives a crash of the tab and the browser. `strict`: a power cut too, at
   * the cost of a flush to the disk per transaction.
   */
  readonly durability?: Durability
  /** The first part of the databases' names; `tidemark` when left out. */
  readonly databaseName?: string
  readonly clock?: Clock
  /**
   * Where it is remembered, outside of the origin's storage, that there was a database, so that the status can say
   * when the browser evicted it. A cookie of the page when left out; null for none: then it is `unknown`.
   */
  readonly marker?: EvictionMarker | null
  /** Asks the browser to keep the data when space runs short; true when left out. Firefox asks the person. */
  readonly persist?: boolean
  /** Seals what is stored: `passphrase(…)` or `deviceKey()` of the encryption module. A database of its own. */
  readonly encryption?: Encryption
}

/**
 * Opens stores in IndexedDB. What falls back to memory lasts as long as the returned function.
 *
 * Opening rejects with `store/outdated` when a newer build has upgraded the database, or `store/blocked` when an
 * older tab holds it, or as `encryption` says; the database is unchanged then.
 */
export function indexedDbStore(options: IndexedDbStoreOptions = {}): OpenStore {
  const { durability = 'relaxed', databaseName = defaultDatabaseName, clock = systemClock, persist = true, encryption } = options
  const marker = options.marker === undefined ? cookieMarker() : options.marker
  const fallbackDatabase = createMemoryDatabase()
  return async (where) => {
    const status = createObservable<StoreStatus>({
      kind: 'indexeddb',
      fallback: null,
      problem: null,
      quarantined: 0,
      evicted: 'unknown',
      estimate: null,
    })
    const show = (problem: TidemarkError | null, quarantined = 0): void => {
      const before = status.get()
      if (before.problem !== problem || quarantined > 0) status.set({ ...before, problem, quarantined: before.quarantined + quarantined })
    }
    const name =
      encryption === undefined ? databaseNameOf(databaseName, where.space, where.user) : await encryption.databaseName(databaseName, where)
    const origin = new OriginStorage({ databaseName: name, marker, persist, clock, status })
    const connection = createConnection({
      name,
      durability,
      onOpened: (isNew) => {
        // It came back: that it was gone is no problem any more.
        if (status.get().problem?.code === 'store/closed') show(null)
        void origin.opened(isNew)
      },
      onLost: (problem) => show(problem),
    })
    try {
      await connection.open()
    } catch (error) {
      if (!(error instanceof TidemarkError) || error.code !== 'store/unavailable') throw error
      return await memoryStore({ database: fallbackDatabase, clock, fallback: error })(where)
    }
    const seals = await openSeals(connection, encryption)
    const writer = createWriter({
      connection,
      clock,
      onOutcome: (outcome) => {
        show(outcome.problem, outcome.problem === null ? outcome.quarantined : 0)
        origin.committed(outcome.problem?.code === 'store/full')
      },
    })
    void origin.ask()
    return new IndexedDbStore(status, connection, writer, seals, clock)
  }
}

async function openSeals(connection: Connection, encryption: Encryption | undefined): Promise<Seals | null> {
  if (encryption === undefined) return null
  try {
    return await encryption.open(connection)
  } catch (error) {
    await connection.close()
    throw error
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
  /** As given to `indexedDbStore`. */
  readonly marker?: EvictionMarker | null
}): Promise<void> {
  const { space, user, databaseName = defaultDatabaseName } = options
  const name = databaseNameOf(databaseName, space, user)
  await deleteDatabase(name)
  await forgetMark(name, options.marker === undefined ? cookieMarker() : options.marker)
}

const defaultDatabaseName = 'tidemark'

class IndexedDbStore implements LocalStore {
  readonly status: ObservableValue<StoreStatus>
  readonly #connection: Connection
  readonly #writer: Writer
  readonly #codec: Codec
  readonly #seals: Seals | null
  readonly #reader: Reader
  /** What damage was found and is being quarantined, so that it is not told twice. */
  readonly #repairing = new Set<string>()
  #closing: Promise<void> | null = null

  constructor(status: ObservableValue<StoreStatus>, connection: Connection, writer: Writer, seals: Seals | null, clock: Clock) {
    this.status = status
    this.#connection = connection
    this.#writer = writer
    this.#seals = seals
    this.#codec = seals?.codec ?? plainCodec
    this.#reader = {
      codec: this.#codec,
      run: (body) => this.#connection.run('readonly', body),
      damaged: (damage) => this.#quarantine(damage),
      damagedPage: (page, reason) =>
        this.#repair(JSON.stringify([page.type, page.number]), (transaction) => dropPage(transaction, page, reason, clock.now())),
      damagedCursor: (row, reason) => this.#repair('cursor', (transaction) => dropCursor(transaction, row, reason, clock.now())),
    }
  }

  async commit(batch: Batch): Promise<Committed> {
    this.#assertOpen()
    return await this.#codec.committed(await this.#writer.commit(this.#encoding(batch)))
  }

  load(names: readonly string[]): Promise<ReadonlyMap<string, StoredDocument>> {
    return this.#read((reader) => readDocuments(reader, names))
  }

  inStoredOrder(names: readonly string[]): Promise<readonly string[]> {
    return this.#read((reader) => orderedByKey(reader, names))
  }

  pending(limit: number): Promise<readonly PendingDocument[]> {
    return this.#read((reader) => readPending(reader, limit))
  }

  pendingTotals(): Promise<PendingSum> {
    return this.#read((reader) => readPendingSum(reader, pendingBytesKey))
  }

  rows(type: string): Promise<readonly Row[]> {
    return this.#read((reader) => readRows(reader, type))
  }

  rowsBehind(limit: number, among?: readonly string[]): Promise<readonly string[]> {
    return this.#read((reader) => readRowsBehind(reader, limit, among))
  }

  behind(limit: number): Promise<readonly string[]> {
    return this.#read((reader) => readMarked(reader, 'behind', limit))
  }

  carrying(limit: number): Promise<readonly string[]> {
    return this.#read((reader) => readMarked(reader, 'carry', limit))
  }

  longLogs(limit: number): Promise<readonly string[]> {
    return this.#read((reader) => readMarked(reader, 'long', limit))
  }

  changedAfter(seq: number): Promise<readonly string[]> {
    return this.#read((reader) => readChangedAfter(reader, seq))
  }

  refused(): Promise<readonly RefusedChange[]> {
    return this.#read(async (reader) => refusedChangesOf(await readRefused(reader)))
  }

  quarantined(): Promise<readonly QuarantinedRecord[]> {
    return this.#read(readQuarantined)
  }

  state(): ReturnType<LocalStore['state']> {
    return this.#read(readState)
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async tidy(): Promise<boolean> {
    this.#assertOpen()
    return (await this.#seals?.tidy()) ?? false
  }

  async #close(): Promise<void> {
    await this.#writer.idle()
    await this.#connection.close()
    this.#seals?.close()
  }

  /** Encodes at once; where the key was replaced meanwhile, again with the one that is current then. */
  #encoding(batch: Batch): () => Awaitable<EncodedBatch> {
    let isAgain = false
    return () => {
      if (this.#seals === null) return this.#codec.encode(batch)
      const fresh = isAgain ? this.#seals.refresh() : null
      isAgain = true
      return this.#sealed(batch, fresh)
    }
  }

  async #sealed(batch: Batch, fresh: Promise<void> | null): Promise<EncodedBatch> {
    await fresh
    return await this.#withKeys(async () => await this.#codec.encode(batch))
  }

  async #read<T>(body: (reader: Reader) => Promise<T>): Promise<T> {
    this.#assertOpen()
    // A rotation that ends while a read is decoded must not make sound records look damaged.
    return await this.#withKeys(async () => body(this.#seals === null ? this.#reader : { ...this.#reader, codec: this.#seals.pinned() }))
  }

  /** Runs `body`, and once more with the keys of the moment when those at hand turn out to be of the past. */
  async #withKeys<T>(body: () => Promise<T>): Promise<T> {
    try {
      return await body()
    } catch (error) {
      if (this.#seals === null || !(error instanceof TidemarkError) || error.code !== 'store/key-moved') throw error
      await this.#seals.refresh()
      return await body()
    }
  }

  /** Takes what does not open out of the way, once; until that is stored, each read leaves it out again. */
  #repair(id: string, repair: (transaction: IDBTransaction) => Promise<void>): void {
    if (this.#repairing.has(id) || this.#closing !== null) return
    this.#repairing.add(id)
    const done = (): void => void this.#repairing.delete(id)
    this.#connection.run('readwrite', repair).then(done, done)
  }

  /** Takes what could not be read out of the way; until that is stored, each read leaves it out again. */
  #quarantine(damage: QuarantineWrite): void {
    const id = JSON.stringify([damage.name, damage.part])
    if (this.#repairing.has(id) || this.#closing !== null) return
    this.#repairing.add(id)
    const done = (): void => void this.#repairing.delete(id)
    const nothing = encodePlain({})
    // A transaction that names the document finds for itself whether its record is still damaged.
    const repair = damage.part === 'record' ? { ...nothing, docs: [{ name: damage.name }] } : { ...nothing, quarantine: [damage] }
    this.#writer.commit(() => repair).then(done, done)
  }

  #assertOpen(): void {
    if (this.#closing !== null) throw new TidemarkError('store/closed', 'the store was closed')
  }
}
