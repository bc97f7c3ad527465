/** Sealed databases for tests, and looks into what stands in them. */
import { randomId, systemRandom } from '@tidemark/base'
import { onTestFinished } from 'vitest'
import { passphrase } from '../../src/encryption/index.ts'
import { type IndexedDbStoreOptions, indexedDbStore } from '../../src/indexeddb-store.ts'
import type { LocalStore } from '../../src/local-store.ts'

export const where = { space: 'secret-space', user: 'secret-user' }
export const cheap = (words = 'correct horse') => passphrase({ passphrase: words, iterations: 10_000 })

export function newDatabaseName(): string {
  const databaseName = `test-${randomId(systemRandom)}`
  onTestFinished(async () => {
    for (const { name = '' } of await indexedDB.databases()) if (name.startsWith(databaseName)) indexedDB.deleteDatabase(name)
  })
  return databaseName
}

export async function open(databaseName: string, options: IndexedDbStoreOptions = { encryption: cheap() }): Promise<LocalStore> {
  const store = await indexedDbStore({ databaseName, ...options })(where)
  onTestFinished(() => store.close())
  return store
}

export const request = <T>(asked: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    asked.onsuccess = () => resolve(asked.result)
    asked.onerror = () => reject(asked.error)
  })

export async function raw<T>(databaseName: string, body: (database: IDBDatabase) => Promise<T>): Promise<T> {
  const [own] = (await indexedDB.databases()).filter(({ name = '' }) => name.startsWith(databaseName))
  const handle = await request(indexedDB.open(own?.name ?? ''))
  try {
    return await body(handle)
  } finally {
    handle.close()
  }
}

export const epochs = (databaseName: string): Promise<number[]> =>
  raw(databaseName, async (handle) => {
    const row = (await request(handle.transaction('state').objectStore('state').get('keys'))) as { value: { epochs: { epoch: number }[] } }
    return row.value.epochs.map(({ epoch }) => epoch)
  })

interface StoredKeys {
  readonly value: { readonly epochs: { epoch: number; reserved: number }[] }
}

/** Reserves uses of the newest key as another tab does; gives how many are reserved then. */
export const reserveMore = (databaseName: string): Promise<number> =>
  raw(databaseName, async (handle) => {
    const state = handle.transaction('state', 'readwrite').objectStore('state')
    const row = (await request(state.get('keys'))) as StoredKeys
    const newest = row.value.epochs.at(-1) as { reserved: number }
    newest.reserved += 4_096
    await request(state.put(row))
    return newest.reserved
  })

export const reservedUses = (databaseName: string): Promise<number | undefined> =>
  raw(databaseName, async (handle) => {
    const row = (await request(handle.transaction('state').objectStore('state').get('keys'))) as StoredKeys
    return row.value.epochs.at(-1)?.reserved
  })

export const counts = (databaseName: string): Promise<{ rows: number; pages: number }> =>
  raw(databaseName, async (handle) => {
    const transaction = handle.transaction(['rows', 'pages'])
    return { rows: await request(transaction.objectStore('rows').count()), pages: await request(transaction.objectStore('pages').count()) }
  })
