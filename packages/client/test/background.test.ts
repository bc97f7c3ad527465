import { setTimeout as wait } from 'node:timers/promises'
import { type Clock, systemClock, systemRandom } from '@tidemark/base'
import { type LocalStore, memoryStore, type OpenStore } from '@tidemark/store'
import { expect, test } from 'vitest'
import * as Y from 'yjs'
import { Background, backgroundLimits } from '../src/background.ts'
import { Compactor } from '../src/compactor.ts'
import { Documents } from '../src/documents.ts'
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

test('[P5] rows that are behind are projected in slices: those on the screen first, then those that changed last', async () => {
  let nowMs = 1_000
  const clock: Clock = { ...systemClock, now: () => nowMs }
  const store = await memoryStore({ clock })({ space: 'acme', user: 'ann' })
  const names = Array.from({ length: 60 }, (_, i) => `report/n${String(i).padStart(2, '0')}`)
  for (const [i, name] of names.entries()) {
    nowMs = 1_000 + i
    const doc = new Y.Doc({ guid: name })
    Report.initialise(doc, { title: name }, { user: 'bob' })
    await store.commit({ updates: [{ name, writer: 'w', n: i + 1, bytes: Y.encodeStateAsUpdate(doc), origin: 'remote' }] })
  }
  const projected: string[] = []
  const slices: number[] = []
  const done = Promise.withResolvers<void>()
  const onScreen = ['report/n00', 'report/n07', 'report/none']
  const documents = new Documents({
    store,
    clock,
    random: systemRandom,
    save: () => Promise.reject(new Error('unused')),
    project: () => null,
  })
  const compactor = new Compactor({ store, locks: { hold: (_name, held) => void held() }, lock: 'l', hasRelay: true, idle: async () => {} })
  const background = new Background({
    store,
    clock,
    documents,
    compactor,
    onScreen: () => onScreen,
    project: (name, doc) => ({ type: 'report', id: name.slice(7), value: Report.row(doc) as never }),
    refreshed: (rows) => {
      slices.push(rows.length)
      projected.push(...rows.map(({ row }) => `report/${row.id}`))
      if (projected.length === names.length) done.resolve()
    },
  })
  background.wake(0)
  await done.promise
  background.close()
  const rest = names.filter((name) => !onScreen.includes(name)).toReversed()
  expect(projected).toEqual(['report/n07', 'report/n00', ...rest])
  expect(Math.max(...slices)).toBeLessThanOrEqual(backgroundLimits.slice)
  expect(await store.rowsBehind(99)).toEqual([])
  await store.close()
})

test('[P3] an open document whose projection throws leaves its own row behind, and no other', async () => {
  const clock = systemClock
  const store = await memoryStore()({ space: 'acme', user: 'ann' })
  for (const [i, id] of ['sound', 'broken'].entries()) {
    const doc = new Y.Doc({ guid: `report/${id}` })
    Report.initialise(doc, { title: id }, { user: 'bob' })
    const bytes = Y.encodeStateAsUpdate(doc)
    await store.commit({ updates: [{ name: `report/${id}`, writer: 'w', n: i + 1, bytes, origin: 'remote' }] })
  }
  const project = (): never => {
    throw new Error('injected')
  }
  const documents = new Documents({ store, clock, random: systemRandom, save: () => Promise.reject(new Error('unused')), project })
  await documents.open('report/broken')
  const compactor = new Compactor({ store, locks: { hold: (_name, held) => void held() }, lock: 'l', hasRelay: true, idle: async () => {} })
  const refreshed = Promise.withResolvers<void>()
  const background = new Background({
    store,
    clock,
    documents,
    compactor,
    onScreen: () => [],
    project: (name, doc) => ({ type: 'report', id: name.slice(7), value: Report.row(doc) as never }),
    refreshed: (rows) => rows.some(({ row }) => row.id === 'sound') && refreshed.resolve(),
  })
  background.wake(0)
  await refreshed.promise
  background.close()
  expect(await store.rowsBehind(9)).toEqual(['report/broken'])
  await store.close()
})

test('[P3] a document whose projection threw is projected again once it changes', async () => {
  const store = await memoryStore()({ space: 'acme', user: 'ann' })
  const doc = new Y.Doc({ guid: 'report/a' })
  Report.initialise(doc, { title: 'Roof' }, { user: 'bob' })
  await store.commit({ updates: [{ name: 'report/a', writer: 'w', n: 1, bytes: Y.encodeStateAsUpdate(doc), origin: 'remote' }] })
  const documents = new Documents({
    store,
    clock: systemClock,
    random: systemRandom,
    save: () => Promise.reject(new Error('unused')),
    project: () => null,
  })
  const compactor = new Compactor({ store, locks: { hold: (_name, held) => void held() }, lock: 'l', hasRelay: true, idle: async () => {} })
  const [threw, refreshed] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  let isBroken = true
  const background = new Background({
    store,
    clock: systemClock,
    documents,
    compactor,
    onScreen: () => [],
    project: (_name, changed) => {
      if (isBroken) {
        threw.resolve()
        throw new Error('injected')
      }
      return { type: 'report', id: 'a', value: Report.row(changed) as never }
    },
    refreshed: (rows) => rows.length > 0 && refreshed.resolve(),
  })
  background.wake(0)
  await threw.promise
  isBroken = false
  await store.commit({ docs: [{ name: 'report/a', lastSeq: 2 }] })
  background.changed(['report/a'])
  await refreshed.promise
  background.close()
  expect(await store.rowsBehind(9)).toEqual([])
  await store.close()
})
