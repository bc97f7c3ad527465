/** Asking the relay for single documents while connections and databases fail. */
import { TidemarkError } from '@tidemark/base'
import type { ClientMessage } from '@tidemark/protocol'
import { type LocalStore, memoryStore, type StoredDocument } from '@tidemark/store'
import { expect, test } from 'vitest'
import { Fetcher } from '../src/sync/fetcher.ts'
import { changedStore } from './world.ts'

async function fetcherOver(change: (store: LocalStore) => Partial<LocalStore>): Promise<{ fetcher: Fetcher; sent: ClientMessage[] }> {
  const store = await memoryStore()({ space: 'acme', user: 'ann' })
  const sent: ClientMessage[] = []
  const fetcher = new Fetcher({
    store: changedStore(store, change(store)),
    nextKey: () => ({ writer: 'w', n: 1 }),
    send: (messages) => void sent.push(...messages),
    stored: () => {},
    carries: () => {},
    failed: () => {},
    followed: [],
  })
  return { fetcher, sent }
}

test('[P6] whoever asked for a document is told when the connection ends before the question went out', async () => {
  const unhandled: unknown[] = []
  const note = (error: unknown): void => void unhandled.push(error)
  process.on('unhandledRejection', note)
  const read = Promise.withResolvers<ReadonlyMap<string, StoredDocument>>()
  const { fetcher } = await fetcherOver(() => ({ load: () => read.promise }))
  const asked = fetcher.fetch('report/r1').catch((error: unknown) => error)
  fetcher.close()
  await new Promise((resolve) => setImmediate(resolve))
  expect(unhandled).toEqual([])
  read.resolve(new Map())
  expect(await asked).toMatchObject({ code: 'relay/unreachable' })
  process.off('unhandledRejection', note)
})

test('[P6] a document that could not be asked for because the database failed can be asked for again', async () => {
  let isFailing = true
  const { fetcher, sent } = await fetcherOver((store) => ({
    load: (names) => (isFailing ? Promise.reject(new TidemarkError('store/failed', 'the disk failed')) : store.load(names)),
  }))
  await expect(fetcher.fetch('report/r1')).rejects.toMatchObject({ code: 'store/failed' })
  isFailing = false
  const asked = fetcher.fetch('report/r1')
  await new Promise((resolve) => setImmediate(resolve))
  expect(sent).toMatchObject([{ type: 'subscribe', document: 'report/r1' }])
  fetcher.state({ type: 'state', document: 'report/r1', seq: 0, update: new Uint8Array(), stateVector: Uint8Array.of(0) })
  expect(await asked).toBe(false)
})
