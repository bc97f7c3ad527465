import { setTimeout as wait } from 'node:timers/promises'
import { memoryStore, type OpenStore } from '@tidemark/store'
import { expect, test } from 'vitest'
import { openSpace } from '../src/index.ts'
import { Device, Network, Report, until } from './world.ts'

test('[P3] the row of a document that is closed while rows are refreshed goes on following the feed', async () => {
  const network = new Network()
  const ann = await new Device(network, 'ann').tab()
  const report = await ann.create(Report, { title: 'Roof' })
  await report.created.confirmed
  let refreshing = (): void => undefined
  const slowToRead: OpenStore = async (where) => {
    const store = await memoryStore()(where)
    const load = async (names: readonly string[]): ReturnType<typeof store.load> => {
      if (names.length === 0) refreshing()
      await wait(20)
      return await store.load(names)
    }
    return new Proxy(store, {
      get: (target, key) => {
        if (key === 'load') return load
        const value: unknown = Reflect.get(target, key, target)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
  }
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
