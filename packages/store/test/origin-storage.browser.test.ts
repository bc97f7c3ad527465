/** Eviction, persistence and estimate, in a real browser. */
import { randomId, systemRandom } from '@tidemark/base'
import { expect, onTestFinished, test } from 'vitest'
import { databaseNameOf } from '../src/idb-layout.ts'
import { deleteLocalData, indexedDbStore } from '../src/indexeddb-store.ts'
import type { LocalStore } from '../src/local-store.ts'
import type { EvictionMarker } from '../src/origin-storage.ts'
import type { StoreStatus } from '../src/stored.ts'
import { local } from './contract/harness.ts'
import { patch } from './idb-faults.ts'

const where = { space: 'space', user: 'user' }

/** The status once `test` holds for it. */
const shown = (store: LocalStore, test: (status: StoreStatus) => boolean): Promise<StoreStatus> =>
  new Promise((resolve) => {
    const look = (): void => {
      if (test(store.status.get())) resolve(store.status.get())
    }
    onTestFinished(store.status.subscribe(look))
    look()
  })

/** What a browser does under pressure, or a person who clears the site's data but for the cookies. */
const evict = (databaseName: string): Promise<void> =>
  new Promise((resolve) => {
    const request = indexedDB.deleteDatabase(databaseNameOf(databaseName, where.space, where.user))
    request.onsuccess = () => resolve()
  })

const newName = (): string => `test-${randomId(systemRandom)}`

const settled = (store: LocalStore): Promise<StoreStatus> => shown(store, ({ estimate }) => estimate !== null)

test('[P6] a database that the browser evicted is noticed at the next start, and in the tab that was open', async () => {
  const databaseName = newName()
  const first = await indexedDbStore({ databaseName })(where)
  await settled(first)
  expect(first.status.get().evicted).toBe('no')
  expect(document.cookie).not.toContain(databaseName)
  await evict(databaseName)
  await first.commit({ updates: [local('a', 'w', 1)] })
  await shown(first, ({ evicted }) => evicted === 'yes')
  await first.close()
  await evict(databaseName)
  const second = await indexedDbStore({ databaseName })(where)
  await shown(second, ({ evicted }) => evicted === 'yes')
  await second.close()
  const third = await indexedDbStore({ databaseName })(where)
  await settled(third)
  expect(third.status.get().evicted).toBe('no')
  await third.close()
})

test('[P6] what was deleted on purpose was not evicted', async () => {
  const databaseName = newName()
  await (await indexedDbStore({ databaseName })(where)).close()
  await deleteLocalData({ ...where, databaseName })
  const again = await indexedDbStore({ databaseName })(where)
  await settled(again)
  expect(again.status.get().evicted).toBe('no')
  await again.close()
})

test('[P6] without a marker it says that it cannot know, and a marker that fails harms nothing', async () => {
  const failing: EvictionMarker = {
    has: () => Promise.reject(new Error('no')),
    set: () => Promise.reject(new Error('no')),
    clear: () => undefined,
  }
  for (const marker of [null, failing]) {
    const databaseName = newName()
    const store = await indexedDbStore({ databaseName, marker })(where)
    await settled(store)
    expect(store.status.get().evicted).toBe('unknown')
    await store.close()
    const again = await indexedDbStore({ databaseName, marker })(where)
    await settled(again)
    expect(again.status.get().evicted).toBe('no')
    await again.close()
  }
})

test("[P6] an app's own marker is asked by a word that tells no name", async () => {
  const marks = new Set<string>()
  const marker: EvictionMarker = {
    has: (name) => marks.has(name),
    set: (name) => void marks.add(name),
    clear: (name) => void marks.delete(name),
  }
  const databaseName = newName()
  const first = await indexedDbStore({ databaseName, marker })(where)
  await settled(first)
  await first.close()
  expect([...marks].join()).toMatch(/^[0-9a-z]{8,14}$/)
  await evict(databaseName)
  const store = await indexedDbStore({ databaseName, marker })(where)
  await shown(store, ({ evicted }) => evicted === 'yes')
  await settled(store)
  await store.close()
})

test('asks to be kept unless told not to, and shows the answer with the estimate', async () => {
  let asked = 0
  patch(StorageManager.prototype, 'persisted', () => async () => asked > 0)
  patch(StorageManager.prototype, 'persist', () => async () => ++asked > 0)
  const discreet = await indexedDbStore({ databaseName: newName(), persist: false })(where)
  expect((await settled(discreet)).estimate?.persisted).toBe(false)
  const store = await indexedDbStore({ databaseName: newName() })(where)
  const { estimate } = await settled(store)
  expect(asked).toBe(1)
  expect(estimate?.persisted).toBe(true)
  expect(estimate?.quotaBytes).toBeGreaterThan(1e6)
  expect(estimate?.usageBytes).toBeGreaterThanOrEqual(0)
  await Promise.all([store.close(), discreet.close()])
})

test('a browser that does not answer leaves it unknown, and stores all the same', async () => {
  const refuse = () => () => Promise.reject(new TypeError('not here'))
  patch(StorageManager.prototype, 'persisted', refuse)
  patch(StorageManager.prototype, 'persist', refuse)
  patch(StorageManager.prototype, 'estimate', refuse)
  const store = await indexedDbStore({ databaseName: newName() })(where)
  expect((await settled(store)).estimate).toEqual({ persisted: null, usageBytes: null, quotaBytes: null })
  await store.commit({ updates: [local('a', 'w', 1)] })
  await store.close()
})

test('a full disk brings the estimate up to date', async () => {
  const store = await indexedDbStore({ databaseName: newName() })(where)
  await settled(store)
  patch(StorageManager.prototype, 'estimate', () => async () => ({ usage: 99, quota: 100 }))
  patch(IDBObjectStore.prototype, 'put', () => () => {
    throw new DOMException('injected', 'QuotaExceededError')
  })
  await store.commit({ updates: [local('a', 'w', 1)] }).catch(() => undefined)
  await shown(store, ({ estimate }) => estimate?.usageBytes === 99)
  await store.close()
})
