/**
 * The relay's metrics in Prometheus' text format, by `prom-client`: the format's reference client for Node.
 *
 * | metric                                   | what it is                                                  |
 * | ---------------------------------------- | ----------------------------------------------------------- |
 * | tidemark_sessions                        | connections that the relay holds                            |
 * | tidemark_open_spaces, _hot_documents     | spaces open, documents whose state is in memory             |
 * | tidemark_queued_bytes, _queued_updates   | updates that wait for their commit                          |
 * | tidemark_feed_lag                        | places that the reader furthest behind is behind the head    |
 * | tidemark_slow_readers                    | readers further behind than a page                          |
 * | tidemark_disk_full                       | 1 while changes are refused because the disk is full        |
 * | tidemark_commit_seconds, _commit_updates | time of an append with its fsync, and updates in it         |
 * | tidemark_commit_failures_total           | appends that the log did not take                           |
 * | tidemark_committed_bytes_total           | bytes of updates made durable                               |
 * | tidemark_updates_total, _refusals_total  | updates taken, and refused by code                          |
 * | tidemark_received_bytes_total, _sent_…   | on the sockets                                              |
 * | tidemark_turned_away_total               | connections refused before they were one, by HTTP status    |
 * | tidemark_build_info                      | 1, with version and build                                   |
 * | tidemark_integrity_problems              | what the last quick check of the database found             |
 * | tidemark_database_bytes, _write_ahead_…  | of the data directory's files                               |
 * | tidemark_disk_free_bytes                 | of the data directory's file system                         |
 * | tidemark_last_backup_seconds             | when the last one through the admin API ended, Unix time    |
 * | tidemark_hook_failures_total             | hooks that threw or took too long, by hook                  |
 * | tidemark_arbitrated_total                | intents of arbitrated fields answered, by verdict           |
 * | tidemark_webhooks_total                  | attempts to deliver webhook messages, and dead letters      |
 *
 * Besides, what prom-client tells of the process: memory, processor time, the event loop's delay.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { StorageUsage } from './maintenance.ts'
import type { RelayMeter } from './metering.ts'
import type { RelayFigures } from './relay.ts'

export interface RelayMetrics {
  readonly meter: RelayMeter
  readonly contentType: string
  /** Shows the figures of this relay. */
  watch(figures: () => RelayFigures): void
  /** Shows what is known of the process and its storage. */
  watchOperation(operation: OperationFigures): void
  text(): Promise<string>
}

export interface OperationFigures {
  readonly version: string
  readonly build: string
  /** Null before the first check has ended. */
  integrityProblems(): number | null
  /** 0 before the first one. */
  lastBackupMs(): number
  usage(): Promise<StorageUsage | null>
}

export function createMetrics(): RelayMetrics {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  const counter = (name: string, help: string): Counter => new Counter({ name: `tidemark_${name}_total`, help, registers })
  const commitSeconds = new Histogram({
    name: 'tidemark_commit_seconds',
    help: 'Time of one append to the log, with its fsync',
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5],
    registers,
  })
  const commitUpdates = new Histogram({
    name: 'tidemark_commit_updates',
    help: 'Updates in one append',
    buckets: [1, 2, 5, 10, 25, 50, 100, 250, 1_000, 2_500],
    registers,
  })
  const refusals = new Counter({ name: 'tidemark_refusals_total', help: 'Updates refused, by code', labelNames: ['code'], registers })
  const hooks = new Counter({
    name: 'tidemark_hook_failures_total',
    help: 'Hooks of the app that threw or took too long, by hook',
    labelNames: ['hook'],
    registers,
  })
  const turnedAway = new Counter({
    name: 'tidemark_turned_away_total',
    help: 'Connections refused before they were one, by HTTP status',
    labelNames: ['status'],
    registers,
  })
  const arbitrated = new Counter({
    name: 'tidemark_arbitrated_total',
    help: 'Intents of arbitrated fields answered, by verdict',
    labelNames: ['verdict'],
    registers,
  })
  const webhooks = new Counter({
    name: 'tidemark_webhooks_total',
    help: 'Attempts to deliver webhook messages by outcome, and messages given up (dead)',
    labelNames: ['webhook', 'outcome'],
    registers,
  })
  const failures = counter('commit_failures', 'Appends that the log did not take')
  const committed = counter('committed_bytes', 'Bytes of updates made durable')
  const updates = counter('updates', 'Updates that are durable')
  const received = counter('received_bytes', 'Bytes received on sockets')
  const sent = counter('sent_bytes', 'Bytes sent on sockets')
  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    meter: {
      appended: (items, bytes, tookMs) => {
        commitSeconds.observe(tookMs / 1_000)
        commitUpdates.observe(items)
        committed.inc(bytes)
      },
      appendFailed: () => failures.inc(),
      accepted: () => updates.inc(),
      refused: (code) => refusals.inc({ code }),
      turnedAway: (status) => turnedAway.inc({ status: status.slice(0, 3) }),
      received: (bytes) => received.inc(bytes),
      sent: (bytes) => sent.inc(bytes),
      hookFailed: (hook) => hooks.inc({ hook }),
      webhook: (webhook, outcome) => webhooks.inc({ webhook, outcome }),
      arbitrated: (isAccepted) => arbitrated.inc({ verdict: isAccepted ? 'accepted' : 'refused' }),
    },
    watchOperation: (operation) => watchOperation(operation, registers),
    watch: (figures) => {
      const gauges: readonly (readonly [string, string, keyof RelayFigures])[] = [
        ['sessions', 'Connections that the relay holds', 'sessions'],
        ['open_spaces', 'Spaces that are open', 'openSpaces'],
        ['hot_documents', 'Documents whose state is in memory', 'hotDocuments'],
        ['queued_bytes', 'Bytes of updates that wait for their commit', 'queuedBytes'],
        ['queued_updates', 'Updates that wait for their commit', 'queuedUpdates'],
        ['feed_lag', 'Places that the reader furthest behind is behind the head of its space', 'feedLag'],
        ['slow_readers', 'Readers further behind than a page', 'slowReaders'],
        ['ended_jobs', 'Jobs in threads that took too long and were ended, since the start', 'endedJobs'],
        ['disk_full', '1 while changes are refused because the disk is full', 'diskFull'],
      ]
      for (const [name, help, figure] of gauges) {
        new Gauge({
          name: `tidemark_${name}`,
          help,
          registers,
          collect() {
            this.set(figures()[figure])
          },
        })
      }
    },
  }
}

function watchOperation({ version, build, integrityProblems, lastBackupMs, usage }: OperationFigures, registers: Registry[]): void {
  new Gauge({ name: 'tidemark_build_info', help: '1, with version and build', labelNames: ['version', 'build'], registers }).set(
    { version, build },
    1,
  )
  const gauge = (name: string, help: string, figure: () => number | null | Promise<number | null>): void => {
    new Gauge({
      name: `tidemark_${name}`,
      help,
      registers,
      async collect() {
        this.set((await figure()) ?? Number.NaN)
      },
    })
  }
  gauge('integrity_problems', 'What the last quick check of the database found; not a number before it', integrityProblems)
  gauge('last_backup_seconds', 'When the last backup through the admin API ended, Unix time; 0 for never', () => lastBackupMs() / 1_000)
  gauge('database_bytes', 'Of the database file', async () => (await usage())?.databaseBytes ?? null)
  gauge('write_ahead_bytes', 'Of the write-ahead log', async () => (await usage())?.writeAheadBytes ?? null)
  gauge('disk_free_bytes', 'Of the file system of the data directory', async () => (await usage())?.freeBytes ?? null)
}
