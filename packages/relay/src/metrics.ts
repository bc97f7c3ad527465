/**
 * The relay's metrics in Prometheus' text format, by `prom-client`: the format's reference client for Node.
 *
 * | metric                                   | what it is                                                  |
 * | ---------------------------------------- | ----------------------------------------------------------- |
 * | tidemark_sessions                        | connections that the relay holds                            |
 * | tidemark_open_spaces, _hot_documents     | spaces open, documents whose state is in memory             |
 * | tidemark_queued_bytes                    | updates that wait for their commit                          |
 * | tidemark_feed_lag                        | places that the reader furthest behind is behind the head    |
 * | tidemark_slow_readers                    | readers further behind than a page                          |
 * | tidemark_disk_full                       | 1 while changes are refused because the disk is full        |
 * | tidemark_commit_seconds, _commit_updates | time of an append with its fsync, and updates in it         |
 * | tidemark_commit_failures_total           | appends that the log did not take                           |
 * | tidemark_committed_bytes_total           | bytes of updates made durable                               |
 * | tidemark_updates_total, _refusals_total  | updates taken, and refused by code                          |
 * | tidemark_received_bytes_total, _sent_…   | on the sockets                                              |
 * | tidemark_hook_failures_total             | hooks that threw or took too long, by hook                  |
 * | tidemark_arbitrated_total                | intents of arbitrated fields answered, by verdict           |
 * | tidemark_webhooks_total                  | attempts to deliver webhook messages, and dead letters      |
 *
 * Besides, what prom-client tells of the process: memory, processor time, the event loop's delay.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { RelayMeter } from './metering.ts'
import type { RelayFigures } from './relay.ts'

export interface RelayMetrics {
  readonly meter: RelayMeter
  readonly contentType: string
  /** Shows the figures of this relay. */
  watch(figures: () => RelayFigures): void
  text(): Promise<string>
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
      received: (bytes) => received.inc(bytes),
      sent: (bytes) => sent.inc(bytes),
      hookFailed: (hook) => hooks.inc({ hook }),
      webhook: (webhook, outcome) => webhooks.inc({ webhook, outcome }),
      arbitrated: (isAccepted) => arbitrated.inc({ verdict: isAccepted ? 'accepted' : 'refused' }),
    },
    watch: (figures) => {
      const gauges: readonly (readonly [string, string, keyof RelayFigures])[] = [
        ['sessions', 'Connections that the relay holds', 'sessions'],
        ['open_spaces', 'Spaces that are open', 'openSpaces'],
        ['hot_documents', 'Documents whose state is in memory', 'hotDocuments'],
        ['queued_bytes', 'Bytes of updates that wait for their commit', 'queuedBytes'],
        ['feed_lag', 'Places that the reader furthest behind is behind the head of its space', 'feedLag'],
        ['slow_readers', 'Readers further behind than a page', 'slowReaders'],
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
