import { randomId, systemRandom } from '@tidemark/base'
import { describe, expect, onTestFinished, test } from 'vitest'
import { openDatabase } from '../src/idb-connection.ts'
import { databaseNameOf, layoutVersion } from '../src/idb-layout.ts'
import { deleteLocalData, indexedDbStore } from '../src/indexeddb-store.ts'
import type { LocalStore } from '../src/local-store.ts'
import { local, numbers, pendingOf, rejection } from './contract/harness.ts'
import { beforeEachWrite, patch, quotaExceeded, watchHandles } from './idb-faults.ts'
import { localStoreContract, type StoreHarness } from './local-store.contract.ts'

const newDatabaseName = (): string => `test-${randomId(systemRandom)}`

function indexedDbHarness(): StoreHarness {
  const databaseName = newDatabaseName()
  return {
    open: ({ clock, ...where }) => indexedDbStore({ databaseName, clock })(where),
    failWrite(number, code) {
      let writes = 0
      const fault = { hit: false, lift: () => restore() }
      const restore = beforeEachWrite(() => {
        if (++writes !== number) return
        fault.hit = true
        throw code === 'store/full' ? quotaExceeded() : new DOMException('injected', 'UnknownError')
      })
      return fault
    },
  }
}

localStoreContract('indexeddb', indexedDbHarness, { runs: 12 })
localStoreContract('indexeddb strict', () => ({ ...indexedDbHarness(), open: strictly(newDatabaseName()) }), { runs: 3 })

function strictly(databaseName: string): StoreHarness['open'] {
  return ({ clock, ...where }) => indexedDbStore({ databaseName, clock, durability: 'strict' })(where)
}

const where = { space: 'space', user: 'user' }

interface Opened {
  readonly store: LocalStore
  readonly databaseName: string
  /** Name of the database in IndexedDB. */
  readonly fullName: string
}

async function openStore(databaseName = newDatabaseName()): Promise<Opened> {
  const store = await indexedDbStore({ databaseName })(where)
  onTestFinished(() => store.close())
  return { store, databaseName, fullName: databaseNameOf(databaseName, where.space, where.user) }
}

const loaded = async (store: LocalStore, name: string) => numbers((await store.load([name])).get(name))

const eventOf = (request: IDBRequest, type: string): Promise<Event> => new Promise((resolve) => request.addEventListener(type, resolve))

/** A connection as foreign code would hold it: it does not let go when another tab asks. */
async function holdOpen(name: string): Promise<IDBDatabase> {
  const request = indexedDB.open(name)
  await eventOf(request, 'success')
  onTestFinished(() => request.result.close())
  return request.result
}

/** A corner of the origin's storage with a quota of its own; Chromium has it, TypeScript's library does not know it. */
interface StorageBuckets {
  open(name: string, options: { readonly quota: number }): Promise<{ readonly indexedDB: IDBFactory }>
  delete(name: string): Promise<void>
}

const buckets = (navigator as unknown as { readonly storageBuckets: StorageBuckets }).storageBuckets

/** What `indexedDB` means in this tab until the test ends. */
function replaceIndexedDb(value: IDBFactory | undefined): void {
  const original = Object.getOwnPropertyDescriptor(globalThis, 'indexedDB') as PropertyDescriptor
  Object.defineProperty(globalThis, 'indexedDB', { value, configurable: true })
  onTestFinished(() => {
    Object.defineProperty(globalThis, 'indexedDB', original)
  })
}

describe('a commit in IndexedDB', () => {
  test('[1] resolves after the complete event of its transaction', async () => {
    const { store } = await openStore()
    const order: string[] = []
    patch(
      IDBDatabase.prototype,
      'transaction',
      (transaction) =>
        function (this: IDBDatabase, ...parameters: Parameters<IDBDatabase['transaction']>) {
          const made = transaction.apply(this, parameters)
          made.addEventListener('complete', () => order.push('complete'))
          return made
        },
    )
    await store.commit({ updates: [local('a', 'w', 1)] }).then(() => order.push('resolved'))
    expect(order).toEqual(['complete', 'resolved'])
  })

  test('[1] rejects when the transaction is undone after every request succeeded', async () => {
    const { store } = await openStore()
    const restoreCommit = patch(IDBTransaction.prototype, 'commit', () => () => undefined)
    let succeeded = 0
    const restorePut = patch(
      IDBObjectStore.prototype,
      'put',
      (put) =>
        function (this: IDBObjectStore, value: unknown) {
          const request = put.call(this, value)
          request.addEventListener('success', () => {
            if (++succeeded === 3) this.transaction.abort()
          })
          return request
        },
    )
    const commit = store.commit({ updates: [local('a', 'w', 1)], cursor: { follows: null, next: 1 } })
    await expect(commit).rejects.toEqual(rejection('store/failed'))
    restorePut()
    restoreCommit()
    expect(succeeded).toBe(3)
    expect((await store.load(['a'])).size).toBe(0)
    expect((await store.state()).cursor).toBeNull()
  })

  test('shares one transaction with those that waited beside it, and the one that does not fit fails alone', async () => {
    const { store } = await openStore()
    const attempts: unknown[] = []
    const transactions = new Set<IDBTransaction>()
    const restore = beforeEachWrite(({ transaction }, value) => {
      const n = (value as { n?: number }).n
      if (n === undefined) return
      attempts.push(n)
      transactions.add(transaction)
      if (n === 3) throw quotaExceeded()
    })
    const commits = [1, 2, 3, 4].map((n) => store.commit({ updates: [local('a', 'w', n)] }))
    const outcomes = await Promise.allSettled(commits)
    restore()
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled'])
    expect(outcomes[2]).toMatchObject({ reason: rejection('store/full') })
    expect(attempts).toEqual([1, 2, 3, 2, 3, 4])
    expect(transactions.size).toBe(5)
    expect(await loaded(store, 'a')).toBe('w1,w2,w4')
  })

  test('of a hundred at once takes two transactions', async () => {
    const { store } = await openStore()
    const transactions = new Set<IDBTransaction>()
    beforeEachWrite(({ transaction }) => transactions.add(transaction))
    await Promise.all(Array.from({ length: 100 }, (_, i) => store.commit({ updates: [local('a', 'w', i + 1)] })))
    expect(transactions.size).toBe(2)
  })

  test.each(['relaxed', 'strict'] as const)('has the durability that was asked for: %s', async (durability) => {
    const store = await indexedDbStore({ databaseName: newDatabaseName(), durability })(where)
    const seen: unknown[] = []
    beforeEachWrite(({ transaction }) => seen.push(transaction.durability))
    await store.commit({ state: { a: 1 } })
    await store.close()
    expect(seen).toEqual([durability])
  })

  test('that the real quota of the browser refuses is store/full, and a smaller one is taken after it', async () => {
    const bucketName = `tiny-${randomId(systemRandom).toLowerCase()}`
    const bucket = await buckets.open(bucketName, { quota: 500_000 })
    onTestFinished(() => buckets.delete(bucketName))
    replaceIndexedDb(bucket.indexedDB)
    const { store } = await openStore()
    await expect(store.commit({ updates: [local('a', 'w', 1, 5_000_000)] })).rejects.toEqual(rejection('store/full'))
    expect((await store.load(['a'])).size).toBe(0)
    await store.commit({ updates: [local('a', 'w', 1, 100)] })
    expect(await loaded(store, 'a')).toBe('w1')
    expect(store.status.get().problem).toBeNull()
  })

  test('says that the device is full, and that it is over', async () => {
    const { store } = await openStore()
    const restore = beforeEachWrite(({ transaction }) => transaction.abort())
    await expect(store.commit({ state: { a: 1 } })).rejects.toEqual(rejection('store/failed'))
    restore()
    const restoreQuota = beforeEachWrite(() => {
      throw quotaExceeded()
    })
    await expect(store.commit({ state: { a: 1 } })).rejects.toEqual(rejection('store/full'))
    expect(store.status.get().problem).toEqual(rejection('store/full'))
    restoreQuota()
    await store.commit({ state: { a: 1 } })
    expect(store.status.get()).toMatchObject({ kind: 'indexeddb', fallback: null, problem: null })
  })
})

describe('a lost connection', () => {
  test('whose handle is dead is opened again by the next commit and the next read', async () => {
    const handles = watchHandles()
    const { store } = await openStore()
    handles[0]?.close()
    await store.commit({ updates: [local('a', 'w', 1)] })
    handles[1]?.close()
    expect(await pendingOf(store)).toBe('a:w1')
    expect(handles).toHaveLength(3)
    expect(store.status.get().problem).toBeNull()
  })

  test('that several uses find dead at once is opened again once', async () => {
    const handles = watchHandles()
    const { store } = await openStore()
    handles[0]?.close()
    await Promise.all([store.load(['a']), store.commit({ state: { a: 1 } }), store.state(), store.rows('note')])
    expect(handles).toHaveLength(2)
  })

  test('is not opened again by a store that is closed meanwhile', async () => {
    const handles = watchHandles()
    const { store } = await openStore()
    handles[0]?.close()
    const commit = store.commit({ state: { a: 1 } })
    await store.close()
    await commit
    expect(handles).toHaveLength(2)
    expect(() => handles[1]?.transaction('docs')).toThrow(expect.objectContaining({ name: 'InvalidStateError' }))
  })

  test('that the browser closed is told, and opened again at the next use', async () => {
    const handles = watchHandles()
    const { store } = await openStore()
    handles[0]?.close()
    handles[0]?.dispatchEvent(new Event('close'))
    expect(store.status.get().problem).toEqual(rejection('store/closed'))
    await store.commit({ updates: [local('a', 'w', 1)] })
    expect(store.status.get().problem).toBeNull()
    expect(await loaded(store, 'a')).toBe('w1')
  })

  test('is given up for another tab that deletes the database, and the next commit makes a new one', async () => {
    const { store, databaseName } = await openStore()
    await store.commit({ updates: [local('a', 'w', 1)] })
    await deleteLocalData({ ...where, databaseName })
    expect(store.status.get().problem).toEqual(rejection('store/closed'))
    await store.commit({ updates: [local('b', 'w', 2)] })
    expect([...(await store.load(['a', 'b'])).keys()]).toEqual(['b'])
    expect(store.status.get().problem).toBeNull()
  })

  test('fails every commit that waited, once the database cannot be opened again, and heals when it can', async () => {
    const handles = watchHandles()
    const { store } = await openStore()
    const restore = patch(IDBFactory.prototype, 'open', () => () => {
      throw new DOMException('injected', 'UnknownError')
    })
    handles[0]?.close()
    const commits = [1, 2, 3].map((n) => store.commit({ updates: [local('a', 'w', n)] }))
    for (const outcome of await Promise.allSettled(commits)) expect(outcome).toMatchObject({ reason: rejection('store/failed') })
    restore()
    await store.commit({ updates: [local('a', 'w', 1)] })
    expect(await loaded(store, 'a')).toBe('w1')
  })
})

describe('another tab', () => {
  test('with an IndexedDB of its own sees what this one stored, whole', async () => {
    const { store, fullName } = await openStore()
    await store.commit({ updates: [local('a', 'w', 1)], state: { replica: 'r' } })
    const frame = document.createElement('iframe')
    document.body.append(frame)
    onTestFinished(() => frame.remove())
    const { indexedDB: theirs } = frame.contentWindow as unknown as { indexedDB: IDBFactory }
    const open = theirs.open(fullName)
    await eventOf(open, 'success')
    const updates = open.result.transaction('updates').objectStore('updates').getAll()
    await eventOf(updates, 'success')
    expect(structuredClone(updates.result)).toEqual([local('a', 'w', 1)])
    open.result.close()
  })

  test('that upgrades the database to a newer build leaves this one with store/outdated, and nothing changed', async () => {
    const { store, fullName, databaseName } = await openStore()
    await store.commit({ updates: [local('a', 'w', 1)] })
    const newer = indexedDB.open(fullName, layoutVersion + 1)
    await eventOf(newer, 'success')
    expect(store.status.get().problem).toEqual(rejection('store/closed'))
    await expect(store.commit({ updates: [local('a', 'w', 2)] })).rejects.toEqual(rejection('store/outdated'))
    await expect(store.load(['a'])).rejects.toEqual(rejection('store/outdated'))
    await expect(indexedDbStore({ databaseName })(where)).rejects.toEqual(rejection('store/outdated'))
    const updates = newer.result.transaction('updates').objectStore('updates').getAllKeys()
    await eventOf(updates, 'success')
    expect(updates.result).toEqual([['a', 'w', 1]])
    newer.result.close()
  })

  test('that holds an older version open blocks the upgrade, with an error instead of a wait', async () => {
    const { store, fullName } = await openStore()
    const held = await holdOpen(fullName)
    await store.close()
    await expect(openDatabase(fullName, layoutVersion + 1)).rejects.toEqual(rejection('store/blocked'))
    held.close()
  })

  test('that lets go of an older version when its work is done is waited for', async () => {
    const { store, fullName } = await openStore()
    const held = await holdOpen(fullName)
    await store.close()
    const asked = new Promise<void>((resolve) => {
      held.onversionchange = () => resolve()
    })
    const opened = openDatabase(fullName, layoutVersion + 1)
    await asked
    // It is asked, and closes a turn later: by then the browser has called the upgrade blocked.
    setTimeout(() => held.close())
    await expect(opened).rejects.toEqual(rejection('store/failed'))
  })

  test('that holds the database open blocks its deletion, with an error instead of a wait', async () => {
    const { store, databaseName, fullName } = await openStore()
    await store.commit({ updates: [local('a', 'w', 1)] })
    const held = await holdOpen(fullName)
    await expect(deleteLocalData({ ...where, databaseName })).rejects.toEqual(rejection('store/blocked'))
    held.close()
    await deleteLocalData({ ...where, databaseName })
    expect((await indexedDB.databases()).map(({ name }) => name)).not.toContain(fullName)
  })
})

test('a database that opens only at the second attempt is used, and nothing falls back to memory', async () => {
  let attempts = 0
  patch(
    IDBFactory.prototype,
    'open',
    (open) =>
      function (this: IDBFactory, name: string, version?: number) {
        if (++attempts > 1) return open.call(this, name, version)
        const request = open.call(this, `${name}-${version}`, 1)
        Object.defineProperty(request, 'error', { value: new DOMException('injected', 'UnknownError') })
        request.addEventListener('success', (event) => {
          event.stopImmediatePropagation()
          request.result.close()
          request.dispatchEvent(new Event('error'))
        })
        return request
      },
  )
  const { store } = await openStore()
  expect(store.status.get().kind).toBe('indexeddb')
  expect(attempts).toBe(2)
})

describe('without a database', () => {
  const refusals = {
    'a refusal at once': () => {
      throw new DOMException('injected', 'SecurityError')
    },
    'a refusal later': () => {
      const request = new EventTarget() as IDBOpenDBRequest
      Object.defineProperty(request, 'error', { value: new DOMException('injected', 'UnknownError') })
      queueMicrotask(() => request.onerror?.(new Event('error')))
      return request
    },
  }

  test.each(Object.entries(refusals))('%s leaves a store in memory that says why', async (_, open) => {
    const restore = patch(IDBFactory.prototype, 'open', () => open)
    const openMemory = indexedDbStore({ databaseName: newDatabaseName() })
    const store = await openMemory(where)
    expect(store.status.get()).toMatchObject({ kind: 'memory', fallback: rejection('store/unavailable'), problem: null })
    await store.commit({ updates: [local('a', 'w', 1)] })
    await store.close()
    expect(await pendingOf(await openMemory(where))).toBe('a:w1')
    restore()
  })

  test('a browser without IndexedDB has a store in memory', async () => {
    replaceIndexedDb(undefined)
    const store = await indexedDbStore()(where)
    expect(store.status.get()).toMatchObject({ kind: 'memory', fallback: rejection('store/unavailable') })
  })
})
