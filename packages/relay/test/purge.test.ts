import { systemClock, systemRandom } from '@tidemark/base'
import { expect, test } from 'vitest'
import { createMemoryLog, createRelay, type MemoryLogOptions, type Relay } from '../src/index.ts'
import { connect, textUpdate, type WireClient } from './wire-client.ts'

function startRelay(log: Partial<MemoryLogOptions> = {}): Relay {
  return createRelay({ log: createMemoryLog({ random: systemRandom, ...log }), clock: systemClock, random: systemRandom })
}

const space = 'acme'

async function welcomed(relay: Relay): Promise<WireClient> {
  const client = connect(relay)
  await client.welcomed()
  return client
}

test('[P8] what is purged is gone for newcomers, and its name is refused from then on, for good and by a reason', async () => {
  const relay = startRelay()
  const ada = await welcomed(relay)
  const n = ada.push('note/1', textUpdate('secret', 1))
  await ada.until(() => ada.isAcked(n))
  await relay.purge(space, 'note/1', 'admin')
  const again = ada.push('note/1', textUpdate('more', 2))
  const other = ada.push('note/2', textUpdate('kept', 3))
  await ada.until(() => ada.refused.has(again) && ada.isAcked(other))
  expect(ada.messages).toContainEqual(expect.objectContaining({ type: 'refuse', code: 'relay/purged', document: 'note/1' }))
  const bob = await welcomed(relay)
  await bob.until(() => bob.state.documents.has('note/2'))
  expect(bob.state.documents.has('note/1')).toBe(false)
  await relay.close()
})

test('who follows from behind is never sent what was purged meanwhile', async () => {
  const relay = startRelay()
  const [ada, slow] = [await welcomed(relay), connect(relay, { credit: 0 })]
  await slow.welcomed()
  const n = ada.push('note/1', textUpdate('secret', 1))
  await ada.until(() => ada.isAcked(n))
  await relay.purge(space, 'note/1', 'admin')
  const last = ada.push('note/2', textUpdate('kept', 2))
  await ada.until(() => ada.isAcked(last))
  slow.send({ type: 'credit', bytes: 1 << 20 })
  await slow.until(() => slow.state.documents.has('note/2'))
  expect(slow.state.documents.has('note/1')).toBe(false)
  await relay.close()
})

test('what is pushed in the very moment before is stored and purged, what comes after is refused', async () => {
  const relay = startRelay()
  const ada = await welcomed(relay)
  const first = ada.push('note/1', textUpdate('a', 1))
  const purged = relay.purge(space, 'note/1', 'admin')
  await purged
  const second = ada.push('note/1', textUpdate('b', 2))
  await ada.until(() => ada.isAcked(first) || ada.refused.has(first))
  await ada.until(() => ada.refused.has(second))
  await relay.purge(space, 'note/1', 'admin')
  await relay.close()
})

test('a purge that the log did not take is an error, and the document stands', async () => {
  let isFull = false
  const relay = startRelay({
    beforeCommit: () => {
      if (isFull) throw new Error('the disk is full')
    },
  })
  const ada = await welcomed(relay)
  const n = ada.push('note/1', textUpdate('a', 1))
  await ada.until(() => ada.isAcked(n))
  isFull = true
  await expect(relay.purge(space, 'note/1', 'admin')).rejects.toMatchObject({ code: 'relay/log-failed' })
  isFull = false
  const bob = await welcomed(relay)
  await bob.until(() => bob.state.documents.has('note/1'))
  await expect(relay.purge(space, 'a\u0000b', 'admin')).rejects.toMatchObject({ code: 'protocol/name' })
  await relay.close()
})

test('a stock client of a purged document is closed with a code that it does not retry, on the open connection and anew', async () => {
  const relay = startRelay()
  const dial = (): { readonly codes: Promise<number>; open(): void } => {
    const { promise, resolve } = Promise.withResolvers<number>()
    const handlers = relay.connectStock(
      { send: () => undefined, close: (code) => resolve(code), bufferedBytes: 0 },
      { space, document: 'note/1' },
    )
    const open = (): void => {
      handlers.open()
      // Step 1 with an empty state vector, as a stock client says it at once.
      handlers.message(Uint8Array.of(0, 0, 1, 0))
    }
    return { codes: promise, open }
  }
  const open = dial()
  open.open()
  await relay.purge(space, 'note/1', 'admin')
  expect(await open.codes).toBe(4410)
  const anew = dial()
  anew.open()
  expect(await anew.codes).toBe(4410)
  await relay.close()
})
