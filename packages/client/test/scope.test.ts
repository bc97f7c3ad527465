/** Single documents beside the feed: chosen scope, fetching, large ones, audits, holding pushes, and what was erased. */
import { type Clock, systemClock, systemRandom, TidemarkError } from '@tidemark/base'
import { wireLimits } from '@tidemark/protocol'
import { createMemoryDisk, createMemoryLog, createRelay } from '@tidemark/relay'
import { memoryStore, type OpenStore } from '@tidemark/store'
import { afterEach, describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import type { Space } from '../src/index.ts'
import { turns } from './stage.ts'
import { changedStore, confirmed, Device, live, Network, Report, until } from './world.ts'

const devices: Device[] = []
afterEach(async () => {
  for (const device of devices.splice(0)) for (const space of device.spaces) await space.close()
})

const device = (network: Network, user: string): Device => {
  const one = new Device(network, user)
  devices.push(one)
  return one
}

async function reports(space: Space, count: number): Promise<void> {
  for (let i = 1; i <= count; i++) await (await space.create(Report, { title: `t${i}` }, { id: `r${i}` })).created.confirmed
}

/** Resolves when an open report has this title. */
async function titled(space: Space, id: string, title: string): Promise<void> {
  const report = await space.open(Report, id)
  await until({ get: () => report.value, subscribe: (listener) => report.subscribe(listener) }, (value) => value.title === title)
  report.close()
}

/** A store that fails to store a document's state when it is told to, and says what it is asked and what changes it stored meanwhile. */
function stateFails(name: string): { open: OpenStore; asked: Promise<void>; changed: Promise<void>; fail: () => void } {
  const [asked, changed, failed] = [Promise.withResolvers<void>(), Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  let [answers, isFailed] = [0, false]
  const open: OpenStore = async (where) => {
    const store = await memoryStore()(where)
    return changedStore(store, {
      load: async (names) => {
        // When it is opened, when the relay is asked, and when the relay has answered.
        if (names.includes(name) && ++answers === 3) {
          asked.resolve()
          await failed.promise
        }
        return await store.load(names)
      },
      commit: async (batch) => {
        if (batch.docs?.some((doc) => doc.name === name && doc.state !== undefined) === true && !isFailed) {
          isFailed = true
          throw new TidemarkError('store/failed', 'the disk failed')
        }
        const committed = await store.commit(batch)
        if (batch.updates?.some((update) => update.name === name) === true) changed.resolve()
        return committed
      },
    })
  }
  return { open, asked: asked.promise, changed: changed.promise, fail: failed.resolve }
}

const idsOf = (space: Space): string[] =>
  space
    .query(Report)
    .rows.map(({ id }) => id)
    .sort()

describe('a space of opened documents', () => {
  test('has what was opened or created here, follows that alone, and goes on so after a restart', async () => {
    const network = new Network()
    const ann = await device(network, 'ann').tab()
    await reports(ann, 4)
    const phone = device(network, 'bob')
    const bob = await phone.tab({ scope: 'opened' })
    await live(bob)
    expect(idsOf(bob)).toEqual([])
    await titled(bob, 'r1', 't1')
    const mine = await bob.create(Report, { title: 'mine' }, { id: 'mine' })
    await mine.created.confirmed
    ;(await ann.open(Report, 'r1')).set({ title: 'changed' })
    ;(await ann.open(Report, 'r2')).set({ title: 'not for bob' })
    await titled(bob, 'r1', 'changed')
    await titled(ann, 'mine', 'mine')
    ;(await ann.open(Report, 'mine')).set({ title: 'yours' })
    await titled(bob, 'mine', 'yours')
    await bob.close()
    ;(await ann.open(Report, 'r1')).set({ title: 'while away' })
    await confirmed(ann)
    const again = await phone.tab({ scope: 'opened' })
    await titled(again, 'r1', 'while away')
    await live(again)
    expect((await again.documents.list()).names).toEqual(['report/mine', 'report/r1'])
  })

  test('gets what the relay had of a document that is made here, or taken in, under the same name', async () => {
    const network = new Network()
    const ann = await device(network, 'ann').tab()
    const theirs = await Promise.all(['r1', 'r2'].map((id) => ann.create(Report, { title: 'theirs' }, { id })))
    await Promise.all(theirs.map((report) => report.created.confirmed))
    const bob = await device(network, 'bob').tab({ scope: 'opened' })
    await live(bob)
    bob.sync.pause()
    await (await bob.create(Report, { title: 'mine' }, { id: 'r1' })).created.saved
    const archived = new Y.Doc({ guid: 'report/r2' })
    archived.getText('notes').insert(0, 'archived')
    await bob.documents.adopt([{ name: 'report/r2', update: Y.encodeStateAsUpdate(archived) }])
    bob.sync.resume()
    for (const { id, doc } of theirs) {
      const here = await bob.open(Report, id)
      const subscribe = (listener: () => void): (() => void) => {
        here.doc.on('update', listener)
        return () => here.doc.off('update', listener)
      }
      await until({ subscribe, get: () => Y.getState(here.doc.store, doc.clientID) }, (clock) => clock > 0)
    }
  })

  test('asks again for a document whose state could not be stored, though changes of it came', async () => {
    const network = new Network()
    const ann = await device(network, 'ann').tab()
    await reports(ann, 1)
    const slow = stateFails('report/r1')
    const bob = await device(network, 'bob').tab({ scope: 'opened', store: slow.open })
    await live(bob)
    const opening = bob.open(Report, 'r1')
    await slow.asked
    const theirs = await ann.open(Report, 'r1')
    theirs.set({ title: 'changed' })
    await slow.changed
    slow.fail()
    await expect(opening).rejects.toMatchObject({ code: 'store/failed' })
    await until(bob.status, ({ phase }) => phase !== 'live')
    bob.sync.retryNow()
    await titled(bob, 'r1', 'changed')
    expect((await bob.open(Report, 'r1')).syncing).toBe(false)
  })

  test('says why a document cannot be had: there is none, there is no connection', async () => {
    const network = new Network()
    const bob = await device(network, 'bob').tab({ scope: 'opened' })
    await live(bob)
    await expect(bob.open(Report, 'none')).rejects.toMatchObject({ code: 'client/not-found' })
    network.kill()
    await until(bob.status, ({ phase }) => phase !== 'live')
    await expect(bob.open(Report, 'none')).rejects.toMatchObject({ code: 'relay/unreachable' })
  })

  test('becomes the whole space, and back, by opening it so', async () => {
    const network = new Network()
    const ann = await device(network, 'ann').tab()
    await reports(ann, 3)
    const phone = device(network, 'bob')
    for (const [scope, count] of [
      ['opened', 0],
      ['space', 3],
      ['opened', 3],
    ] as const) {
      const bob = await phone.tab({ scope })
      await live(bob)
      expect((await bob.documents.list()).names).toHaveLength(count)
      await bob.close()
    }
  })

  test('gets a document through the tab that leads', async () => {
    const network = new Network()
    const ann = await device(network, 'ann').tab()
    await reports(ann, 1)
    const phone = device(network, 'bob')
    const [first, second] = [await phone.tab({ scope: 'opened' }), await phone.tab({ scope: 'opened' })]
    await live(first)
    await live(second)
    expect(second.status.get().role).toBe('follower')
    await titled(second, 'r1', 't1')
    await expect(second.open(Report, 'none')).rejects.toMatchObject({ code: 'client/not-found' })
  })
})

test('[P5] a large document that was compacted while away is got by what is lacking, not by all of it', async () => {
  const network = new Network()
  network.relay = createRelay({
    log: network.log,
    clock: systemClock,
    random: systemRandom,
    limits: { maxRepeatBytes: 500, maxRingItems: 1 },
  })
  const ann = await device(network, 'ann').tab()
  const report = await ann.create(Report, { title: 'large' }, { id: 'large' })
  report.write(() => report.shared.notes.insert(0, 'x'.repeat(5_000)))
  await confirmed(ann)
  const phone = device(network, 'bob')
  const bob = await phone.tab()
  await live(bob)
  await titled(bob, 'large', 'large')
  await live(bob)
  await bob.close()
  report.set({ title: 'larger' })
  await confirmed(ann)
  await network.log.compact('acme', 'report/large')
  const again = await phone.tab()
  await titled(again, 'large', 'larger')
  const store = memoryStore({ database: phone.database })
  const stored = await (await store({ space: 'acme', user: 'bob' })).load(['report/large'])
  const { record, updates } = stored.get('report/large') as NonNullable<ReturnType<typeof stored.get>>
  expect(record.behind).toBe(0)
  expect(Math.min(...updates.map(({ bytes }) => bytes.length))).toBeLessThan(500)
})

test('what the relay turns out to lack is carried', async () => {
  const network = new Network()
  const disk = createMemoryDisk()
  network.start(createMemoryLog({ random: systemRandom, disk }))
  const ann = await device(network, 'ann').tab()
  await reports(ann, 1)
  const report = await ann.open(Report, 'r1')
  // Somebody takes rows out of the log behind the relay's back: nothing but an audit can find that.
  await (await ann.open(Report, 'r1')).set({ title: 'kept' }).confirmed
  network.kill()
  const rows = disk.spaces.get('acme')?.rows
  rows?.splice(rows.length - 1, 1)
  network.start(createMemoryLog({ random: systemRandom, disk }))
  ann.sync.retryNow()
  await live(ann)
  const titles = (): string => {
    const doc = new Y.Doc({ guid: 'log' })
    for (const row of disk.spaces.get('acme')?.rows ?? []) Y.applyUpdate(doc, row.update)
    return JSON.stringify(doc.getArray('$entries').toJSON())
  }
  expect(titles()).not.toContain('kept')
  await expect.poll(titles, { timeout: 25_000, interval: 100 }).toContain('kept')
  report.close()
})

test('[P7] what was erased while a device was away goes from it, however long its database takes to greet the relay', async () => {
  const network = new Network()
  const [ann, bob] = [await device(network, 'ann').tab(), await device(network, 'bob').tab({ faults: { beforeCommit: () => turns(50) } })]
  await reports(ann, 2)
  await expect.poll(() => idsOf(bob)).toEqual(['r1', 'r2'])
  await confirmed(bob)
  bob.sync.pause()
  await network.relay?.purge('acme', 'report/r1', 'operator')
  bob.sync.resume()
  await expect.poll(() => idsOf(bob)).toEqual(['r2'])
  const { documents } = await bob.documents.read(['report/r1', 'report/r2'])
  expect(documents.map(({ name }) => name)).toEqual(['report/r2'])
})

test('[P7] what is erased at the relay goes from the devices, but what it never had is kept and shown', async () => {
  const network = new Network()
  const [ann, bob] = [await device(network, 'ann').tab(), await device(network, 'bob').tab()]
  await reports(ann, 2)
  await expect.poll(() => idsOf(bob)).toEqual(['r1', 'r2'])
  bob.sync.pause()
  const mine = await bob.open(Report, 'r2')
  mine.set({ title: 'only here' })
  await network.relay?.purge('acme', 'report/r1', 'operator')
  await network.relay?.purge('acme', 'report/r2', 'operator')
  await until(ann.status, ({ problem }) => problem?.code === 'relay/purged')
  bob.sync.resume()
  await until(bob.status, ({ problem }) => problem?.code === 'relay/purged')
  await expect.poll(() => idsOf(ann)).toEqual([])
  const kept = async (space: Space) => {
    const { documents } = await space.documents.read(['report/r1', 'report/r2'])
    return documents.map(({ name }) => name)
  }
  await expect.poll(() => kept(ann)).toEqual([])
  expect(await kept(bob)).toEqual(['report/r2'])
  expect((await bob.sync.pending()).map(({ name, problem }) => [name, problem])).toEqual([['report/r2', 'relay/purged']])
})

test('[P6] a relay with much to do is shown as such; what is written meanwhile is held here, and sent once that is over', async () => {
  const gate = Promise.withResolvers<void>()
  const network = new Network()
  network.log = createMemoryLog({ random: systemRandom, beforeCommit: () => gate.promise })
  // However little waits is so much that it is held for as long as may be.
  const limits = { slowBytes: 1, slowHoldMs: wireLimits.maxHoldMs }
  const relay = createRelay({ log: network.log, clock: systemClock, random: systemRandom, limits })
  network.relay = relay
  let release = (): void => undefined
  const clock: Clock = {
    ...systemClock,
    schedule: (delayMs, run) => {
      if (delayMs !== wireLimits.maxHoldMs) return systemClock.schedule(delayMs, run)
      release = run
      return () => undefined
    },
  }
  const ann = await device(network, 'ann').tab({ clock })
  await live(ann)
  const create = (id: string) => ann.create(Report, { title: id }, { id })
  const one = await create('r1')
  while (relay.figures.queuedUpdates === 0) await turns(1)
  const two = await create('r2')
  const { holdUntilMs } = await until(ann.status, (status) => status.holdUntilMs !== null)
  expect((holdUntilMs as number) - Date.now()).toBeLessThanOrEqual(wireLimits.maxHoldMs)
  const three = await create('r3')
  await three.created.saved
  gate.resolve()
  await Promise.all([one.created.confirmed, two.created.confirmed])
  await turns(20)
  expect([await network.log.load('acme', 'report/r3'), (await ann.sync.pending()).map(({ id }) => id)]).toEqual([null, ['r3']])
  expect(ann.status.get()).toMatchObject({ phase: 'live', problem: null })
  release()
  await three.created.confirmed
  expect(ann.status.get().holdUntilMs).toBeNull()
})
