/** What a relay on a port is for those who operate it: who it is, how its database is, the admin API. */
import { join } from 'node:path'
import { TidemarkError, toTidemarkError } from '@tidemark/base'
import { type AdminApi, createAdminApi } from './admin/api.ts'
import { silentLogger } from './logger.ts'
import type { StorageUsage, VerifyReport } from './maintenance.ts'
import type { RelayMetrics } from './metrics.ts'
import type { Relay } from './relay.ts'
import type { RelayServerOptions } from './server.ts'

/** Storage is looked at no more often than this, however often it is asked for. */
const usageMs = 5_000

export class Operation {
  readonly identity: { readonly version: string; readonly build: string }
  readonly #options: RelayServerOptions
  readonly #relay: Relay
  readonly #startedMs: number
  #integrity: VerifyReport | null = null
  #usage: StorageUsage | null = null
  #usedMs = Number.NEGATIVE_INFINITY
  #lastBackupMs = 0

  constructor(options: RelayServerOptions, relay: Relay, metrics: RelayMetrics | null) {
    const { version = '', build = '' } = options
    this.identity = { version, build }
    this.#options = options
    this.#relay = relay
    this.#startedMs = options.clock.now()
    metrics?.watchOperation({
      ...this.identity,
      integrityProblems: () => this.#integrity?.problems.length ?? null,
      lastBackupMs: () => this.#lastBackupMs,
      usage: () => this.#look(),
    })
  }

  /** Checks the database quickly, in the background. */
  start(): void {
    const { maintenance, logger = silentLogger } = this.#options
    if (maintenance === undefined) return
    maintenance.verify('quick').then(
      (report) => {
        this.#integrity = report
        const { problems, tookMs } = report
        if (problems.length === 0) logger.info({ tookMs }, 'the database is sound, by a quick check')
        else logger.error({ problems }, 'the database is damaged: stop the relay and restore a backup, clients carry back what they have')
      },
      (error) => logger.warn({ err: error }, 'the database could not be checked'),
    )
    void this.#look()
  }

  /** Null where no secret is given. @throws {TidemarkError} `relay/config` for a secret too short. */
  api(maxStateBytes: number): AdminApi | null {
    const { admin, maintenance = null, logger = silentLogger } = this.#options
    if (admin === undefined) return null
    return createAdminApi({
      secret: admin.secret,
      logger,
      maxStateBytes,
      relay: this.#relay,
      maintenance,
      status: () => ({
        ...this.identity,
        startedMs: this.#startedMs,
        pid: process.pid,
        figures: this.#relay.figures,
        integrity: this.#integrity,
        storage: this.#usage,
      }),
      backupPath: (name) => {
        if (admin.backupDirectory === undefined) throw new TidemarkError('relay/config', 'the relay was given no directory for backups')
        return join(admin.backupDirectory, name)
      },
      backedUp: () => {
        this.#lastBackupMs = this.#options.clock.now()
      },
    })
  }

  async #look(): Promise<StorageUsage | null> {
    const { maintenance, clock, logger = silentLogger } = this.#options
    if (maintenance === undefined || clock.monotonic() - this.#usedMs < usageMs) return this.#usage
    this.#usedMs = clock.monotonic()
    try {
      this.#usage = await maintenance.usage()
    } catch (error) {
      logger.warn({ err: toTidemarkError(error, 'relay/log-failed') }, 'the room on the disk could not be told')
    }
    return this.#usage
  }
}
