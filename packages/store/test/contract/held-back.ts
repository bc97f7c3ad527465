/** What is held back: documents that are behind, folds of long backlogs, forks and what is kept aside, damage. */
import { describe, expect } from 'vitest'
import type { ForkWrite } from '../../src/batch.ts'
import type { LocalStore } from '../../src/local-store.ts'
import { logLimits } from '../../src/log-policy.ts'
import { type CreateHarness, createWorld, local, numbers, pendingOf, rejection, remote } from './harness.ts'
import { scenario } from './scenario.ts'

const recordOf = async (store: LocalStore, name: string) => (await store.load([name])).get(name)?.record

const ack = (name: string, writer: string, upTo: number, seq = 1) => ({ acknowledged: [{ name, writer, upTo, seq }] })

/** `fork('a', 3, 2, 4)`: refuses w2 and w4 of document a at revision 3. */
const fork = (name: string, follows: number, ...refused: number[]): { forks: ForkWrite[] } => ({
  forks: [{ name, follows, code: 'relay/forbidden', refused: refused.map((n) => local(name, 'w', n)) }],
})

/** `a@0:w2,w4 relay/forbidden`: what is kept aside, by document and branch. */
async function asideOf(store: LocalStore): Promise<string> {
  const changes = await store.refused()
  return changes
    .map(({ name, branch, code, updates }) => `${name}@${branch}:${updates.map(({ writer, n }) => `${writer}${n}`).join(',')} ${code}`)
    .join(' ')
}

export function heldBackContract(name: string, createHarness: CreateHarness): void {
  const openOne = async () => (await createWorld(createHarness)).open()

  describe(`${name}: a document that is behind`, () => {
    scenario('[6] is marked with the cursor that passes the change, or not at all', async () => {
      const world = await createWorld(createHarness)
      const [store, former] = [await world.open(), await world.open()]
      await store.commit({ docs: [{ name: 'a', behind: 7 }], cursor: { follows: null, next: 7 } })
      expect(await store.behind(9)).toEqual(['a'])
      await expect(former.commit({ docs: [{ name: 'b', behind: 9 }], cursor: { follows: null, next: 9 } })).rejects.toEqual(
        rejection('store/cursor-moved'),
      )
      expect(await store.behind(9)).toEqual(['a'])
    })

    scenario('[6] is behind no more once its state is stored, but for a change that was announced meanwhile', async () => {
      const store = await openOne()
      await store.commit({ docs: [{ name: 'a', behind: 7 }] })
      await store.commit({ docs: [{ name: 'a', behind: 9 }] })
      await store.commit({ updates: [remote('a', 'w', 1)], docs: [{ name: 'a', state: 8, lastSeq: 8 }] })
      expect(await recordOf(store, 'a')).toMatchObject({ behind: 9, lastSeq: 8 })
      await store.commit({ updates: [remote('a', 'w', 2)], docs: [{ name: 'a', state: 9, lastSeq: 9 }] })
      expect(await store.behind(9)).toEqual([])
      await store.commit({ docs: [{ name: 'a', behind: 12 }], updates: [remote('a', 'w', 3)] })
      expect(await store.behind(9)).toEqual(['a'])
    })

    scenario('[6] is not asked for what a restored relay has lost', async () => {
      const store = await openOne()
      await store.commit({ docs: [{ name: 'a', behind: 9, lastSeq: 5 }] })
      await store.commit({ docs: [{ name: 'a', carry: true, lastSeq: 4 }] })
      expect(await recordOf(store, 'a')).toMatchObject({ behind: 4, carry: true })
      await store.commit({ docs: [{ name: 'a', state: 4 }] })
      expect(await store.behind(9)).toEqual([])
    })

    scenario('counts failed pushes until something is acknowledged', async () => {
      const store = await openOne()
      await store.commit({ updates: [local('a', 'w', 1), local('a', 'w', 2)] })
      await store.commit({ docs: [{ name: 'a', attempted: true }] })
      await store.commit({ docs: [{ name: 'a', attempted: true, problem: 'relay/too-large' }] })
      expect((await recordOf(store, 'a'))?.attempts).toBe(2)
      await store.commit(ack('a', 'w', 0))
      expect((await recordOf(store, 'a'))?.attempts).toBe(2)
      await store.commit(ack('a', 'w', 1))
      expect((await recordOf(store, 'a'))?.attempts).toBe(0)
    })
  })

  describe(`${name}: a log`, () => {
    scenario('is long by its updates or its bytes, and short again once a snapshot took them', async () => {
      const store = await openOne()
      const many = Array.from({ length: logLimits.updates }, (_, i) => remote('many', 'w', i + 1))
      await store.commit({ updates: [...many.slice(1), remote('large', 'x', 1, logLimits.bytes - 1)] })
      expect(await store.longLogs(9)).toEqual([])
      await store.commit({ updates: [many[0] as (typeof many)[0], remote('large', 'x', 2, 1)] })
      expect((await store.longLogs(9)).toSorted()).toEqual(['large', 'many'])
      expect(await store.longLogs(1)).toHaveLength(1)
      const replaces = many.map(({ writer, n, bytes }) => ({ writer, n, size: bytes.length }))
      await store.commit({ snapshots: [{ name: 'many', bytes: new Uint8Array(10), format: 'v1', follows: 0, replaces }] })
      expect(await store.longLogs(9)).toEqual(['large'])
      expect(await recordOf(store, 'many')).toMatchObject({ logUpdates: 0, logBytes: 0, snapshotBytes: 10 })
    })

    scenario('[7] of pending updates is folded under the highest number, and acknowledged as one', async () => {
      const store = await openOne()
      await store.commit({ updates: [1, 2, 3, 4].map((n) => local('a', 'w', n)) })
      const folds = [{ name: 'a', writer: 'w', replaces: [1, 2, 3], bytes: new Uint8Array([9, 9]) }]
      await store.commit({ folds })
      expect(await pendingOf(store)).toBe('a:w3,w4')
      expect((await store.pending(1))[0]?.updates.find(({ n }) => n === 3)?.bytes).toEqual(new Uint8Array([9, 9]))
      expect(await store.pendingTotals()).toMatchObject({ documents: 1, bytes: 5 })
      expect(await recordOf(store, 'a')).toMatchObject({ logUpdates: 2, logBytes: 5 })
      await store.commit(ack('a', 'w', 2))
      expect(await pendingOf(store)).toBe('a:w3,w4')
      await store.commit(ack('a', 'w', 3))
      expect(await pendingOf(store)).toBe('a:w4')
    })

    scenario('[7] is not folded where a part was acknowledged or folded meanwhile', async () => {
      const store = await openOne()
      await store.commit({ updates: [1, 2, 3].map((n) => local('a', 'w', n)) })
      await store.commit(ack('a', 'w', 1))
      const folds = [{ name: 'a', writer: 'w', replaces: [1, 2, 3], bytes: new Uint8Array([9]) }]
      await store.commit({ folds })
      expect(numbers((await store.load(['a'])).get('a'))).toBe('w1,w2,w3')
      expect(await pendingOf(store)).toBe('a:w2,w3')
    })
  })

  describe(`${name}: a fork`, () => {
    scenario('[7] keeps the refused updates aside, and the rest pending', async () => {
      const world = await createWorld(createHarness)
      const store = await world.open()
      await store.commit({ updates: [1, 2, 3, 4].map((n) => local('a', 'w', n)), docs: [{ name: 'a', problem: 'relay/forbidden' }] })
      world.at(7_000)
      const committed = await store.commit(fork('a', 1, 2, 4))
      expect(committed.forks).toEqual(new Set(['a']))
      expect(await asideOf(store)).toBe('a@0:w2,w4 relay/forbidden')
      expect((await store.refused())[0]).toMatchObject({ sinceMs: 7_000, updates: [{ bytes: new Uint8Array([2, 2, 2]) }, {}] })
      expect(numbers((await store.load(['a'])).get('a'))).toBe('w1,w3')
      expect(await pendingOf(store)).toBe('a:w1,w3')
      expect(await recordOf(store, 'a')).toMatchObject({
        branch: 1,
        revision: 2,
        problem: null,
        pending: { w: { from: 1, to: 3, bytes: 6 } },
      })
      expect(await store.rowsBehind(9)).toEqual(['a'])
      await store.commit(ack('a', 'w', 3))
      expect(await store.pendingTotals()).toEqual({ documents: 0, bytes: 0, sinceMs: null, refused: 1 })
      await store.commit({ discards: [2, 4].map((n) => ({ name: 'a', branch: 0, writer: 'w', n })) })
      expect(await store.pendingTotals()).toEqual({ documents: 0, bytes: 0, sinceMs: null, refused: 0 })
    })

    scenario('[7] of all that is pending leaves nothing pending', async () => {
      const store = await openOne()
      await store.commit({ updates: [local('a', 'w', 1), remote('a', 'w', 2), local('a', 'w', 3)] })
      await store.commit(fork('a', 1, 1, 3))
      expect(await store.pendingTotals()).toEqual({ documents: 0, bytes: 0, sinceMs: null, refused: 1 })
      expect(numbers((await store.load(['a'])).get('a'))).toBe('w2')
    })

    scenario('[7] of an update that was folded with others meanwhile is left out', async () => {
      const store = await openOne()
      await store.commit({ updates: [1, 2, 3].map((n) => local('a', 'w', n)) })
      const read = (await store.load(['a'])).get('a')
      await store.commit({ folds: [{ name: 'a', writer: 'w', replaces: [1, 2, 3], bytes: new Uint8Array([9, 9, 9, 9]) }] })
      const refused = read?.updates.filter(({ n }) => n !== 2) ?? []
      const committed = await store.commit({
        forks: [{ name: 'a', follows: read?.record.revision ?? 0, refused, code: 'relay/forbidden' }],
      })
      expect(committed.forks).toEqual(new Set())
      expect(await asideOf(store)).toBe('')
      expect(await pendingOf(store)).toBe('a:w3')
    })

    scenario('[7] that another edit came before is left out', async () => {
      const store = await openOne()
      await store.commit({ updates: [local('a', 'w', 1)] })
      await store.commit({ updates: [local('a', 'x', 1)] })
      expect((await store.commit(fork('a', 1, 1))).forks).toEqual(new Set())
      expect(await pendingOf(store)).toBe('a:w1,x1')
      expect(await asideOf(store)).toBe('')
    })

    scenario('[7] an edit made on an older branch is kept aside with it, and its row is not shown', async () => {
      const world = await createWorld(createHarness)
      const [store, late] = [await world.open(), await world.open()]
      await store.commit({ updates: [local('a', 'w', 1)] })
      await store.commit(fork('a', 1, 1))
      const row = { type: 'note', id: 'a', value: 'refused', name: 'a', reflects: 1 }
      const committed = await late.commit({ updates: [local('a', 'x', 1), local('b', 'x', 2)], rows: [row] })
      expect(committed.aside).toEqual(new Set(['a']))
      expect([...committed.revisions.keys()]).toEqual(['b'])
      expect(await asideOf(store)).toBe('a@0:w1,x1 relay/forbidden')
      expect(await store.rows('note')).toEqual([])
      expect(await pendingOf(store)).toBe('b:x2')
      expect(await recordOf(store, 'a')).toMatchObject({ revision: 2 })
      const next = { ...local('a', 'x', 3), branch: 1 }
      expect((await late.commit({ updates: [next, remote('a', 'x', 4)] })).aside).toEqual(new Set())
      expect(await pendingOf(store)).toBe('a:x3 b:x2')
    })

    scenario('[7] is forgotten only by a discard of just that update', async () => {
      const store = await openOne()
      await store.commit({ updates: [local('a', 'w', 1)] })
      await store.commit(fork('a', 1, 1))
      await store.commit({ updates: [{ ...local('a', 'w', 2), branch: 1 }] })
      await store.commit(fork('a', 3, 2))
      await store.commit({ updates: [local('a/b', 'w', 3)] })
      await store.commit(fork('a/b', 1, 3))
      // Written on the first branch by a tab that had not heard that it ended.
      await store.commit({ updates: [{ ...local('a', 'w', 4), branch: 0 }] })
      expect(await asideOf(store)).toBe('a@0:w1,w4 relay/forbidden a@1:w2 relay/forbidden a/b@0:w3 relay/forbidden')
      await store.commit({ discards: [{ name: 'a', branch: 0, writer: 'w', n: 1 }] })
      expect(await asideOf(store)).toBe('a@0:w4 null a@1:w2 relay/forbidden a/b@0:w3 relay/forbidden')
    })
  })

  describe(`${name}: a damaged record`, () => {
    const damage = (part: { writer: string; n: number } | { snapshotRevision: number }, ...bytes: number[]) => ({
      quarantine: [{ name: 'a', part, bytes: new Uint8Array(bytes), reason: 'unreadable' }],
    })

    scenario('[6] [7] is taken out with its bytes, and its document is behind', async () => {
      const world = await createWorld(createHarness)
      const store = await world.open()
      await store.commit({ updates: [local('a', 'w', 1), local('a', 'w', 2), remote('a', 'w', 3)], docs: [{ name: 'a', lastSeq: 6 }] })
      world.at(8_000)
      await store.commit(damage({ writer: 'w', n: 2 }, 2, 2, 2))
      expect(numbers((await store.load(['a'])).get('a'))).toBe('w1,w3')
      expect(await pendingOf(store)).toBe('a:w1')
      expect(await store.pendingTotals()).toMatchObject({ bytes: 3 })
      expect(await store.behind(9)).toEqual(['a'])
      expect(await recordOf(store, 'a')).toMatchObject({ behind: 6, revision: 2 })
      const kept = { name: 'a', part: { writer: 'w', n: 2 }, bytes: new Uint8Array([2, 2, 2]), reason: 'unreadable', atMs: 8_000 }
      expect(await store.quarantined()).toEqual([kept])
      expect(store.status.get().quarantined).toBe(1)
    })

    scenario('[7] snapshot is taken out, unless another was stored since it was read', async () => {
      const store = await openOne()
      const snapshot = (follows: number) => ({
        snapshots: [{ name: 'a', bytes: new Uint8Array([follows]), format: 'v1' as const, follows, replaces: [] }],
      })
      await store.commit({ updates: [remote('a', 'w', 1)], ...snapshot(0) })
      await store.commit(snapshot(1))
      await store.commit(damage({ snapshotRevision: 1 }, 0))
      expect((await store.load(['a'])).get('a')?.snapshot?.bytes).toEqual(new Uint8Array([1]))
      expect(await store.quarantined()).toEqual([])
      await store.commit(damage({ snapshotRevision: 2 }, 1))
      expect((await store.load(['a'])).get('a')?.snapshot).toBeNull()
      expect(await recordOf(store, 'a')).toMatchObject({ behind: 1, snapshotRevision: 3, snapshotBytes: 0 })
      expect((await store.commit(snapshot(2))).snapshots).toEqual(new Set())
    })

    scenario('row is taken out and its document marked, so that it is projected again', async () => {
      const store = await openOne()
      await store.commit({ updates: [local('note/a', 'w', 1)], rows: [{ type: 'note', id: 'a', value: 1, name: 'note/a', reflects: 0 }] })
      const part = { type: 'note', id: 'a' }
      await store.commit({ quarantine: [{ name: 'note/a', part, bytes: new Uint8Array([1]), reason: 'unreadable' }] })
      expect(await store.rows('note')).toEqual([])
      expect(await store.rowsBehind(9)).toEqual(['note/a'])
      expect(await store.behind(9)).toEqual([])
    })
  })
}
