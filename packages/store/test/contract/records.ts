/** Pending marks, revisions, snapshots and the lists derived from records. */
import { describe, expect } from 'vitest'
import type { LocalStore } from '../../src/local-store.ts'
import { type CreateHarness, createWorld, local, numbers, pendingOf, remote } from './harness.ts'
import { once, scenario } from './scenario.ts'

const ack = (name: string, writer: string, upTo: number, seq = 1) => ({ acknowledged: [{ name, writer, upTo, seq }] })

const row = (name: string, reflects: number, value = 'v') => ({ type: 'note', id: name, value, name, reflects })

const recordOf = async (store: LocalStore, name: string) => (await store.load([name])).get(name)?.record

export function recordContract(name: string, createHarness: CreateHarness): void {
  const openOne = async () => (await createWorld(createHarness)).open()

  describe(`${name}: a pending mark`, () => {
    scenario('[2] is raised by a local update, never by a remote one', async () => {
      const store = await openOne()
      await store.commit({ updates: [local('a', 'w', 1), remote('a', 'w', 2), remote('b', 'w', 3)] })
      expect(await pendingOf(store)).toBe('a:w1')
      expect((await recordOf(store, 'a'))?.pending).toEqual({ w: { from: 1, to: 1, bytes: 3 } })
    })

    scenario('[2] of one writer is not lowered by the acknowledgement of another', async () => {
      const store = await openOne()
      await store.commit({ updates: [local('a', 'w', 1), local('a', 'x', 1)] })
      await store.commit(ack('a', 'w', 9))
      expect(await pendingOf(store)).toBe('a:x1')
    })

    scenario('[2] keeps what came after the acknowledged number', async () => {
      const store = await openOne()
      await store.commit({ updates: [local('a', 'w', 1), local('b', 'w', 2), local('a', 'w', 3), remote('a', 'w', 4), local('a', 'w', 5)] })
      await store.commit(ack('a', 'w', 2))
      expect(await pendingOf(store)).toBe('a:w3,w5 b:w2')
      await store.commit(ack('a', 'w', 5))
      expect(await pendingOf(store)).toBe('b:w2')
    })

    scenario('[5] is not harmed by an acknowledgement that comes twice, late, or for an unknown document', async () => {
      const store = await openOne()
      await store.commit({ updates: [local('a', 'w', 1), local('a', 'w', 2)] })
      await store.commit(ack('a', 'w', 1, 8))
      await store.commit(ack('a', 'w', 1, 8))
      await store.commit(ack('a', 'w', 0, 3))
      await store.commit(ack('never/stored', 'w', 7))
      expect(await pendingOf(store)).toBe('a:w2')
      expect((await recordOf(store, 'a'))?.lastSeq).toBe(8)
      expect(await recordOf(store, 'never/stored')).toBeUndefined()
    })

    scenario('[5] of an update that is stored again after its acknowledgement can be acknowledged again', async () => {
      const store = await openOne()
      await store.commit({ updates: [local('a', 'w', 1)] })
      await store.commit(ack('a', 'w', 1))
      await store.commit({ updates: [local('a', 'w', 1)] })
      expect(await pendingOf(store)).toBe('a:w1')
      await store.commit(ack('a', 'w', 1))
      expect(await pendingOf(store)).toBe('')
    })

    scenario('lists the oldest document first, with totals of all', async () => {
      const world = await createWorld(createHarness)
      const store = await world.open()
      world.at(5_000)
      await store.commit({ updates: [local('late', 'w', 1, 10)] })
      world.at(4_000)
      await store.commit({ updates: [local('early', 'w', 2, 20), remote('early', 'w', 3, 99)] })
      world.at(6_000)
      await store.commit({ updates: [local('late', 'w', 4, 1)] })
      expect(await pendingOf(store)).toBe('early:w2 late:w1,w4')
      expect(await store.pendingTotals()).toEqual({ documents: 2, bytes: 31, sinceMs: 4_000, refused: 0 })
      expect((await store.pending(1)).map(({ record }) => record.name)).toEqual(['early'])
      await store.commit(ack('early', 'w', 2))
      await store.commit(ack('late', 'w', 1))
      expect(await store.pendingTotals()).toEqual({ documents: 1, bytes: 1, sinceMs: 6_000, refused: 0 })
      await store.commit(ack('late', 'w', 4))
      expect(await store.pendingTotals()).toEqual({ documents: 0, bytes: 0, sinceMs: null, refused: 0 })
      expect((await recordOf(store, 'late'))?.pendingSinceMs).toBeNull()
    })
  })

  describe(`${name}: revisions and rows`, () => {
    scenario('a revision rises by 1 with each commit that stores updates, however many', async () => {
      const store = await openOne()
      await store.commit({ updates: [local('a', 'w', 1), local('a', 'w', 2)] })
      await store.commit({ docs: [{ name: 'a', lastSeq: 3 }] })
      await store.commit({ updates: [remote('a', 'w', 3)] })
      expect(await recordOf(store, 'a')).toMatchObject({ revision: 2, rowRevision: 0, lastSeq: 3 })
    })

    scenario('a row of the current revision covers the updates of its own batch', async () => {
      const store = await openOne()
      await store.commit({ updates: [local('a', 'w', 1)], rows: [row('a', 0)] })
      expect(await store.rowsBehind(9)).toEqual([])
      await store.commit({ updates: [local('a', 'w', 2)] })
      expect(await store.rowsBehind(9)).toEqual(['a'])
      await store.commit({ rows: [row('a', 2)] })
      expect(await store.rowsBehind(9)).toEqual([])
    })

    scenario('a row of another revision is stored, and its document stays behind', async () => {
      const store = await openOne()
      await store.commit({ updates: [local('a', 'w', 1)] })
      await store.commit({ updates: [local('a', 'x', 1)], rows: [row('a', 0, 'lacks w1')] })
      expect(await store.rows('note')).toEqual([{ type: 'note', id: 'a', value: 'lacks w1' }])
      expect(await store.rowsBehind(9)).toEqual(['a'])
    })

    scenario('an old row over an exact one leaves the document behind, though no update came', async () => {
      const store = await openOne()
      await store.commit({ updates: [local('a', 'w', 1)], rows: [row('a', 0)] })
      await store.commit({ rows: [row('a', 0, 'older')] })
      expect(await store.rowsBehind(9)).toEqual(['a'])
    })

    scenario('rows of a type come in order of id, and only they', async () => {
      const store = await openOne()
      const ids = ['b', 'a', 'é', 'a/1', '\u{1F600}', 'Z', '￿']
      await store.commit({ rows: ids.map((id) => ({ type: 'note', id, value: id, name: id, reflects: 0 })) })
      await store.commit({ rows: [{ type: 'note2', id: 'a', value: 1, name: 'x', reflects: 0 }] })
      expect((await store.rows('note')).map(({ id }) => id)).toEqual(['Z', 'a', 'a/1', 'b', 'é', '\u{1F600}', '￿'])
      expect(await store.rows('no')).toEqual([])
    })

    scenario('the last seq only rises, except where the relay lost what came after it', async () => {
      const store = await openOne()
      await store.commit({ docs: [{ name: 'a', lastSeq: 9 }] })
      await store.commit({ docs: [{ name: 'a', lastSeq: 4 }] })
      expect((await recordOf(store, 'a'))?.lastSeq).toBe(9)
      await store.commit({ docs: [{ name: 'a', carry: true, lastSeq: 4 }] })
      expect((await recordOf(store, 'a'))?.lastSeq).toBe(4)
      expect(await store.pendingTotals()).toMatchObject({ documents: 1, bytes: 0 })
    })

    scenario('a patch sets only what it names', async () => {
      const store = await openOne()
      await store.commit({
        docs: [
          { name: 'a', carry: true, problem: 'relay/forbidden', lastSeq: 9 },
          { name: 'b', lastSeq: 4 },
        ],
      })
      expect(await store.carrying(9)).toEqual(['a'])
      expect(await store.changedAfter(4)).toEqual(['a'])
      expect(await store.changedAfter(3)).toEqual(['b', 'a'])
      await store.commit({ updates: [local('c', 'w', 1)] })
      expect(await store.changedAfter(-1)).toEqual(['c', 'b', 'a'])
      await store.commit({
        docs: [
          { name: 'a', carry: false },
          { name: 'a', lastSeq: 2 },
        ],
      })
      expect(await recordOf(store, 'a')).toMatchObject({ carry: false, problem: 'relay/forbidden', lastSeq: 9 })
      await store.commit({ docs: [{ name: 'a', problem: null }] })
      expect((await recordOf(store, 'a'))?.problem).toBeNull()
      expect(await store.carrying(9)).toEqual([])
    })

    scenario('rows that are behind come last changed first, of all or of the named', async () => {
      const world = await createWorld(createHarness)
      const store = await world.open()
      for (const [i, name] of ['b', 'd', 'a', 'c'].entries()) {
        world.at(2_000 + i)
        await store.commit({ updates: [remote(name, 'w', i + 1)] })
      }
      world.at(3_000)
      await store.commit({ updates: [remote('d', 'w', 9)] })
      expect(await store.rowsBehind(9)).toEqual(['d', 'c', 'a', 'b'])
      expect(await store.rowsBehind(2)).toEqual(['d', 'c'])
      expect(await store.rowsBehind(9, ['b', 'none', 'a', 'b'])).toEqual(['a', 'b'])
      expect(await store.rowsBehind(1, ['b', 'c'])).toEqual(['c'])
    })

    scenario('lists of names stop at their limit', async () => {
      const store = await openOne()
      const names = ['a', 'b', 'c']
      await store.commit({ updates: names.map((name, i) => local(name, 'w', i + 1)), docs: names.map((name) => ({ name, carry: true })) })
      for (const list of [await store.rowsBehind(2), await store.carrying(2)]) {
        expect(new Set(list).size).toBe(2)
        expect(names).toEqual(expect.arrayContaining([...list]))
      }
      expect(await store.pending(0)).toEqual([])
    })
  })

  describe(`${name}: a snapshot`, () => {
    const snapshot = (follows: number, byte: number, ...replaces: number[]) => ({
      snapshots: [
        {
          name: 'a',
          bytes: new Uint8Array([byte]),
          format: 'v1' as const,
          follows,
          replaces: replaces.map((n) => ({ writer: 'w', n, size: 3 })),
        },
      ],
    })

    scenario('takes the place of the updates it names, and of no other', async () => {
      const store = await openOne()
      await store.commit({ updates: [remote('a', 'w', 1), remote('a', 'w', 2), remote('a', 'w', 3), remote('b', 'w', 4)] })
      await store.commit({ updates: [remote('a', 'x', 1)], ...snapshot(0, 7, 1, 2, 4) })
      const stored = await store.load(['a', 'b'])
      expect(stored.get('a')).toMatchObject({
        snapshot: { bytes: new Uint8Array([7]), format: 'v1' },
        record: { revision: 2, snapshotRevision: 1 },
      })
      expect(numbers(stored.get('a'))).toBe('w3,x1')
      expect(numbers(stored.get('b'))).toBe('w4')
    })

    scenario('[4] leaves pending updates beside it', async () => {
      const store = await openOne()
      await store.commit({ updates: [local('a', 'w', 1), local('a', 'w', 2), remote('a', 'w', 3), local('a', 'w', 4)] })
      await store.commit({ ...ack('a', 'w', 1), ...snapshot(0, 7, 1, 2, 3, 4) })
      expect(numbers((await store.load(['a'])).get('a'))).toBe('w2,w4')
      expect(await pendingOf(store)).toBe('a:w2,w4')
    })

    scenario('[4] leaves an update that is committed at the same moment', async () => {
      const store = await openOne()
      await Promise.all([
        store.commit({ updates: [local('a', 'w', 1), remote('a', 'w', 2), local('a', 'w', 3)] }),
        store.commit(snapshot(0, 7, 1, 2, 3)),
      ])
      expect(await pendingOf(store)).toBe('a:w1,w3')
    })

    scenario('[4] leaves an update of a new document that waits in the same line', async () => {
      const store = await openOne()
      await Promise.all([
        store.commit({ updates: [local('b', 'w', 4)] }),
        store.commit({ updates: [local('a', 'w', 1), remote('a', 'w', 2), local('a', 'w', 3)] }),
        store.commit(snapshot(0, 7, 1, 2, 3)),
      ])
      expect(await pendingOf(store)).toBe('a:w1,w3 b:w4')
      expect(numbers((await store.load(['a'])).get('a'))).toBe('w1,w3')
    })

    scenario('[4] made of an older snapshot than the stored one is left out, with all that it would replace', async () => {
      const world = await createWorld(createHarness)
      const [store, slower] = [await world.open(), await world.open()]
      await store.commit({ updates: [remote('a', 'w', 1), remote('a', 'w', 2)] })
      expect((await store.commit(snapshot(0, 12, 2))).snapshots).toEqual(new Set(['a']))
      const late = await slower.commit({ ...snapshot(0, 11, 1), state: { rest: 'stored' } })
      expect(late.snapshots).toEqual(new Set())
      const a = (await store.load(['a'])).get('a')
      expect(a?.snapshot?.bytes).toEqual(new Uint8Array([12]))
      expect(numbers(a)).toBe('w1')
      expect((await store.state()).values).toEqual({ rest: 'stored' })
      expect((await slower.commit(snapshot(1, 13, 1))).snapshots).toEqual(new Set(['a']))
    })
  })

  describe(`${name}: load`, () => {
    once('gives the named documents that exist, one or a thousand, and no other', async () => {
      const store = await openOne()
      const names = Array.from({ length: 1_500 }, (_, i) => `note/${i}`)
      await store.commit({
        updates: names.flatMap((name, i) => [remote(name, 'w', i + 1, 1), remote(name, 'x', i + 1, 1)]),
        snapshots: names
          .filter((_, i) => i % 7 === 0)
          .map((name) => ({ name, bytes: new Uint8Array([1]), format: 'v1', follows: 0, replaces: [] })),
      })
      for (const step of [1, 2, 5, 100, 1_400]) {
        const wanted = names.filter((_, i) => i % step === 0)
        const stored = await store.load([...wanted, 'note/none', 'note'])
        expect([...stored.keys()].sort()).toEqual(wanted.toSorted())
        expect(wanted.every((name) => numbers(stored.get(name)).split(',').length === 2)).toBe(true)
        expect([...stored.values()].filter(({ snapshot }) => snapshot !== null).length).toBe(
          wanted.filter((name) => Number(name.slice(5)) % 7 === 0).length,
        )
      }
      expect((await store.load([])).size).toBe(0)
    })

    scenario('keeps names apart where one begins with the other', async () => {
      const store = await openOne()
      await store.commit({ updates: [remote('a', 'w', 1), remote('a/b', 'w', 2), remote('a￿', 'w', 3)] })
      expect(numbers((await store.load(['a'])).get('a'))).toBe('w1')
    })
  })
}
