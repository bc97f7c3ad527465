/** Atomicity, order, the cursor, and survival. */
import { describe, expect } from 'vitest'
import type { Batch } from '../../src/batch.ts'
import { type CreateHarness, createWorld, dump, local, numbers, rejection, remote } from './harness.ts'
import { once, scenario } from './scenario.ts'

const everything: Batch = {
  updates: [local('note/a', 'w', 2), local('note/b', 'w', 3), remote('note/a', 'w', 4)],
  acknowledged: [{ name: 'note/a', writer: 'w', upTo: 1, seq: 7 }],
  docs: [{ name: 'note/c', carry: true, problem: 'relay/forbidden' }],
  rows: [{ type: 'note', id: 'a', value: { title: 'new' }, name: 'note/a', reflects: 1 }],
  snapshots: [{ name: 'note/a', bytes: new Uint8Array([9]), format: 'v2', follows: 0, replaces: [{ writer: 'w', n: 1, size: 3 }] }],
  cursor: { follows: null, next: { seq: 7 } },
  state: { replica: 'r1' },
}

export function commitContract(name: string, createHarness: CreateHarness): void {
  describe(`${name}: a commit`, () => {
    scenario('is seen whole by reads once it resolves', async () => {
      const store = await (await createWorld(createHarness)).open()
      await store.commit({ updates: [local('note/a', 'w', 1)] })
      const committed = await store.commit(everything)
      expect([...committed.revisions]).toEqual([
        ['note/a', 2],
        ['note/b', 1],
      ])
      expect([...committed.snapshots]).toEqual(['note/a'])
      const a = (await store.load(['note/a'])).get('note/a')
      expect(numbers(a)).toBe('w2,w4')
      expect(a?.snapshot).toEqual({ bytes: new Uint8Array([9]), format: 'v2' })
      expect(await store.rows('note')).toEqual([{ type: 'note', id: 'a', value: { title: 'new' } }])
      expect(await store.state()).toEqual({ cursor: { seq: 7 }, values: { replica: 'r1' } })
      expect(await store.carrying(10)).toEqual(['note/c'])
    })

    for (const code of ['store/full', 'store/failed'] as const) {
      once(`[1] that fails with ${code} at any of its writes has stored nothing`, async () => {
        const world = await createWorld(createHarness)
        const store = await world.open()
        await store.commit({
          updates: [local('note/a', 'w', 1)],
          rows: [{ type: 'note', id: 'a', value: 'old', name: 'note/a', reflects: 0 }],
        })
        const names = ['note/a', 'note/b', 'note/c']
        const before = await dump(store, names)
        let failures = 0
        for (let number = 1; ; number++) {
          const fault = world.failWrite(number, code)
          const outcome = await store.commit(everything).catch((error: unknown) => error)
          fault.lift()
          if (!fault.hit) break
          expect(outcome).toEqual(rejection(code))
          expect(store.status.get().problem).toEqual(rejection(code))
          expect(await dump(store, names)).toEqual(before)
          failures++
        }
        expect(failures).toBeGreaterThanOrEqual(9)
        expect(store.status.get().problem).toBeNull()
        expect(await dump(store, names)).not.toEqual(before)
      })
    }

    once('that fails does not take the commits beside it along', async () => {
      const world = await createWorld(createHarness)
      const store = await world.open()
      const fault = world.failWrite(1, 'store/full')
      const first = store.commit({ updates: [local('note/a', 'w', 1)] })
      const outcomes = await Promise.allSettled([first.finally(() => fault.lift()), store.commit({ updates: [local('note/b', 'w', 2)] })])
      expect(fault.hit).toBe(true)
      expect(outcomes[0]).toMatchObject({ status: 'rejected', reason: rejection('store/full') })
      await store.commit({ updates: [local('note/c', 'w', 3)] })
      const stored = await store.load(['note/a', 'note/b', 'note/c'])
      expect(stored.has('note/a')).toBe(false)
      expect(stored.has('note/b')).toBe(outcomes[1].status === 'fulfilled')
      expect(stored.has('note/c')).toBe(true)
    })

    scenario('is stored in the order of the calls', async () => {
      const store = await (await createWorld(createHarness)).open()
      const commits = Array.from({ length: 40 }, (_, n) =>
        store.commit({ updates: [remote('note/a', 'w', n + 1)], cursor: { follows: n === 0 ? null : n, next: n + 1 }, state: { last: n } }),
      )
      const committed = await Promise.all(commits)
      expect(committed.map(({ revisions }) => revisions.get('note/a'))).toEqual(Array.from({ length: 40 }, (_, n) => n + 1))
      expect(await store.state()).toEqual({ cursor: 40, values: { last: 39 } })
    })

    scenario('of nothing is nothing', async () => {
      const store = await (await createWorld(createHarness)).open()
      expect((await store.commit({})).revisions.size).toBe(0)
      expect(await store.state()).toEqual({ cursor: null, values: {} })
    })

    scenario('survives closing and opening again', async () => {
      const world = await createWorld(createHarness)
      const first = await world.open()
      await first.commit({ updates: [local('note/a', 'w', 1)] })
      await first.commit(everything)
      const before = await dump(first, ['note/a', 'note/b', 'note/c'])
      await first.close()
      expect(await dump(await world.open(), ['note/a', 'note/b', 'note/c'])).toEqual(before)
    })

    scenario('that runs while the store closes is finished first', async () => {
      const world = await createWorld(createHarness)
      const first = await world.open()
      const commit = first.commit({ updates: [local('note/a', 'w', 1)] })
      await first.close()
      await commit
      expect(numbers((await (await world.open()).load(['note/a'])).get('note/a'))).toBe('w1')
    })

    scenario('keeps a copy: later changes of the caller are not seen', async () => {
      const store = await (await createWorld(createHarness)).open()
      const value = { title: 'as committed' }
      const update = local('note/a', 'w', 1)
      await store.commit({ updates: [update], rows: [{ type: 'note', id: 'a', value, name: 'note/a', reflects: 0 }] })
      value.title = 'changed'
      update.bytes.fill(99)
      expect((await store.rows('note'))[0]?.value).toEqual({ title: 'as committed' })
      expect((await store.load(['note/a'])).get('note/a')?.updates[0]?.bytes).toEqual(new Uint8Array([1, 1, 1]))
    })

    scenario('takes an update of 1 MB, and of a view only what it shows', async () => {
      const store = await (await createWorld(createHarness)).open()
      const frame = new Uint8Array(2 ** 20 + 8).map((_, i) => i)
      const large = { ...local('note/a', 'w', 1), bytes: frame.subarray(0, 2 ** 20) }
      const small = { ...local('note/b', 'w', 2), bytes: frame.subarray(5, 8) }
      await store.commit({ updates: [large, small] })
      const stored = await store.load(['note/a', 'note/b'])
      expect(Array.from(stored.get('note/b')?.updates[0]?.bytes ?? [])).toEqual([5, 6, 7])
      expect(stored.get('note/b')?.updates[0]?.bytes.buffer.byteLength).toBe(3)
      const bytes = stored.get('note/a')?.updates[0]?.bytes
      expect(bytes?.byteLength).toBe(2 ** 20)
      expect(bytes?.every((byte, i) => byte === i % 256)).toBe(true)
    })
  })

  describe(`${name}: the cursor`, () => {
    scenario('[3] that another tab moved stops the batch whole', async () => {
      const world = await createWorld(createHarness)
      const [leader, former] = [await world.open(), await world.open()]
      await leader.commit({ cursor: { follows: null, next: { seq: 1 } } })
      const late = former.commit({ updates: [remote('note/a', 'x', 1)], cursor: { follows: null, next: { seq: 9 } } })
      await expect(late).rejects.toEqual(rejection('store/cursor-moved'))
      expect((await leader.load(['note/a'])).size).toBe(0)
      expect((await leader.state()).cursor).toEqual({ seq: 1 })
      expect(former.status.get().problem?.code).not.toBe('store/cursor-moved')
    })

    scenario('[3] is moved by exactly one of two tabs that try at once, and both keep what they stored beside it', async () => {
      const world = await createWorld(createHarness)
      const tabs = [
        { store: await world.open(), writer: 'w' },
        { store: await world.open(), writer: 'x' },
      ]
      for (let seq = 0; seq < 5; seq++) {
        const cursor = { follows: seq === 0 ? null : seq, next: seq + 1 }
        const moves = Promise.allSettled(tabs.map(({ store }) => store.commit({ cursor })))
        await Promise.all(tabs.map(({ store, writer }) => store.commit({ updates: [local('note/a', writer, seq + 1)] })))
        const outcomes = await moves
        expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
      }
      const a = (await world.open()).load(['note/a'])
      expect((await a).get('note/a')?.record).toMatchObject({
        revision: 10,
        pending: { w: { from: 1, to: 5, bytes: 15 }, x: { from: 1, to: 5, bytes: 15 } },
      })
    })

    scenario('[3] that moved stops neither the batch before nor the batch after it', async () => {
      const store = await (await createWorld(createHarness)).open()
      const outcomes = await Promise.allSettled([
        store.commit({ updates: [local('note/a', 'w', 1)], cursor: { follows: null, next: 1 } }),
        store.commit({ updates: [local('note/b', 'w', 2)], cursor: { follows: null, next: 5 } }),
        store.commit({ updates: [local('note/c', 'w', 3)], cursor: { follows: 1, next: 2 } }),
      ])
      expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
      expect([...(await store.load(['note/a', 'note/b', 'note/c'])).keys()].sort()).toEqual(['note/a', 'note/c'])
      expect((await store.state()).cursor).toBe(2)
    })

    scenario('[3] is compared as JSON, in any order of its keys', async () => {
      const store = await (await createWorld(createHarness)).open()
      await store.commit({ cursor: { follows: null, next: { seq: 1, of: ['a', { b: null }] } } })
      await store.commit({ cursor: { follows: { of: ['a', { b: null }], seq: 1 }, next: 2 } })
      expect((await store.state()).cursor).toBe(2)
    })
  })

  describe(`${name}: a database`, () => {
    scenario('belongs to one space and one user', async () => {
      const world = await createWorld(createHarness)
      const pairs = [
        ['a:b', 'c'],
        ['a', 'b:c'],
        ['a%3Ab', 'c'],
        ['A', 'b:c'],
      ] as const
      const stores = await Promise.all(pairs.map(([user, space]) => world.open({ user, space })))
      await Promise.all(stores.map((store, i) => store.commit({ state: { i } })))
      const states = await Promise.all(stores.map((store) => store.state()))
      expect(states.map(({ values }) => values.i)).toEqual([0, 1, 2, 3])
    })

    scenario('shows every tab what any of them stored', async () => {
      const world = await createWorld(createHarness)
      const [first, second] = [await world.open(), await world.open()]
      await first.commit({ updates: [local('note/a', 'w', 1)] })
      await second.commit({ updates: [local('note/a', 'x', 1)] })
      expect(numbers((await first.load(['note/a'])).get('note/a'))).toBe('w1,x1')
    })

    scenario('that is closed takes and gives nothing, and closes again without harm', async () => {
      const store = await (await createWorld(createHarness)).open()
      await Promise.all([store.close(), store.close()])
      await expect(store.commit({})).rejects.toEqual(rejection('store/closed'))
      for (const read of [
        store.load([]),
        store.pending(1),
        store.pendingTotals(),
        store.rows('note'),
        store.state(),
        store.rowsBehind(1),
      ]) {
        await expect(read).rejects.toEqual(rejection('store/closed'))
      }
      await store.close()
    })
  })
}
