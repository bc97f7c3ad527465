/** Records of the raw database that are not what they should be, and databases of older builds. */
import { randomId, systemRandom } from '@tidemark/base'
import { expect, onTestFinished, test } from 'vitest'
import { databaseNameOf, layoutVersion } from '../src/idb-layout.ts'
import { indexedDbStore } from '../src/indexeddb-store.ts'
import type { LocalStore } from '../src/local-store.ts'
import { local, numbers, pendingOf, remote } from './contract/harness.ts'

const where = { space: 'space', user: 'user' }

const done = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })

interface Opened {
  readonly store: LocalStore
  readonly fullName: string
}

async function openStore(databaseName = `test-${randomId(systemRandom)}`): Promise<Opened> {
  const store = await indexedDbStore({ databaseName })(where)
  onTestFinished(() => store.close())
  return { store, fullName: databaseNameOf(databaseName, where.space, where.user) }
}

/** Writes into the database behind the store's back, as a failing disk or another program would. */
async function tamper(
  fullName: string,
  objectStore: string,
  key: IDBValidKey,
  change: (value: Record<string, unknown>) => unknown,
): Promise<void> {
  const database = await done(indexedDB.open(fullName))
  const transaction = database.transaction(objectStore, 'readwrite')
  const records = transaction.objectStore(objectStore)
  records.put(change((await done(records.get(key))) as Record<string, unknown>))
  await new Promise<void>((resolve) => {
    transaction.oncomplete = () => resolve()
  })
  database.close()
}

const quarantinedIn = (store: LocalStore): Promise<number> =>
  new Promise((resolve) => {
    const look = (): void => {
      if (store.status.get().quarantined > 0) resolve(store.status.get().quarantined)
    }
    onTestFinished(store.status.subscribe(look))
    look()
  })

const two = { updates: [local('a', 'w', 1), local('a', 'w', 2), remote('b', 'w', 3)], docs: [{ name: 'a', lastSeq: 4 }] }

test('[6] [7] an update without bytes is left out and quarantined; its document and the others open', async () => {
  const { store, fullName } = await openStore()
  await store.commit(two)
  await tamper(fullName, 'updates', ['a', 'w', 1], (update) => ({ ...update, bytes: 'scrambled' }))
  const documents = await store.load(['a', 'b'])
  expect(numbers(documents.get('a'))).toBe('w2')
  expect(numbers(documents.get('b'))).toBe('w3')
  expect(await quarantinedIn(store)).toBe(1)
  const [kept] = await store.quarantined()
  expect(kept).toMatchObject({ name: 'a', part: { writer: 'w', n: 1 }, reason: 'an update has no bytes' })
  expect(new TextDecoder().decode(kept?.bytes)).toContain('scrambled')
  expect(await store.behind(9)).toEqual(['a'])
  expect(await pendingOf(store)).toBe('a:w2')
})

test('[6] [7] a damaged snapshot and a damaged row are left out, and marked to be had again', async () => {
  const { store, fullName } = await openStore()
  await store.commit({
    updates: [remote('note/a', 'w', 1)],
    snapshots: [{ name: 'note/a', bytes: new Uint8Array([7]), format: 'v1', follows: 0, replaces: [] }],
    rows: [{ type: 'note', id: 'a', value: 1, name: 'note/a', reflects: 0 }],
  })
  await tamper(fullName, 'snapshots', 'note/a', () => ({ name: 'note/a' }))
  await tamper(fullName, 'rows', ['note', 'a'], () => ({ type: 'note', id: 'a' }))
  expect((await store.load(['note/a'])).get('note/a')).toMatchObject({ snapshot: null, updates: [{ n: 1 }] })
  expect(await store.rows('note')).toEqual([])
  await expect.poll(() => store.status.get().quarantined).toBe(2)
  expect(await store.behind(9)).toEqual(['note/a'])
  expect(await store.rowsBehind(9)).toEqual(['note/a'])
})

test.each([
  ['read', (store: LocalStore) => store.load(['a'])],
  ['written', (store: LocalStore) => store.commit({ updates: [remote('a', 'x', 9)] })],
  ['listed as pending', (store: LocalStore) => store.pending(9)],
])('[2] [7] a record that was scrambled is made anew when it is %s: every local update counts as pending', async (_, touch) => {
  const { store, fullName } = await openStore()
  await store.commit(two)
  await store.commit({ acknowledged: [{ name: 'a', writer: 'w', upTo: 1, seq: 4 }] })
  await tamper(fullName, 'docs', 'a', (record) => ({ ...record, pending: { w: { from: 'x' } }, revision: 'many' }))
  await touch(store)
  expect(await quarantinedIn(store)).toBe(1)
  expect(await pendingOf(store)).toBe('a:w1,w2')
  expect((await store.load(['a'])).get('a')?.record).toMatchObject({ lastSeq: 4, behind: 4 })
  expect((await store.quarantined())[0]).toMatchObject({ name: 'a', part: 'record' })
})

test('a database of layout 1 is brought to this one, with its marks, cursor and content', async () => {
  const databaseName = `test-${randomId(systemRandom)}`
  const fullName = databaseNameOf(databaseName, where.space, where.user)
  const request = indexedDB.open(fullName, 1)
  request.onupgradeneeded = () => {
    const docs = request.result.createObjectStore('docs', { keyPath: 'name' })
    docs.createIndex('pending', 'pendingSinceMs')
    docs.createIndex('behind', 'behindMark')
    docs.createIndex('carry', 'carryMark')
    docs.createIndex('lastSeq', 'lastSeq')
    const stores = { updates: ['name', 'writer', 'n'], snapshots: 'name', rows: ['type', 'id'], state: 'key' }
    for (const [name, keyPath] of Object.entries(stores)) request.result.createObjectStore(name, { keyPath })
    const at = (name: string): IDBObjectStore => (request.transaction as IDBTransaction).objectStore(name)
    const record = { rowRevision: 1, snapshotRevision: 1, lastSeq: 3, carry: false, problem: null }
    at('docs').put({ ...record, name: 'a', revision: 2, pending: { w: { from: 2, to: 2 } }, pendingSinceMs: 5, behindMark: 1 })
    at('docs').put({ ...record, name: 'b', revision: 1, pending: {}, pendingSinceMs: null, carry: true, carryMark: 1 })
    at('updates').put(local('a', 'w', 2))
    at('snapshots').put({ name: 'a', bytes: new Uint8Array([7]) })
    at('rows').put({ type: 'note', id: 'a', value: 'row' })
    at('state').put({ key: 'cursor', value: { seq: 3 } })
    at('state').put({ key: 'value/replica', value: 'r' })
  }
  ;(await done(request)).close()
  const { store } = await openStore(databaseName)
  expect((await store.load(['a'])).get('a')).toMatchObject({ snapshot: { bytes: new Uint8Array([7]), format: 'v1' }, updates: [{ n: 2 }] })
  expect(await pendingOf(store)).toBe('a:w2')
  expect(await store.rowsBehind(9)).toEqual(['a'])
  expect(await store.carrying(9)).toEqual(['b'])
  expect(await store.rows('note')).toEqual([{ type: 'note', id: 'a', value: 'row' }])
  expect(await store.state()).toEqual({ cursor: { seq: 3 }, values: { replica: 'r' } })
  await store.commit({ cursor: { follows: { seq: 3 }, next: { seq: 4 } }, acknowledged: [{ name: 'a', writer: 'w', upTo: 2, seq: 4 }] })
  expect(await store.pendingTotals()).toEqual({ documents: 1, bytes: 0, sinceMs: null, refused: 0 })
  const database = await done(indexedDB.open(fullName))
  expect(database.version).toBe(layoutVersion)
  database.close()
})
