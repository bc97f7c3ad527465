/** y-indexeddb 9, as its documentation says: a provider and a database for each document. */
import { IndexeddbPersistence } from 'y-indexeddb'
import * as Y from 'yjs'
import { bodyOf, type Contender, type Writing } from './contender.ts'

/** Providers that are opened at once; more gain nothing. */
const atOnce = 64

export function createYIndexeddb(): Contender {
  const transactions = watchTransactions()
  const open = async (id: string): Promise<Y.Doc> => {
    const doc = new Y.Doc({ guid: id })
    await new IndexeddbPersistence(id, doc).whenSynced
    return doc
  }
  const write = async (id: string): Promise<Writing> => ({ doc: await open(id), durable: transactions.settled })
  return {
    async fill(documents) {
      await inGroups(documents, async ({ id, update }) => {
        const doc = new Y.Doc({ guid: id })
        Y.applyUpdate(doc, update)
        const provider = new IndexeddbPersistence(id, doc)
        await provider.whenSynced
        await transactions.settled()
        await provider.destroy()
      })
    },
    list: async () => null,
    async openAll(ids) {
      const kept = await inGroups(ids, open)
      return { characters: kept.reduce((sum, doc) => sum + bodyOf(doc).length, 0), kept }
    },
    write,
    writeMany: (ids) => inGroups(ids, write),
    async putLarge(id, state, updates) {
      const doc = new Y.Doc({ guid: id })
      Y.applyUpdate(doc, state)
      const provider = new IndexeddbPersistence(id, doc)
      await provider.whenSynced
      for (const update of updates) Y.applyUpdate(doc, update)
      await transactions.settled()
      await provider.destroy()
    },
  }
}

async function inGroups<T, R>(items: readonly T[], run: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  for (let i = 0; i < items.length; i += atOnce) results.push(...(await Promise.all(items.slice(i, i + atOnce).map(run))))
  return results
}

/** It does not say when an edit is stored, so the bench looks at its transactions. */
function watchTransactions(): { settled(): Promise<void> } {
  const running = new Set<Promise<void>>()
  const transaction = IDBDatabase.prototype.transaction
  IDBDatabase.prototype.transaction = function (...parameters) {
    const made = transaction.apply(this, parameters)
    if (made.mode === 'readwrite') {
      const done = new Promise<void>((resolve) => {
        made.addEventListener('complete', () => resolve())
        made.addEventListener('abort', () => resolve())
      }).then(() => void running.delete(done))
      running.add(done)
    }
    return made
  }
  return {
    async settled() {
      // The provider starts its transaction in a microtask of the edit.
      await new Promise((resolve) => setTimeout(resolve))
      while (running.size > 0) await Promise.all(running)
    },
  }
}
