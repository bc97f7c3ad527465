import { setTimeout as wait } from 'node:timers/promises'
import { type LocalStore, memoryStore, type OpenStore } from '@tidemark/store'
import { expect, test } from 'vitest'
import { openSpace } from '../src/index.ts'
import { Device, Network, Report, until } from './world.ts'

type Methods = { readonly [K in 'load' | 'rowsBehind']?: (method: LocalStore[K]) => LocalStore[K] }

/** A memory store of which some methods are wrapped. */
const storeWith =
  (wrappers: Methods): OpenStore =>
  async (where) => {
    const store = await memoryStore()(where)
    const load = wrappers.load?.(store.load.bind(store))
    const rowsBehind = wrappers.rowsBehind?.(store.rowsBehind.bind(store))
    return new Proxy(store, {
      get: (target, key) => {
        if (key === 'load' && load !== undefined) return load
        if (key === 'rowsBehind' && rowsBehind !== undefined) return rowsBehind
        const value: unknown = Reflect.get(target, key, target)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
  }

test('[P3] the row of a document that is closed while rows are refreshed goes on following the feed', async () => {
  const network = new Network()
  const ann = await new Device(network, 'ann').tab()
  const report = await ann.create(Report, { title: 'Roof' })
  await report.created.confirmed
  let refreshing = (): void => undefined
  const slowToRead = storeWith({
    load: (load) => async (names) => {
      if (names.length === 0) refreshing()
      await wait(20)
      return await load(names)
    },
  })
  const device = new Device(network, 'bob')
  const platform = device.platform()
  const relay = { url: 'ws://relay.test' }
  const bob = await openSpace({ name: 'acme', user: { id: 'bob' }, entities: [Report], store: slowToRead, relay, platform })
  const query = bob.query(Report)
  await until(query, (rows) => rows.length === 1)
  const open = await bob.open(Report, report.id)
  const refresh = new Promise<void>((resolve) => {
    refreshing = resolve
  })
  report.set({ title: 'Roof, north' })
  await refresh
  open.close()
  await wait(60)
  report.set({ title: 'Roof, south' })
  await until(query, (rows) => rows[0]?.value.title === 'Roof, south')
  expect(query.rows).toHaveLength(1)
  await bob.close()
  await ann.close()
})

test('[P5] a document that is open is not read back from the database while others write on in it', async () => {
  const network = new Network()
  const ann = await new Device(network, 'ann').tab()
  const report = await ann.create(Report, { title: '0' })
  await report.created.confirmed
  let loaded = 0
  let rounds = 0
  let nextChange = async (): Promise<void> => undefined
  const store = storeWith({
    load: (load) => (names) => {
      loaded += names.length
      return load(names)
    },
    // In each round the row is behind again, by a change that came since the last.
    rowsBehind: (rowsBehind) => async (limit) => {
      await nextChange()
      return rowsBehind(limit)
    },
  })
  const platform = new Device(network, 'bob').platform()
  const bob = await openSpace({ name: 'acme', user: { id: 'bob' }, entities: [Report], store, relay: { url: 'ws://relay.test' }, platform })
  const query = bob.query(Report)
  await until(query, (rows) => rows.length === 1)
  const open = await bob.open(Report, report.id)
  const before = loaded
  await new Promise<void>((resolve) => {
    nextChange = async () => {
      if (rounds === 6) return resolve()
      const title = String(++rounds)
      report.set({ title })
      await until(open, (value) => value.title === title)
    }
    report.set({ title: 'begins' })
  })
  expect(loaded - before).toBe(0)
  await bob.close()
  await ann.close()
})
