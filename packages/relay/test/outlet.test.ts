import { systemClock, systemRandom } from '@tidemark/base'
import { encodeClientMessages } from '@tidemark/protocol'
import { expect, test } from 'vitest'
import * as Y from 'yjs'
import { createMemoryLog, createRelay, defaultRelayBounds } from '../src/index.ts'
import { Outlet } from '../src/outlet.ts'
import { encodeStep1, readStockMessage } from '../src/stock-wire.ts'
import { ManualClock } from './manual-clock.ts'
import { connect, textUpdate, WireClient } from './wire-client.ts'

const frameBytes = defaultRelayBounds.announced.maxFrameBytes

/** A socket that takes nothing until it is told to. */
function world() {
  const sent: Uint8Array[] = []
  const clock = new ManualClock()
  const socket = {
    bufferedBytes: 0,
    send: (bytes: Uint8Array): void => {
      sent.push(bytes)
      socket.bufferedBytes += bytes.length
    },
    close: () => undefined,
  }
  let overflows = 0
  const outlet = new Outlet({ socket, clock, bounds: defaultRelayBounds, onOverflow: () => overflows++ })
  const drain = (): void => {
    socket.bufferedBytes = 0
    clock.pass(defaultRelayBounds.drainCheckMs)
  }
  return { sent, clock, socket, outlet, drain, overflows: () => overflows }
}

function* frames(count: number, onMade: () => void): Generator<Uint8Array> {
  for (let i = 0; i < count; i++) {
    onMade()
    yield new Uint8Array(frameBytes).fill(i)
  }
}

test('[P8] a message of many frames is made as the socket takes it, and what comes behind waits for it', () => {
  const { sent, outlet, drain, overflows } = world()
  let made = 0
  outlet.send(frames(60, () => made++))
  outlet.send([Uint8Array.of(99)])
  expect(made).toBeLessThan(5)
  expect(outlet.bufferedBytes).toBeGreaterThan(defaultRelayBounds.highWaterBytes)
  for (let i = 0; i < 60; i++) drain()
  expect(sent.map(([first]) => first)).toEqual([...Array.from({ length: 60 }, (_, i) => i), 99])
  expect(overflows()).toBe(0)
  drain()
  expect(outlet.bufferedBytes).toBe(0)
})

test('[P8] one turn makes a few frames only, however fast the socket is', () => {
  const { clock, socket, outlet } = world()
  let made = 0
  Object.defineProperty(socket, 'bufferedBytes', { get: () => 0, set: () => undefined })
  outlet.send(frames(20, () => made++))
  expect(made).toBe(4)
  clock.pass(0)
  expect(made).toBe(20)
})

test('[P8] a socket that holds more made frames than it may is given up once, and nothing more is sent', () => {
  const { sent, outlet, drain, overflows } = world()
  outlet.send(frames(60, () => undefined))
  const count = Math.ceil(defaultRelayBounds.maxBufferedBytes / frameBytes) + 2
  for (let i = 0; i < count; i++) outlet.send([new Uint8Array(frameBytes)])
  const before = sent.length
  drain()
  expect([overflows(), sent.length]).toEqual([1, before])
})

/** A socket of which somebody takes everything now and then, and what arrives on it. */
function reading(take: (bytes: Uint8Array) => void) {
  let waiting: Uint8Array[] = []
  let closedWith: number | null = null
  const deliver = (): void => {
    const taken = waiting
    waiting = []
    for (const bytes of taken) take(bytes)
  }
  return {
    send: (bytes: Uint8Array): void => {
      if (waiting.length === 0) setImmediate(deliver)
      waiting.push(bytes)
    },
    close: (code: number): void => {
      closedWith ??= code
    },
    get bufferedBytes() {
      return waiting.reduce((sum, { length }) => sum + length, 0)
    },
    get closedWith() {
      return closedWith
    },
  }
}

test('a document larger than what a socket may hold reaches those who read, of both protocols', async () => {
  const announced = { ...defaultRelayBounds.announced, maxFrameBytes: 64 << 10 }
  const limits = { announced, maxBufferedBytes: 256 << 10 }
  const relay = createRelay({ log: createMemoryLog({ random: systemRandom }), clock: systemClock, random: systemRandom, limits })
  const text = 'x'.repeat(2 << 20)
  const ann = connect(relay)
  await ann.welcomed()
  for (const part of encodeClientMessages([{ type: 'push', n: 1, document: 'note/1', update: textUpdate(text, 1) }], 64 << 10)) {
    ann.sendBytes(part)
  }
  await ann.until(() => ann.isAcked(1))

  const bob = new WireClient({ credit: 1 << 26 })
  const line = reading((bytes) => bob.handlers.message(bytes))
  const handlers = relay.connect(line)
  bob.attach({ send: (bytes) => handlers.message(bytes), close: () => undefined, bufferedBytes: 0 })
  bob.handlers.open()
  await bob.until(() => bob.state.cursor?.seq === 1 || bob.messages.some(({ type }) => type === 'bye'))
  expect(line.closedWith).toBeNull()
  expect(bob.doc('note/1').getText('t').length).toBe(text.length)

  const answered = Promise.withResolvers<Uint8Array>()
  const stockLine = reading((bytes) => {
    const message = readStockMessage(bytes, 1_000)
    if (message.type === 'update') answered.resolve(message.update)
  })
  const stock = relay.connectStock(stockLine, { space: 'acme', document: 'note/1' })
  stock.open()
  stock.message(encodeStep1(Uint8Array.of(0)))
  const doc = new Y.Doc({ guid: 'stock' })
  Y.applyUpdate(doc, await answered.promise)
  expect(doc.getText('t').length).toBe(text.length)
  expect(stockLine.closedWith).toBeNull()
  await relay.close()
})
