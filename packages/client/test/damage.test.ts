import { createMemoryDatabase, memoryStore, type StoredUpdate } from '@tidemark/store'
import { expect, test } from 'vitest'
import * as Y from 'yjs'
import { openSpace } from '../src/index.ts'
import { confirmed, Device, Network, Report, until } from './world.ts'

/** Yjs throws at the end of the transaction that applies it, and the document never tells of a change again. */
const wedging = Uint8Array.from([0x01, 0x01, 0x05, 0x05, 0x00, 0x01, 0x01, 0x01, 0x74, 0x00, 0x00])
const cutOff = Uint8Array.from([0x01, 0x05, 0x03])

const bytesOf = (title: string): Uint8Array => {
  const doc = new Y.Doc({ guid: 'report/a' })
  Report.initialise(doc, { title }, { user: 'ann' })
  return Y.encodeStateAsUpdate(doc)
}

const remote = (n: number, bytes: Uint8Array): StoredUpdate => ({ name: 'report/a', writer: 'x', n, bytes, origin: 'remote' })

test.each([
  ['an update that is cut off', cutOff],
  ['an update that would disable its document', wedging],
])('[P1] [P6] %s is quarantined with its bytes, the rest of the document opens, is listed and can be edited', async (_, bad) => {
  const database = createMemoryDatabase()
  const store = memoryStore({ database })
  const filled = await store({ space: 'acme', user: 'ann' })
  await filled.commit({ updates: [remote(1, bytesOf('Roof')), remote(2, bad)] })
  const space = await openSpace({ name: 'acme', user: { id: 'ann' }, entities: [Report], store })
  const report = await space.open(Report, 'a')
  expect(report.value.title).toBe('Roof')
  const query = space.query(Report)
  await until(query, (rows) => rows.length === 1)
  await report.set({ title: 'Roof, north' }).saved
  await until(query, (rows) => rows[0]?.value.title === 'Roof, north')
  expect(await filled.quarantined()).toMatchObject([{ name: 'report/a', part: { writer: 'x', n: 2 }, bytes: bad }])
  expect(await filled.behind(9)).toEqual(['report/a'])
  expect(space.status.get().storage.quarantined).toBe(1)
  await space.close()
})

test('[P1] a damaged document that nobody opens is quarantined when its row is projected', async () => {
  const database = createMemoryDatabase()
  const store = memoryStore({ database })
  const filled = await store({ space: 'acme', user: 'ann' })
  await filled.commit({ updates: [remote(1, bytesOf('Roof')), remote(2, cutOff)] })
  const space = await openSpace({ name: 'acme', user: { id: 'ann' }, entities: [Report], store })
  const query = space.query(Report)
  await until(query, (rows) => rows[0]?.value.title === 'Roof')
  expect(await filled.quarantined()).toHaveLength(1)
  await space.close()
})

test('[P1] a damaged snapshot leaves what came after it, and the document is behind', async () => {
  const database = createMemoryDatabase()
  const store = memoryStore({ database })
  const filled = await store({ space: 'acme', user: 'ann' })
  await filled.commit({
    updates: [remote(1, bytesOf('Roof'))],
    snapshots: [{ name: 'report/a', bytes: cutOff, format: 'v2', follows: 0, replaces: [] }],
  })
  const space = await openSpace({ name: 'acme', user: { id: 'ann' }, entities: [Report], store })
  expect((await space.open(Report, 'a')).value.title).toBe('Roof')
  expect(await filled.behind(9)).toEqual(['report/a'])
  await space.close()
})

test('[P1] an app whose update listener throws stops neither saving nor syncing, where Yjs would disable the document', async () => {
  const database = createMemoryDatabase()
  const store = memoryStore({ database })
  const space = await openSpace({ name: 'acme', user: { id: 'ann' }, entities: [Report], store })
  const report = await space.create(Report, { title: 'Roof' })
  report.doc.on('update', () => {
    throw new Error('from the app')
  })
  report.shared.notes.insert(0, 'first')
  report.shared.notes.insert(0, 'second')
  await until(space.status, ({ saving }) => !saving)
  await space.close()
  const again = await openSpace({ name: 'acme', user: { id: 'ann' }, entities: [Report], store })
  expect((await again.open(Report, report.id)).shared.notes.toString()).toBe('secondfirst')
  await again.close()
})

test.each([
  ['to be pushed', false],
  ['to be carried', true],
])('[P1] a document %s that is damaged holds back no other, and what is left of it is sent', async (_, carry) => {
  const network = new Network()
  const device = new Device(network, 'ann')
  const filled = await memoryStore({ database: device.database })({ space: 'acme', user: 'ann' })
  const local = (n: number, bytes: Uint8Array): StoredUpdate => ({ ...remote(n, bytes), origin: 'local' })
  await filled.commit({
    updates: [local(1, bytesOf('Roof')), local(2, cutOff)],
    rows: [{ type: 'report', id: 'a', name: 'report/a', reflects: 0, value: { title: 'Roof' } }],
    docs: [{ name: 'report/a', carry }],
  })
  const ann = await device.tab()
  const wall = await ann.create(Report, { title: 'Wall' })
  await wall.created.confirmed
  await confirmed(ann)
  const bob = await new Device(network, 'bob').tab()
  const query = bob.query(Report)
  await until(query, (rows) => rows.length === 2)
  expect(query.rows.map(({ value }) => value.title).sort()).toEqual(['Roof', 'Wall'])
  expect(await filled.quarantined()).toMatchObject([{ name: 'report/a', part: { writer: 'x', n: 2 }, bytes: cutOff }])
  await bob.close()
  await ann.close()
})

test('[P3] a document that was only announced does not open as an empty one', async () => {
  const database = createMemoryDatabase()
  const store = memoryStore({ database })
  const filled = await store({ space: 'acme', user: 'ann' })
  await filled.commit({ docs: [{ name: 'report/a', behind: 7 }] })
  const space = await openSpace({ name: 'acme', user: { id: 'ann' }, entities: [Report], store })
  await expect(space.open(Report, 'a')).rejects.toMatchObject({ code: 'client/not-found' })
  await filled.commit({ updates: [remote(1, bytesOf('Roof'))] })
  expect((await space.open(Report, 'a')).value.title).toBe('Roof')
  await space.close()
})
