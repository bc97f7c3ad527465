/** Bugs of a relay's log. */
import type { Log, LogEntry, Place } from '@tidemark/relay'
import * as Y from 'yjs'
import type { Ports } from '../../src/index.ts'
import type { Plant, PlantedBug } from './planted.ts'

const everything = { maxItems: 1e6, maxBytes: 1e9 }
const inLog =
  (log: NonNullable<Ports['log']>): Plant =>
  () => ({ ports: { log } })

const varUintBytes = (value: number): number => (value < 128 ? 1 : 1 + varUintBytes(Math.floor(value / 128)))

/** The update without its delete set, which stands last. */
export function withoutDeletes(update: Uint8Array): Uint8Array {
  const { clients } = Y.decodeUpdate(update).ds
  let bytes = varUintBytes(clients.size)
  for (const [client, items] of clients) {
    bytes += varUintBytes(client) + varUintBytes(items.length)
    for (const { clock, len } of items) bytes += varUintBytes(clock) + varUintBytes(len)
  }
  return Uint8Array.of(...update.subarray(0, update.length - bytes), 0)
}

/** Foretells the places of a batch from what the log holds. */
async function foretell(log: Log, batch: readonly LogEntry[], head: number): Promise<Place[]> {
  const { documents } = await log.changedDocuments('sim', 0, 0, everything)
  const numbers = new Map(documents.map(({ document, number }) => [document, number]))
  return batch.map(({ document }, i) => {
    const number = numbers.get(document) ?? numbers.size + 1
    numbers.set(document, number)
    return { seq: head + i + 1, number }
  })
}

export const logBugs: readonly PlantedBug[] = [
  {
    name: 'the log acknowledges before it has stored',
    faults: 'none',
    oracle: 'P2 confirmed is durable',
    plant: inLog((log, life) => {
      let head = 0
      return {
        ...log,
        open: async (space) => {
          const history = await log.open(space)
          head = history.head
          return history
        },
        append: async (batch) => {
          const places = await foretell(log, batch, head)
          head += batch.length
          void life.pause(2_000).then(() => log.append(batch))
          return places
        },
      }
    }),
  },
  {
    name: 'the log forgets delete sets',
    faults: 'none',
    oracle: 'P2 confirmed is durable',
    plant: inLog((log) => ({
      ...log,
      append: (batch) => log.append(batch.map((entry) => ({ ...entry, update: withoutDeletes(entry.update) }))),
    })),
  },
  {
    name: 'the log loses the last update of a batch',
    faults: ['slow-log', 'latency'],
    oracle: 'P2 confirmed is durable',
    plant: inLog((log) => ({
      ...log,
      append: async (batch) => {
        if (batch.length < 2) return log.append(batch)
        const places = await log.append(batch.slice(0, -1))
        return [...places, places.at(-1) as Place]
      },
    })),
  },
  {
    name: 'the log calls a failed append stored',
    faults: ['log-fails', 'flaky-log'],
    oracle: 'P2 confirmed is durable',
    plant: inLog((log) => ({
      ...log,
      append: (batch) => log.append(batch).catch(() => batch.map(() => ({ seq: 1, number: 1 }))),
    })),
  },
  {
    name: 'a reader that follows the log misses every second place',
    faults: ['small-limits', 'slow-log'],
    oracle: 'P3 databases converge',
    plant: inLog((log) => ({
      ...log,
      changes: async (space, after, limits) => {
        const page = await log.changes(space, after, limits)
        return page === 'compacted' ? page : { ...page, updates: page.updates.filter((_, i) => i % 2 === 0) }
      },
    })),
  },
  {
    name: 'a catch-up ends with its first page',
    faults: ['small-limits', 'offline', 'evict', 'relay-kill'],
    oracle: 'P3 databases converge',
    plant: inLog((log) => ({
      ...log,
      changedDocuments: async (space, from, after, limits) => ({ ...(await log.changedDocuments(space, from, after, limits)), done: true }),
    })),
  },
  {
    name: 'a catch-up forgets delete sets',
    faults: ['evict', 'old-device', 'compact', 'small-limits'],
    oracle: 'P3 databases converge',
    plant: inLog((log) => ({
      ...log,
      changedDocuments: async (space, from, after, limits) => {
        const page = await log.changedDocuments(space, from, after, limits)
        return { ...page, documents: page.documents.map((one) => ({ ...one, update: withoutDeletes(one.update) })) }
      },
    })),
  },
  {
    name: 'a restored log keeps its old incarnation',
    faults: ['restore', 'offline', 'relay-kill'],
    oracle: 'P3 databases converge',
    plant: inLog((log) => ({
      ...log,
      open: async (space) => {
        const history = await log.open(space)
        return { ...history, incarnations: history.incarnations.slice(0, 1) }
      },
    })),
  },
  {
    name: 'a compaction forgets delete sets',
    faults: ['compact', 'relay-kill'],
    oracle: 'P3 databases converge',
    plant: inLog((log, _life, disk) => ({
      ...log,
      compact: async (space, name) => {
        await log.compact(space, name)
        const document = disk.spaces.get(space)?.documents.get(name)
        if (document?.snapshot != null) document.snapshot = { ...document.snapshot, update: withoutDeletes(document.snapshot.update) }
      },
    })),
  },
  {
    name: 'a compaction loses what came last',
    faults: ['compact', 'relay-kill'],
    oracle: 'P2 logged is readable',
    plant: inLog((log, _life, disk) => ({
      ...log,
      compact: async (space, name) => {
        const stored = disk.spaces.get(space)
        const last = stored?.rows.findLastIndex((row) => row.document === name) ?? -1
        if (last > 0) stored?.rows.splice(last, 1)
        await log.compact(space, name)
      },
    })),
  },
  {
    name: 'a sector of the log goes bad once everybody has read it',
    faults: 'none',
    oracle: 'P3 the log has no gap',
    plant: inLog((log, life, disk) => {
      let cancel = (): void => undefined
      const rot = (): void => {
        const rows = disk.spaces.get('sim')?.rows ?? []
        rows.splice(Math.floor(rows.length / 2), 1)
      }
      return {
        ...log,
        append: (batch) => {
          cancel()
          cancel = life.schedule(100_000, rot)
          return log.append(batch)
        },
      }
    }),
  },
]
