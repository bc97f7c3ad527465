import { randomId, systemRandom } from '@tidemark/base'
import { describe, expect, onTestFinished, test } from 'vitest'
import { IndexeddbPersistence } from 'y-indexeddb'
import * as Y from 'yjs'
import { memoryStore } from '../src/memory-store.ts'
import { importYIndexeddb, readYIndexeddb } from '../src/take-over/index.ts'
import { rejection } from './contract/harness.ts'

function newName(): string {
  const name = `taken-${randomId(systemRandom)}`
  onTestFinished(() => void indexedDB.deleteDatabase(name))
  return name
}

const request = <T>(asked: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    asked.onsuccess = () => resolve(asked.result)
    asked.onerror = () => reject(asked.error)
  })

/** Writes through the published package, with as many openings as asked. */
async function written(name: string, write: (doc: Y.Doc) => void, openings = 1): Promise<Y.Doc> {
  let doc = new Y.Doc({ guid: name })
  for (let i = 0; i < openings; i++) {
    doc = new Y.Doc({ guid: name })
    const persistence = new IndexeddbPersistence(name, doc)
    await persistence.whenSynced
    if (i === 0) write(doc)
    await persistence.destroy()
  }
  return doc
}

/** Everything that stands in the database, for comparing before and after. */
async function dump(name: string): Promise<unknown> {
  const handle = await request(indexedDB.open(name))
  try {
    const transaction = handle.transaction([...handle.objectStoreNames])
    const stores = [...handle.objectStoreNames].map(async (store) => {
      const [keys, values] = await Promise.all([
        request(transaction.objectStore(store).getAllKeys()),
        request(transaction.objectStore(store).getAll()),
      ])
      return [store, keys, values]
    })
    return { version: handle.version, stores: await Promise.all(stores) }
  } finally {
    handle.close()
  }
}

const edits = (doc: Y.Doc): void => {
  for (let i = 0; i < 700; i++) doc.getMap('fields').set(`key${i % 7}`, i)
  doc.getText('body').insert(0, 'Roof, north side')
  doc.getText('body').delete(4, 7)
}

describe('taking over a database of y-indexeddb', () => {
  test('[P9] gives the document that the package wrote, and leaves the database as it was', async () => {
    const name = newName()
    const doc = await written(name, edits, 3)
    const before = await dump(name)
    const taken = await readYIndexeddb({ database: name })
    expect(taken.isComplete).toBe(true)
    expect(taken.updates).toBeGreaterThan(256)
    const copy = new Y.Doc({ guid: name })
    Y.applyUpdate(copy, taken.update)
    expect(copy.getMap('fields').toJSON()).toEqual(doc.getMap('fields').toJSON())
    expect(copy.getText('body').toString()).toBe('Roof side')
    expect(await dump(name)).toEqual(before)
  })

  test('while the package has it open reads what is stored, and stands in nobody’s way', async () => {
    const name = newName()
    const doc = new Y.Doc({ guid: name })
    const persistence = new IndexeddbPersistence(name, doc)
    await persistence.whenSynced
    doc.getText('body').insert(0, 'open')
    await persistence.set('flushed', 1)
    const copy = new Y.Doc({ guid: name })
    Y.applyUpdate(copy, (await readYIndexeddb({ database: name })).update)
    expect(copy.getText('body').toString()).toBe('open')
    await persistence.destroy()
    await request(indexedDB.deleteDatabase(name))
  })

  test('puts the document into a store, to be carried to the relay', async () => {
    const name = newName()
    await written(name, edits)
    const store = await memoryStore()({ space: 's', user: 'u' })
    await importYIndexeddb({ store, database: name, name: 'report/a' })
    await importYIndexeddb({ store, database: name, name: 'report/a' })
    const stored = (await store.load(['report/a'])).get('report/a')
    expect(stored?.record.carry).toBe(true)
    const copy = new Y.Doc({ guid: 'copy' })
    for (const { bytes } of stored?.updates ?? []) Y.applyUpdate(copy, bytes)
    expect(copy.getText('body').toString()).toBe('Roof side')
  })

  test('that lost an update keeps what builds on it, and says that it is not complete', async () => {
    const name = newName()
    const doc = await written(name, (one) => {
      one.getText('body').insert(0, 'a')
      one.getText('body').insert(1, 'b')
      one.getText('body').insert(2, 'c')
    })
    const handle = await request(indexedDB.open(name))
    const updates = handle.transaction('updates', 'readwrite').objectStore('updates')
    const keys = await request(updates.getAllKeys())
    await request(updates.delete(keys[1] as IDBValidKey))
    handle.close()
    const taken = await readYIndexeddb({ database: name })
    expect(taken.isComplete).toBe(false)
    const copy = new Y.Doc({ guid: name })
    Y.applyUpdate(copy, taken.update)
    Y.applyUpdate(copy, Y.encodeStateAsUpdate(doc))
    expect(copy.getText('body').toString()).toBe('abc')
  })

  test('that is not there, or not one of y-indexeddb, is store/foreign; none is made', async () => {
    const name = newName()
    await expect(readYIndexeddb({ database: name })).rejects.toEqual(rejection('store/foreign'))
    expect((await indexedDB.databases()).map((one) => one.name)).not.toContain(name)
    const opening = indexedDB.open(name)
    opening.onupgradeneeded = () => opening.result.createObjectStore('things')
    ;(await request(opening)).close()
    await expect(readYIndexeddb({ database: name })).rejects.toEqual(rejection('store/foreign'))
  })

  test('with a damaged update is refused, and nothing is stored', async () => {
    const name = newName()
    await written(name, edits)
    const handle = await request(indexedDB.open(name))
    await request(
      handle
        .transaction('updates', 'readwrite')
        .objectStore('updates')
        .add(Uint8Array.of(9, 9, 9)),
    )
    handle.close()
    const store = await memoryStore()({ space: 's', user: 'u' })
    await expect(importYIndexeddb({ store, database: name, name: 'report/a' })).rejects.toEqual(rejection('updates/invalid'))
    expect((await store.load(['report/a'])).size).toBe(0)
  })
})
