import { systemRandom } from '@tidemark/base'
import { wireLimits } from '@tidemark/protocol'
import { expect, test } from 'vitest'
import { createMemoryLog, createRelay, type Relay } from '../src/index.ts'
import { ManualClock } from './manual-clock.ts'
import { connect, WireClient } from './wire-client.ts'

function start(): { readonly relay: Relay; readonly clock: ManualClock } {
  const clock = new ManualClock()
  return { clock, relay: createRelay({ log: createMemoryLog({ random: systemRandom }), clock, random: systemRandom }) }
}

test('a connection that says no hello is closed in time', () => {
  const { relay, clock } = start()
  const client = new WireClient()
  const closes: number[] = []
  relay.connect({ send: (bytes) => client.handlers.message(bytes), close: (code) => closes.push(code), bufferedBytes: 0 })
  clock.pass(wireLimits.helloTimeoutMs - 1)
  expect(closes).toEqual([])
  clock.pass(1)
  expect(closes).toEqual([4408])
  expect(client.messages).toMatchObject([{ type: 'bye', code: 'relay/unreachable' }])
  expect(clock.waiting).toBe(0)
})

test('a quiet relay gives a sign of life, and a client that gives none is closed', async () => {
  const { relay, clock } = start()
  const ada = connect(relay)
  await ada.welcomed()
  clock.pass(wireLimits.heartbeatMs)
  await ada.until(() => ada.messages.some(({ type }) => type === 'pong'))
  ada.send({ type: 'ping' })
  await ada.until(() => ada.messages.filter(({ type }) => type === 'pong').length >= 2)
  clock.pass(wireLimits.silenceMs - wireLimits.heartbeatMs)
  expect(ada.closedWith).toBeNull()
  clock.pass(wireLimits.silenceMs)
  await ada.until(() => ada.closedWith !== null)
  expect(ada.closedWith).toBe(4408)
  expect(clock.waiting).toBe(0)
})

test('a closed connection leaves no timer and no session behind', async () => {
  const { relay, clock } = start()
  const ada = connect(relay)
  await ada.welcomed()
  ada.line.cut(1006)
  await ada.until(() => ada.closedWith !== null)
  expect([clock.waiting, relay.figures.sessions]).toEqual([0, 0])
})
