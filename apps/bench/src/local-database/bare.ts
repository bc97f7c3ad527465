/** The bound: one object store of states and one of rows, `getAll`, `Y.applyUpdate`, and nothing else that an app needs. */
import * as Y from 'yjs'
import { bodyOf, type Contender, type Writing } from './contender.ts'

export function createBare(): Contender {
  const open = (): Promise<IDBDatabase> =>
    new Promise((resolve, reject) => {
      const request = indexedDB.open('bare', 1)
      request.onupgradeneeded = () => {
        request.result.createObjectStore('states')
        request.result.createObjectStore('rows')
        request.result.createObjectStore('updates', { autoIncrement: true })
      }
      request.onsuccess = () => resolve(request.result)
      request.onerror = () => reject(request.error)
    })
  const write = async (database: IDBDatabase, id: string): Promise<Writing> => {
    const doc = new Y.Doc({ guid: id })
    const state = await resultOf<Uint8Array | undefined>(database.transaction('states').objectStore('states').get(id))
    if (state !== undefined) Y.applyUpdate(doc, state)
    let written: Uint8Array[] = []
    doc.on('update', (update: Uint8Array) => written.push(update))
    return {
      doc,
      durable: async () => {
        const transaction = database.transaction('updates', 'readwrite')
        for (const update of written) transaction.objectStore('updates').add({ id, update })
        written = []
        await completed(transaction)
      },
    }
  }
  return {
    async fill(documents) {
      const transaction = (await open()).transaction(['states', 'rows'], 'readwrite')
      for (const { id, update, row } of documents) {
        transaction.objectStore('states').put(update, id)
        transaction.objectStore('rows').put(row, id)
      }
      await completed(transaction)
    },
    list: async () => resultOf<unknown[]>((await open()).transaction('rows').objectStore('rows').getAll()),
    async openAll() {
      const states = await resultOf<Uint8Array[]>((await open()).transaction('states').objectStore('states').getAll())
      const kept = states.map((state) => {
        const doc = new Y.Doc({ guid: '' })
        Y.applyUpdate(doc, state)
        return doc
      })
      return { characters: kept.reduce((sum, doc) => sum + bodyOf(doc).length, 0), kept }
    },
    write: async (id) => write(await open(), id),
    async writeMany(ids) {
      const database = await open()
      return await Promise.all(ids.map((id) => write(database, id)))
    },
    async putLarge(id, state, updates) {
      const transaction = (await open()).transaction('states', 'readwrite')
      transaction.objectStore('states').put(Y.mergeUpdates([state, Y.mergeUpdates([...updates])]), id)
      await completed(transaction)
    },
  }
}

const resultOf = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })

const completed = (transaction: IDBTransaction): Promise<void> =>
  new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve()
    transaction.onabort = () => reject(transaction.error)
  })
