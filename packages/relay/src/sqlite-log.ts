/**
 * The log in an SQLite database: the relay's default, embedded storage.
 *
 * Why several workers: the writing one does nothing but commit, so that an fsync never waits for a large read,
 * a merge or a compaction; those have threads of their own, with a limit on time. The event loop touches no file.
 *
 * Invariants
 * 1. Compaction is computed beside the writing and written in one transaction; it never delays an append by
 *    more than that transaction.
 * 2. A worker that dies fails everything asked of it, now and later.
 */
import { join } from 'node:path'
import { type Clock, type Random, randomId, systemClock, TidemarkError } from '@tidemark/base'
import type { ChangedDocumentsPage, ChangesPage, LoadedDocument, Log, LogEntry, Place, ReadLimits, SpaceHistory } from './log.ts'
import { type RelayLogger, silentLogger } from './logger.ts'
import type { Maintenance } from './maintenance.ts'
import type { WriteMethods } from './sqlite-calls.ts'
import { Keepers } from './sqlite-keepers.ts'
import { ReadingThread, startReading } from './sqlite-readers.ts'
import { tombstonesFile } from './tombstones.ts'
import { startWorker, type WorkerClient } from './worker-client.ts'

export interface SqliteLogOptions {
  /** Made when it does not exist; one relay at a time may use it. */
  readonly directory: string
  readonly random: Random
  /** What limits are measured by; the system's unless said otherwise. */
  readonly clock?: Clock
  /** The longest that one read may take, and one compaction. */
  readonly readLimitMs?: number
  readonly compactLimitMs?: number
  /**
   * The file that keeps the names of what was purged, so that no restore of an older copy brings it back; best on another
   * volume than the directory. `purged.jsonl` in the directory unless said otherwise.
   */
  readonly tombstones?: string
  /** Told of compactions that failed; the document's log then stays as it is until the next opening. */
  readonly logger?: RelayLogger
  /** Whether documents are compacted by themselves as their logs grow; true unless said otherwise. */
  readonly compacts?: boolean
  /** Told once when a worker has died by itself: the log takes nothing any more, and only a new opening helps. */
  readonly onDeath?: (error: TidemarkError) => void
}

export const sqliteLogLimits = {
  readLimitMs: 30_000,
  compactLimitMs: 60_000,
} as const

/** A log in a data directory, and what an operator asks of it. */
export interface SqliteLog extends Log {
  readonly maintenance: Maintenance
}

/**
 * Opens the log of a data directory.
 *
 * @throws {TidemarkError} `relay/config` when another relay uses the directory, it cannot be written, or
 * the database in it is not this relay's; nothing is changed then.
 */
export async function openSqliteLog(options: SqliteLogOptions): Promise<SqliteLog> {
  const opening = randomId(options.random)
  const { onDeath } = options
  const { directory, tombstones = join(directory, tombstonesFile) } = options
  const start = { directory, tombstones, opening }
  const writer = await startWorker<WriteMethods>({ ...start, role: 'write' }, onDeath)
  try {
    for (const space of await writer.call('withTombstones')) await writer.call('entomb', space, randomId(options.random))
    const { logger = silentLogger, clock = systemClock, readLimitMs = sqliteLogLimits.readLimitMs } = options
    const onOverdue = (error: TidemarkError): void => logger.warn({ err: error }, 'a job in the log was ended')
    const reading = { start, clock, onOverdue, onDeath }
    const reader = await startReading({ ...reading, limitMs: readLimitMs })
    const { compactLimitMs = sqliteLogLimits.compactLimitMs } = options
    const compactor = (): ReadingThread => new ReadingThread({ ...reading, limitMs: compactLimitMs })
    return new WorkerLog(writer, reader, compactor, new Keepers(start), options)
  } catch (error) {
    await writer.close()
    throw error
  }
}

/** Copied once here and handed over; as a part of the message a long update would be copied several times while that grows. */
function handedOver(entry: LogEntry, given: ArrayBuffer[]): LogEntry {
  if (entry.update.length < longBytes) return entry
  const update = entry.update.slice()
  given.push(update.buffer)
  return { ...entry, update }
}

const longBytes = 64 << 10

const isFull = (error: unknown): boolean => error instanceof TidemarkError && error.code === 'relay/disk-full'

class WorkerLog implements SqliteLog {
  readonly maintenance: Keepers
  readonly #writer: WorkerClient<WriteMethods>
  readonly #reader: ReadingThread
  readonly #startCompactor: () => ReadingThread
  #compactor: ReadingThread | null = null
  readonly #options: SqliteLogOptions
  readonly #logger: RelayLogger
  /** Documents to compact, and those that cannot be, by space and name. */
  readonly #due = new Map<string, { readonly space: string; readonly document: string }>()
  readonly #hopeless = new Set<string>()
  #compacting: Promise<void> | null = null
  #closing: Promise<void> | null = null

  constructor(
    writer: WorkerClient<WriteMethods>,
    reader: ReadingThread,
    startCompactor: () => ReadingThread,
    maintenance: Keepers,
    options: SqliteLogOptions,
  ) {
    this.maintenance = maintenance
    this.#writer = writer
    this.#reader = reader
    this.#startCompactor = startCompactor
    this.#options = options
    this.#logger = options.logger ?? silentLogger
  }

  get endedJobs(): number {
    return this.#reader.ended + (this.#compactor?.ended ?? 0)
  }

  async open(space: string): Promise<SpaceHistory> {
    return this.#writer.call('open', space, randomId(this.#options.random))
  }

  async renew(space: string): Promise<SpaceHistory> {
    return this.#writer.call('renew', space, randomId(this.#options.random))
  }

  async append(batch: readonly LogEntry[]): Promise<readonly Place[]> {
    const given: ArrayBuffer[] = []
    const { places, due } = await this.#writer.give(
      given,
      'append',
      batch.map((entry) => handedOver(entry, given)),
    )
    if (this.#options.compacts !== false) this.#compactSoon(due)
    return places
  }

  changes(space: string, after: number, limits: ReadLimits): Promise<ChangesPage | 'compacted'> {
    return this.#reader.call('changes', space, after, limits)
  }

  changedDocuments(space: string, from: number, afterNumber: number, limits: ReadLimits): Promise<ChangedDocumentsPage> {
    return this.#reader.call('changedDocuments', space, from, afterNumber, limits)
  }

  load(space: string, document: string): Promise<LoadedDocument | 'purged' | null> {
    return this.#reader.call('load', space, document)
  }

  async claims(space: string, clients: readonly number[]): Promise<ReadonlyMap<number, string>> {
    return new Map(await this.#reader.call('claims', space, clients))
  }

  spaces(): Promise<readonly string[]> {
    return this.#reader.call('spaces')
  }

  readerCursor(reader: string, space: string): Promise<string | null> {
    return this.#reader.call('readerCursor', reader, space)
  }

  async saveReaderCursor(reader: string, space: string, cursor: string): Promise<void> {
    await this.#writer.call('saveReaderCursor', reader, space, cursor)
  }

  awaiting(space: string, limit: number): Promise<readonly string[]> {
    return this.#reader.call('awaiting', space, limit)
  }

  async compact(space: string, document: string): Promise<void> {
    this.#compactor ??= this.#startCompactor()
    const replacement = await this.#compactor.call('compacted', space, document)
    if (replacement !== null) await this.#writer.call('replace', replacement)
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#due.clear()
    await this.#compacting
    await this.maintenance.close()
    // The writer last: the connection that is left then folds the write-ahead log into the database.
    await Promise.all([this.#reader.close(), this.#compactor?.close()])
    await this.#writer.close()
  }

  #compactSoon(due: readonly { readonly space: string; readonly document: string }[]): void {
    for (const one of due) {
      const key = `${one.space}/${one.document}`
      if (!this.#hopeless.has(key)) this.#due.set(key, one)
    }
    if (this.#due.size > 0 && this.#closing === null) this.#compacting ??= this.#compactDue()
  }

  /** One document at a time. */
  async #compactDue(): Promise<void> {
    for (let [next] = this.#due; next !== undefined; [next] = this.#due) {
      const [key, { space, document }] = next
      try {
        await this.compact(space, document)
      } catch (error) {
        if (!isFull(error)) this.#hopeless.add(key)
        this.#logger.warn({ err: error, space, document }, 'a document could not be compacted')
      }
      this.#due.delete(key)
    }
    this.#compacting = null
  }
}
