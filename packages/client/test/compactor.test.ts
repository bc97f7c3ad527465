import {
  createMemoryDatabase,
  type LocalStore,
  type MemoryFaults,
  memoryStore,
  type StoredDocument,
  type StoredUpdate,
} from '@tidemark/store'
import { expect, onTestFinished, test } from 'vitest'
import * as Y from 'yjs'
import { Compactor, compaction, compactionLimits } from '../src/compactor.ts'
import { applyStored } from '../src/damage.ts'
import type { Locks } from '../src/platform.ts'

const where = { space: 's', user: 'u' }
const name = 'note/a'

const noLocks: Locks = { hold: (_name, held) => void held() }

interface Compacting {
  readonly store: LocalStore
  readonly compactor: Compactor
  faults: MemoryFaults
}

async function open({ hasRelay = true, locks = noLocks } = {}): Promise<Compacting> {
  const opened = {} as { -readonly [K in keyof Compacting]: Compacting[K] }
  opened.faults = {}
  const faults: MemoryFaults = { beforeWrite: (write) => opened.faults.beforeWrite?.(write) }
  const store = await memoryStore({ database: createMemoryDatabase(), faults })(where)
  opened.store = store
  opened.compactor = new Compactor({ store, locks, lock: 'compact', hasRelay, idle: () => Promise.resolve() })
  onTestFinished(() => {
    opened.compactor.close()
    return store.close()
  })
  return opened
}

/** Updates of one document that types `count` letters and takes some of them back. */
function typed(count: number, origin: StoredUpdate['origin'], from = 1, size = 1): StoredUpdate[] {
  const doc = new Y.Doc({ guid: name })
  doc.clientID = from
  const updates: StoredUpdate[] = []
  doc.on('update', (bytes: Uint8Array) => updates.push({ name, writer: 'w', n: from + updates.length, origin, bytes }))
  const text = doc.getText('body')
  for (let i = 0; updates.length < count; i++) {
    if (i % 5 === 4) text.delete(text.length - 2, 1)
    else text.insert(text.length, i === 0 ? 'secret' : String(i % 10).repeat(size))
  }
  return updates
}

const stored = async (store: LocalStore): Promise<StoredDocument> => (await store.load([name])).get(name) as StoredDocument

function textOf(document: StoredDocument): string {
  const doc = new Y.Doc({ guid: name })
  applyStored(doc, document, null)
  expect(doc.store.pendingStructs).toBeNull()
  return doc.getText('body').toString()
}

const commitAll = async (store: LocalStore, updates: readonly StoredUpdate[]): Promise<void> => {
  for (const update of updates) await store.commit({ updates: [update] })
}

test('[P5] what was acknowledged becomes one state without what was deleted, and reads the same', async () => {
  const { store, compactor } = await open()
  const updates = typed(600, 'remote')
  await commitAll(store, updates)
  const before = textOf(await stored(store))
  await compactor.run()
  const after = await stored(store)
  expect(textOf(after)).toBe(before)
  expect(after.updates).toEqual([])
  expect(after.record).toMatchObject({ logUpdates: 0, snapshotRevision: 1, revision: 600 })
  expect(after.snapshot?.bytes.length).toBeLessThan(updates.reduce((sum, { bytes }) => sum + bytes.length, 0) / 3)
})

test('[P1] a compaction that fails or dies at any of its writes leaves the document as it was, and the next one succeeds', async () => {
  let failures = 0
  for (let number = 1; ; number++) {
    const compacting = await open()
    const { store, compactor } = compacting
    await commitAll(store, [...typed(12, 'remote', 1, 8_000), ...typed(3, 'local', 1_000)])
    const before = await stored(store)
    let writes = 0
    let isHit = false
    compacting.faults = {
      beforeWrite: () => {
        if (++writes !== number) return
        isHit = true
        throw new Error('the tab dies here')
      },
    }
    const outcome = await compactor.run().catch((error: unknown) => error)
    compacting.faults = {}
    if (!isHit) break
    failures++
    expect(outcome).toMatchObject({ code: 'store/failed' })
    expect(await stored(store)).toEqual(before)
    await compactor.run()
    expect(textOf(await stored(store))).toBe(textOf(before))
    expect((await stored(store)).updates).toHaveLength(3)
  }
  expect(failures).toBe(14)
})

test('[P7] what is pending stays beside the state as it was committed', async () => {
  const { store, compactor } = await open()
  const pending = typed(40, 'local', 10_000)
  await commitAll(store, [...typed(600, 'remote'), ...pending])
  await compactor.run()
  const { updates, record } = await stored(store)
  expect(updates).toEqual(pending)
  expect(record.pending.w).toMatchObject({ from: 10_000, to: 10_039 })
})

test('[P5] of a long backlog the oldest are folded in groups, which are pushed and acknowledged as one', async () => {
  const { store, compactor } = await open()
  const pending = typed(5_100, 'local')
  await store.commit({ updates: pending })
  const before = textOf(await stored(store))
  await compactor.run()
  const after = await stored(store)
  expect(textOf(after)).toBe(before)
  expect(after.updates.length).toBeLessThanOrEqual(compactionLimits.pendingUpdates)
  expect(after.updates.length).toBeGreaterThan(compactionLimits.pendingUpdates - compactionLimits.fold)
  const sorted = after.updates.toSorted((a, b) => a.n - b.n)
  expect(sorted[0]).toMatchObject({ n: compactionLimits.fold, origin: 'local' })
  expect(sorted.slice(-100)).toEqual(pending.slice(-100))
  await store.commit({ acknowledged: [{ name, writer: 'w', upTo: 5_100, seq: 1 }] })
  expect(await store.pendingTotals()).toEqual({ documents: 0, bytes: 0, sinceMs: null, refused: 0 })
})

test('without a relay everything goes into the state, and one that comes later is given the whole document', async () => {
  const { store, compactor } = await open({ hasRelay: false })
  await commitAll(store, typed(600, 'local'))
  const before = textOf(await stored(store))
  await compactor.run()
  const after = await stored(store)
  expect(textOf(after)).toBe(before)
  expect(after.updates).toEqual([])
  expect(after.record).toMatchObject({ carry: true, pending: {}, pendingSinceMs: null })
  expect(await store.carrying(9)).toEqual([name])
})

test('a document that waits for what is not here is left as it is, and the others are compacted', async () => {
  const { store, compactor } = await open()
  await commitAll(store, typed(600, 'remote').slice(1))
  const other = typed(600, 'remote').map((update) => ({ ...update, name: 'note/b' }))
  await store.commit({ updates: other })
  await compactor.run()
  expect((await stored(store)).updates).toHaveLength(599)
  expect((await store.load(['note/b'])).get('note/b')?.updates).toHaveLength(0)
  await compactor.run()
  await store.commit({ updates: typed(600, 'remote').slice(0, 1) })
  expect(compaction(await stored(store), true)?.snapshots).toHaveLength(1)
})

test('one tab compacts at a time, and one that closes meanwhile gives up waiting', async () => {
  const waiting: (() => Promise<void>)[] = []
  const locks: Locks = { hold: (_name, held) => void waiting.push(held) }
  const { store, compactor } = await open({ locks })
  await commitAll(store, typed(600, 'remote'))
  const run = compactor.run()
  await expect.poll(() => waiting.length).toBe(1)
  expect((await stored(store)).updates).toHaveLength(600)
  compactor.close()
  await run
  await waiting[0]?.()
  expect((await stored(store)).updates).toHaveLength(600)
})

test('[P5] a log that grows by bytes is compacted each time, not only the first', async () => {
  const { store, compactor } = await open()
  const doc = new Y.Doc({ guid: name })
  const updates: StoredUpdate[] = []
  doc.on('update', (bytes: Uint8Array) => updates.push({ name, writer: 'w', n: updates.length + 1, origin: 'remote', bytes }))
  for (let round = 0; round < 3; round++) {
    // Each takes the place of the one before, so that the state stays small.
    for (let i = 0; i < 4; i++) doc.getMap('m').set('picture', String(i).repeat(60_000))
    await commitAll(store, updates.slice(-4))
    await compactor.run()
    expect((await stored(store)).record).toMatchObject({ logUpdates: 0, snapshotRevision: round + 1 })
  }
})
