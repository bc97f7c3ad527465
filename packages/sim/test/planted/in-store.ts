/** Bugs of a device's database. */
import type { LocalStore } from '@tidemark/store'
import type { Plant, PlantedBug } from './planted.ts'

const inStore =
  (store: (store: LocalStore) => LocalStore): Plant =>
  () => ({ ports: { store } })
const all = Number.MAX_SAFE_INTEGER

export const storeBugs: readonly PlantedBug[] = [
  {
    name: 'the database says saved before it has stored',
    faults: 'none',
    oracle: 'P1 saved is stored',
    plant: inStore((store) => ({
      ...store,
      commit: async (batch) => {
        const names = [...new Set((batch.updates ?? []).map(({ name }) => name))]
        if (names.length === 0 || batch.cursor !== undefined) return store.commit(batch)
        const stored = await store.load(names)
        void store.commit(batch)
        const none = new Set<string>()
        const revisions = new Map(names.map((name) => [name, (stored.get(name)?.record.revision ?? 0) + 1]))
        return { revisions, snapshots: none, forks: none, aside: none }
      },
    })),
  },
  {
    name: 'an acknowledgement clears what was written meanwhile',
    faults: 'none',
    oracle: 'P2 confirmed is durable',
    plant: inStore((store) => ({
      ...store,
      commit: (batch) => store.commit({ ...batch, acknowledged: (batch.acknowledged ?? []).map((one) => ({ ...one, upTo: all })) }),
    })),
  },
  {
    name: 'the cursor moves although the commit failed',
    faults: ['disk-fails', 'flaky-disk'],
    oracle: 'P3 databases converge',
    plant: inStore((store) => ({
      ...store,
      commit: (batch) =>
        store.commit(batch).catch(async (error: unknown) => {
          if (batch.cursor !== undefined) await store.commit({ cursor: batch.cursor }).catch(() => undefined)
          throw error
        }),
    })),
  },
  {
    name: 'a commit of several updates drops the last',
    faults: ['latency', 'offline'],
    oracle: 'P3 databases converge',
    plant: inStore((store) => ({
      ...store,
      commit: (batch) => {
        const updates = batch.updates ?? []
        const isFeed = batch.cursor !== undefined && updates.length > 1
        return store.commit(isFeed ? { ...batch, updates: updates.slice(0, -1) } : batch)
      },
    })),
  },
  {
    name: 'rows that are behind are never found',
    faults: 'none',
    oracle: 'P3 lists converge',
    plant: inStore((store) => ({ ...store, rowsBehind: async () => [] })),
  },
  {
    name: 'a document is read without its newest updates',
    faults: 'none',
    oracle: 'P3 tabs converge',
    plant: inStore((store) => ({
      ...store,
      load: async (names) => {
        const found = await store.load(names)
        return new Map([...found].map(([name, one]) => [name, { ...one, updates: one.updates.slice(0, 12) }]))
      },
    })),
  },
  {
    name: 'nothing is ever counted as pending',
    faults: ['offline', 'latency'],
    oracle: 'P2 confirmed is durable',
    plant: inStore((store) => ({ ...store, pendingTotals: async () => ({ documents: 0, bytes: 0, sinceMs: null, refused: 0 }) })),
  },
  {
    name: 'what is to be carried back is never found',
    faults: ['restore'],
    oracle: 'P6 everything settles',
    plant: inStore((store) => ({ ...store, carrying: async () => [] })),
  },
  {
    name: 'nobody knows what changed after the common place',
    faults: ['restore'],
    oracle: 'P2 nothing is lost',
    plant: inStore((store) => ({ ...store, changedAfter: async () => [] })),
  },
  {
    name: 'local edits are stored as if they came from the relay',
    faults: 'none',
    oracle: 'P2 shown is durable',
    plant: inStore((store) => ({
      ...store,
      commit: (batch) => store.commit({ ...batch, updates: (batch.updates ?? []).map((one) => ({ ...one, origin: 'remote' })) }),
    })),
  },
  {
    name: 'a compaction keeps nothing',
    faults: ['crash-tab'],
    oracle: 'P1 stored is readable',
    plant: inStore((store) => ({
      ...store,
      commit: async (batch) => {
        const committed = await store.commit(batch)
        for (const [name, { record, updates }] of await store.load([...committed.revisions.keys()])) {
          if (updates.length < 6 || record.pendingSinceMs !== null) continue
          const replaces = updates.map(({ writer, n, bytes }) => ({ writer, n, size: bytes.length }))
          const empty = { bytes: Uint8Array.of(0, 0), format: 'v1' as const }
          await store.commit({ snapshots: [{ name, ...empty, follows: record.snapshotRevision, replaces }] })
        }
        return committed
      },
    })),
  },
  {
    name: 'a list fails with an error that nobody expects',
    faults: 'none',
    oracle: 'P6 nothing fails unseen',
    plant: inStore((store) => ({ ...store, rows: () => Promise.reject(new TypeError('cannot read properties of undefined')) })),
  },
]
