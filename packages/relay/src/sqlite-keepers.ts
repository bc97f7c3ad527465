/**
 * Asks what operators ask of a log, in workers beside it: one for what is told at once, one more for each long job.
 *
 * Invariant: nothing asked here delays the log; what is under way when it closes is broken off, as it only reads.
 */
import { stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { TidemarkError, toTidemarkError } from '@tidemark/base'
import type {
  BackupReport,
  DocumentDetails,
  DocumentSummary,
  Maintenance,
  SpaceSummary,
  StorageUsage,
  VerifyDepth,
  VerifyReport,
} from './maintenance.ts'
import type { KeepMethods, WorkerStart } from './sqlite-calls.ts'
import { databaseFile } from './sqlite-database.ts'
import { startWorker, type WorkerClient } from './worker-client.ts'

/** Long jobs at a time. */
const maxLongJobs = 4

type Keeper = WorkerClient<KeepMethods>

export class Keepers implements Maintenance {
  readonly #start: Omit<WorkerStart, 'role'>
  readonly #long = new Set<Keeper>()
  #longJobs = 0
  #short: Promise<Keeper> | null = null
  #isClosed = false

  constructor(start: Omit<WorkerStart, 'role'>) {
    this.#start = start
  }

  async spaces(): Promise<readonly SpaceSummary[]> {
    return (await this.#quick()).call('spaces')
  }

  async documents(space: string, after: number, limit: number): Promise<readonly DocumentSummary[] | null> {
    return (await this.#quick()).call('documents', space, after, limit)
  }

  async document(space: string, document: string): Promise<DocumentDetails | null> {
    return (await this.#quick()).call('document', space, document)
  }

  async state(space: string, document: string): Promise<Uint8Array | null> {
    return (await this.#quick()).call('state', space, document)
  }

  verify(depth: VerifyDepth): Promise<VerifyReport> {
    return this.#job((keeper) => keeper.call('verify', depth))
  }

  backup(to: string): Promise<BackupReport> {
    return this.#job((keeper) => keeper.call('backup', to))
  }

  async usage(): Promise<StorageUsage> {
    const { directory } = this.#start
    const path = join(directory, databaseFile)
    const sizeOf = (file: string): Promise<number> =>
      stat(file).then(
        ({ size }) => size,
        () => 0,
      )
    try {
      const { bavail, bsize } = await statfs(directory)
      return { databaseBytes: await sizeOf(path), writeAheadBytes: await sizeOf(`${path}-wal`), freeBytes: bavail * bsize }
    } catch (error) {
      throw toTidemarkError(error, 'relay/log-failed')
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    const short = await this.#short?.catch(() => null)
    await Promise.all([...this.#long, ...(short == null ? [] : [short])].map((keeper) => keeper.kill()))
  }

  #quick(): Promise<Keeper> {
    this.#assertOpen()
    this.#short ??= this.#begin().catch((error) => {
      this.#short = null
      throw error
    })
    return this.#short
  }

  async #job<T>(run: (keeper: Keeper) => Promise<T>): Promise<T> {
    this.#assertOpen()
    if (this.#longJobs >= maxLongJobs) throw new TidemarkError('relay/busy', `${this.#longJobs} long jobs of operators are under way`)
    this.#longJobs++
    let keeper: Keeper | null = null
    try {
      keeper = await this.#begin()
      this.#long.add(keeper)
      if (this.#isClosed) await keeper.kill()
      return await run(keeper)
    } finally {
      this.#longJobs--
      if (keeper !== null) {
        this.#long.delete(keeper)
        await keeper.kill()
      }
    }
  }

  #begin(): Promise<Keeper> {
    return startWorker<KeepMethods>({ ...this.#start, role: 'keep' })
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new TidemarkError('relay/log-failed', 'the log is closed')
  }
}
