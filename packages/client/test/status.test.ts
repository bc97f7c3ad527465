import { setTimeout as wait } from 'node:timers/promises'
import { systemClock, systemRandom, TidemarkError } from '@tidemark/base'
import { defaultRelayLimits } from '@tidemark/protocol'
import { createMemoryLog, createRelay } from '@tidemark/relay'
import { type MemoryFaults, memoryStore, type OpenStore } from '@tidemark/store'
import { afterEach, expect, test } from 'vitest'
import { openSpace, type Space } from '../src/index.ts'
import { Device, live, Network, Report, until } from './world.ts'

const closing: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

const closed = (space: Space): Space => {
  closing.push(() => space.close())
  return space
}

/** A database that takes a while to count what is pending, as browsers' do. */
const slowToCount: OpenStore = async (where) => {
  const store = await memoryStore()(where)
  const pendingTotals = async (): ReturnType<typeof store.pendingTotals> => {
    const totals = await store.pendingTotals()
    await wait(20)
    return totals
  }
  return new Proxy(store, {
    get: (target, key) => {
      if (key === 'pendingTotals') return pendingTotals
      const value: unknown = Reflect.get(target, key, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

test('[P6] a write counts as pending from the moment it is saved, also before the database has counted', async () => {
  const space = closed(await openSpace({ name: 'acme', user: { id: 'ann' }, entities: [Report], store: slowToCount, paused: true }))
  const untrue: string[] = []
  let isWritten = false
  space.status.subscribe(() => {
    const { saving, pending } = space.status.get()
    if (isWritten && !saving && pending.documents === 0) untrue.push('saved and nothing pending')
  })
  const report = await space.create(Report, { title: 'Roof' })
  isWritten = true
  report.set({ title: 'Roof, north' })
  await until(space.status, (status) => !status.saving)
  expect(space.status.get().pending.documents).toBe(1)
  await wait(60)
  expect(space.status.get().pending.documents).toBe(1)
  expect(untrue).toEqual([])
})

test('[P6] trying again while the database refuses keeps the refusal in view and reports nothing as uncaught', async () => {
  const network = new Network()
  const announced = { ...defaultRelayLimits, maxUpdateBytes: 2_000 }
  network.relay = createRelay({ log: network.log, clock: systemClock, random: systemRandom, limits: { announced } })
  const uncaught: unknown[] = []
  const scope = globalThis as { reportError?: (error: unknown) => void }
  scope.reportError = (error) => uncaught.push(error)
  closing.push(async () => void delete scope.reportError)
  let isFull = false
  const faults: MemoryFaults = {
    beforeCommit: () => {
      if (isFull) throw new TidemarkError('store/full', 'no room')
    },
  }
  const space = closed(await new Device(network, 'ann').tab({ faults }))
  const large = await space.create(Report, { title: 'Large', notes: 'x'.repeat(5_000) })
  await expect(large.created.confirmed).rejects.toMatchObject({ code: 'relay/too-large' })
  isFull = true
  space.sync.retryNow()
  await until(space.status, (status) => status.storage.problem !== null)
  await wait(20)
  expect(space.status.get().problem?.code).toBe('relay/too-large')
  expect(uncaught).toEqual([])
})

test('[P2] what a device may not carry back to a restored relay stays marked, and is carried once it may', async () => {
  const network = new Network()
  const ann = closed(await new Device(network, 'ann').tab())
  const report = await ann.create(Report, { title: 'Roof' })
  await report.created.confirmed
  network.kill()
  const log = createMemoryLog({ random: systemRandom })
  let access: 'read' | 'write' = 'read'
  network.log = log
  network.relay = createRelay({
    log,
    clock: systemClock,
    random: systemRandom,
    authorize: () => ({ principal: 'ann', grants: [{ prefix: '', access }], expiresAtMs: null }),
  })
  ann.sync.retryNow()
  await until(ann.status, (status) => status.problem?.code === 'relay/forbidden')
  access = 'write'
  network.cut()
  await wait(50)
  ann.sync.retryNow()
  await live(ann)
  const bob = closed(await new Device(network, 'bob').tab())
  const query = bob.query(Report)
  await until(query, (rows) => rows.length === 1)
  expect(query.rows[0]?.value.title).toBe('Roof')
})
