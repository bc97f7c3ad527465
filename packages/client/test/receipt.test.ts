import { systemClock, TidemarkError } from '@tidemark/base'
import { type LocalStore, memoryStore } from '@tidemark/store'
import { expect, test } from 'vitest'
import { Confirmations } from '../src/receipt.ts'

const name = 'report/r1'
const forbidden = (): TidemarkError => new TidemarkError('relay/forbidden', 'may only read')

/** What a receipt's promise is after everything that is due has run. */
async function stateOf(promise: Promise<void>): Promise<string> {
  let state = 'open'
  promise.then(
    () => {
      state = 'done'
    },
    (error: TidemarkError) => {
      state = error.code
    },
  )
  await new Promise((resolve) => setImmediate(resolve))
  return state
}

const written = (confirmations: Confirmations, n: number) => confirmations.receipt([Promise.resolve({ name, n, isAside: false })]).confirmed

/** A database that has the document down as refused, or not. */
async function storeWhere(isRefused: boolean): Promise<LocalStore> {
  const store = await memoryStore()({ space: 'acme', user: 'me' })
  await store.commit({ docs: [{ name, problem: isRefused ? 'relay/forbidden' : null }] })
  return store
}

test('[P7] a write on a refused document is rejected until the relay takes something of it, whoever wrote that', async () => {
  const confirmations = new Confirmations('me', systemClock, await storeWhere(true))
  confirmations.refused(name, forbidden())
  expect(await stateOf(written(confirmations, 1))).toBe('relay/forbidden')
  confirmations.acknowledged([{ name, writer: 'somebody', upTo: 3, seq: 4 }], [name])
  expect(await stateOf(written(confirmations, 2))).toBe('open')
})

test('[P7] a refusal that a frozen tab hears of late counts only where it still stands', async () => {
  const awaited = async (stands: boolean, meanwhile?: (confirmations: Confirmations) => void): Promise<string> => {
    const confirmations = new Confirmations('me', systemClock, await storeWhere(stands))
    const confirmed = written(confirmations, 1)
    await stateOf(confirmed)
    const heard = confirmations.heardRefused(name, forbidden())
    meanwhile?.(confirmations)
    await heard
    return await stateOf(confirmed)
  }
  expect(await awaited(true)).toBe('relay/forbidden')
  expect(await awaited(false)).toBe('open')
  expect(await awaited(true, (confirmations) => confirmations.retried([name]))).toBe('open')
  expect(await awaited(true, (confirmations) => confirmations.retried(null))).toBe('open')
})

test('[P7] what is tried again is awaited from the moment that its mark is gone, also in other tabs', async () => {
  const confirmations = new Confirmations('me', systemClock, await storeWhere(true))
  confirmations.refused(name, forbidden())
  confirmations.refused('report/r2', forbidden())
  confirmations.retried([name])
  expect(await stateOf(written(confirmations, 1))).toBe('open')
  expect(await stateOf(confirmations.receipt([Promise.resolve({ name: 'report/r2', n: 1, isAside: false })]).confirmed)).toBe(
    'relay/forbidden',
  )
})

test('[P7] what was refused is rejected by itself, also where a tab hears of it only when it looks for what it missed', async () => {
  const store = await storeWhere(false)
  const confirmations = new Confirmations('me', systemClock, store)
  const updates = [1, 2, 3].map((n) => ({ name, writer: 'me', n, bytes: Uint8Array.of(0, 0), origin: 'local' as const }))
  await store.commit({ updates })
  const [first, second, third] = updates.map(({ n }) => written(confirmations, n))
  const record = (await store.load([name])).get(name)?.record
  await store.commit({ forks: [{ name, follows: record?.revision ?? 0, refused: updates.slice(1, 2), code: 'relay/forbidden' }] })
  await store.commit({ acknowledged: [{ name, writer: 'me', upTo: 1, seq: 1 }] })
  await stateOf(third as Promise<void>)
  const found = confirmations.find()
  // What is acknowledged meanwhile covers a number that was refused.
  confirmations.acknowledged([{ name, writer: 'me', upTo: 3, seq: 2 }], [name])
  await found
  expect([await stateOf(first as Promise<void>), await stateOf(second as Promise<void>)]).toEqual(['done', 'relay/forbidden'])
  expect(await stateOf(third as Promise<void>)).toBe('done')
})
