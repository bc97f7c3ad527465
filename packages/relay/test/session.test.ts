import { systemClock, systemRandom } from '@tidemark/base'
import { encodeClientMessages, wireVersion } from '@tidemark/protocol'
import { describe, expect, test } from 'vitest'
import { createMemoryDisk, createMemoryLog, createRelay, type MemoryLogOptions, type Relay, type RelayOptions } from '../src/index.ts'
import { logWith } from '../src/log.ts'
import { connect, textUpdate, WireClient } from './wire-client.ts'

function startRelay(log: Partial<MemoryLogOptions> = {}, options: Partial<RelayOptions> = {}): Relay {
  const ports = { clock: systemClock, random: systemRandom }
  return createRelay({ log: createMemoryLog({ ...ports, ...log }), ...ports, ...options })
}

/** A commit hook that waits until it is let go, or fails. */
function gate(): { readonly hook: () => Promise<void>; open(): void; fail(): void; readonly entered: Promise<void> } {
  const passed = Promise.withResolvers<void>()
  const entered = Promise.withResolvers<void>()
  return {
    hook: () => {
      entered.resolve()
      return passed.promise
    },
    open: () => passed.resolve(),
    fail: () => passed.reject(new Error('the disk is gone')),
    entered: entered.promise,
  }
}

/** Lets everything that is ready run. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('a session', () => {
  test('one client’s push is acknowledged and reaches the other', async () => {
    const relay = startRelay()
    const [ada, bob] = [connect(relay), connect(relay)]
    await Promise.all([ada.welcomed(), bob.welcomed()])
    const n = ada.push('note/1', textUpdate('hello', 1))
    await ada.until(() => ada.isAcked(n))
    await bob.until(() => bob.state.documents.has('note/1'))
    expect(bob.doc('note/1').getText('t').toString()).toBe('hello')
  })

  test('[P2] nothing is acknowledged or shown before the commit', async () => {
    const held = gate()
    const relay = startRelay({ beforeCommit: held.hook })
    const [ada, bob] = [connect(relay), connect(relay)]
    await Promise.all([ada.welcomed(), bob.welcomed()])
    const n = ada.push('note/1', textUpdate('hello', 1))
    const again = bob.push('note/1', textUpdate('hello', 1))
    await held.entered
    await settle()
    expect([ada.acked, bob.acked, bob.state.documents.size]).toEqual([[], [], 0])
    held.open()
    await ada.until(() => ada.isAcked(n))
    await bob.until(() => bob.isAcked(again))
  })

  test('[P2] a failed append acknowledges nothing, and the space comes back under a new incarnation', async () => {
    const held = gate()
    let appends = 0
    const relay = startRelay({ beforeCommit: () => (appends++ === 0 ? held.hook() : undefined) })
    const [ada, bob] = [connect(relay), connect(relay)]
    const before = await ada.welcomed()
    await bob.welcomed()
    ada.push('note/1', textUpdate('hello', 1))
    await held.entered
    // Builds on what is about to fail.
    bob.push('note/1', textUpdate('hello', 1))
    bob.push('note/2', textUpdate('world', 2))
    await settle()
    held.fail()
    await Promise.all([ada, bob].map((one) => one.until(() => one.closedWith !== null)))
    expect([ada.acked, bob.acked]).toEqual([[], []])
    expect(ada.messages.at(-1)).toMatchObject({ type: 'bye', code: 'relay/log-failed' })

    const back = connect(relay, { state: ada.state })
    const after = await back.welcomed()
    expect(after.incarnation).not.toBe(before.incarnation)
    expect(after).toMatchObject({ head: 0, common: 0 })
    const n = back.push('note/1', textUpdate('hello', 1))
    await back.until(() => back.isAcked(n))
  })

  test('[P2] an append that is stored although it is reported as failed is not acknowledged, and known afterwards', async () => {
    let appends = 0
    const relay = startRelay({
      afterCommit: () => {
        if (appends++ === 0) throw new Error('the answer was lost')
      },
    })
    const ada = connect(relay)
    await ada.welcomed()
    ada.push('note/1', textUpdate('hello', 1))
    await ada.until(() => ada.closedWith !== null)
    expect(ada.acked).toEqual([])
    const back = connect(relay, { state: ada.state })
    expect(await back.welcomed()).toMatchObject({ head: 1, common: 0, first: 2 })
    const n = back.push('note/1', textUpdate('hello', 1))
    await back.until(() => back.isAcked(n) && back.state.cursor?.seq === 1)
    expect(back.doc('note/1').getText('t').toString()).toBe('hello')
    expect((await connect(relay).welcomed()).head).toBe(1)
  })

  test('[P2] clients of a relay restored from a backup are rewound to what it has, and carry back the rest', async () => {
    const disk = createMemoryDisk()
    const before = startRelay({ disk })
    const ada = connect(before)
    await ada.welcomed()
    ada.push('note/1', textUpdate('kept', 1))
    await ada.until(() => ada.isAcked(1))
    const backup = structuredClone(disk)
    ada.push('note/2', textUpdate('lost', 2))
    await ada.until(() => ada.isAcked(2) && ada.state.cursor?.seq === 2)

    const after = startRelay({ disk: backup })
    const bob = connect(after)
    await bob.welcomed()
    bob.push('note/3', textUpdate('new', 3))
    await bob.until(() => bob.isAcked(1))
    const back = connect(after, { state: ada.state })
    expect(await back.welcomed()).toMatchObject({ common: 1, head: 2 })
    back.push('note/2', textUpdate('lost', 2), 'carry')
    await back.until(() => back.isAcked(1) && back.state.cursor?.seq === 3)
    await bob.until(() => bob.state.documents.has('note/2'))
    expect(back.doc('note/3').getText('t').toString()).toBe('new')
  })

  test('a session is not sent its own bytes, but its position moves', async () => {
    const relay = startRelay()
    const ada = connect(relay)
    await ada.welcomed()
    ada.push('note/1', textUpdate('hello', 1))
    await ada.until(() => ada.state.cursor?.seq === 1)
    expect(ada.state.documents.size).toBe(0)
  })

  test('it hears of its own commit in the frame of the acknowledgement', async () => {
    const ada = connect(startRelay())
    await ada.welcomed()
    const before = ada.frames
    ada.push('note/1', textUpdate('hello', 1))
    await ada.until(() => ada.isAcked(1))
    expect(ada.state.cursor?.seq).toBe(1)
    expect(ada.frames - before).toBe(1)
  })

  test('refusals are typed, stand in order among the acknowledgements, and end nothing', async () => {
    const relay = startRelay({}, { limits: { announced: { maxFrameBytes: 1 << 20, maxUpdateBytes: 1_000, maxPushesInFlight: 256 } } })
    const ada = connect(relay)
    await ada.welcomed()
    const good = ada.push('note/1', textUpdate('hello', 1))
    const large = ada.push('note/1', textUpdate('x'.repeat(1_001), 2))
    const invalid = ada.push('note/1', Uint8Array.of(1, 1, 5, 0, 1, 1, 1, 0x74, 0, 0))
    const nameless = ada.push('', textUpdate('hello', 3))
    const gap = ada.push('note/1', Uint8Array.of(1, 1, 9, 5, 0x84, 9, 4, 1, 0x78, 0))
    const last = ada.push('note/2', textUpdate('world', 4))
    await ada.until(() => ada.isAcked(last))
    expect(ada.isAcked(good)).toBe(true)
    expect(Object.fromEntries(ada.refused)).toEqual({
      [large]: 'relay/too-large',
      [invalid]: 'relay/invalid',
      [nameless]: 'relay/invalid',
      [gap]: 'relay/incomplete',
    })
    expect(ada.closedWith).toBeNull()
  })

  test('[P8] pushes beyond the number in flight are refused as busy, and a flood of them ends the connection', async () => {
    const held = gate()
    const announced = { maxFrameBytes: 1 << 20, maxUpdateBytes: 1_000, maxPushesInFlight: 2 }
    const relay = startRelay({ beforeCommit: held.hook }, { limits: { announced } })
    const ada = connect(relay)
    await ada.welcomed()
    for (let i = 1; i <= 3; i++) ada.push(`note/${i}`, textUpdate('x', i))
    await settle()
    held.open()
    await ada.until(() => ada.isAcked(2) && ada.refused.size > 0)
    expect(Object.fromEntries(ada.refused)).toEqual({ 3: 'relay/busy' })

    const flood = gate()
    const busy = startRelay({ beforeCommit: flood.hook }, { limits: { announced } })
    const bob = connect(busy)
    await bob.welcomed()
    for (let i = 1; i <= 5; i++) bob.push(`note/${i}`, textUpdate('x', i))
    await bob.until(() => bob.closedWith !== null)
    expect(bob.messages.at(-1)).toMatchObject({ type: 'bye', code: 'relay/limit' })
    flood.open()
  })

  test('[P8] spaces beyond the limit are answered with a typed goodbye', async () => {
    const relay = startRelay({}, { limits: { maxSpaces: 1 } })
    await connect(relay, { space: 'one' }).welcomed()
    const second = connect(relay, { space: 'two' })
    await second.until(() => second.closedWith !== null)
    expect(second.messages).toMatchObject([{ type: 'bye', code: 'relay/limit' }])
  })

  test('a space without sessions is closed beyond the limit, and opens again as it was', async () => {
    const relay = startRelay({}, { limits: { maxIdleSpaces: 0 } })
    const ada = connect(relay)
    const { incarnation } = await ada.welcomed()
    ada.push('note/1', textUpdate('hello', 1))
    await ada.until(() => ada.isAcked(1))
    ada.line.cut(1006)
    await ada.until(() => ada.closedWith !== null)
    expect(relay.figures.openSpaces).toBe(0)
    expect(await connect(relay).welcomed()).toMatchObject({ incarnation, head: 1 })
  })

  test('[P6] a log that cannot be read ends the session with a typed goodbye and a time to come back', async () => {
    const log = createMemoryLog({ random: systemRandom })
    const changedDocuments = (): Promise<never> => Promise.reject(new Error('the disk is gone'))
    const relay = createRelay({ log: logWith(log, { changedDocuments }), clock: systemClock, random: systemRandom })
    const ada = connect(relay)
    await ada.welcomed()
    ada.push('note/1', textUpdate('hello', 1))
    await ada.until(() => ada.isAcked(1))
    const bob = connect(relay)
    await bob.until(() => bob.closedWith !== null)
    expect(bob.messages.at(-1)).toMatchObject({ type: 'bye', code: 'relay/log-failed', retryAfterMs: expect.any(Number) })
    expect(ada.closedWith).toBeNull()
  })

  test('what is known already is acknowledged and not logged', async () => {
    const relay = startRelay()
    const ada = connect(relay)
    await ada.welcomed()
    for (let i = 0; i < 3; i++) ada.push('note/1', textUpdate('hello', 1))
    await ada.until(() => ada.isAcked(3))
    expect((await connect(relay).welcomed()).head).toBe(1)
  })

  test.each([
    ['a push before hello', (c: WireClient) => c.push('note/1', textUpdate('x', 1)), 4400, 'protocol/malformed'],
    ['another version', (c: WireClient) => c.send({ ...c.hello(), version: wireVersion + 1 }), 4409, 'protocol/version'],
    ['a bad space name', (c: WireClient) => c.send({ ...c.hello(), space: 'a/b' }), 4404, 'protocol/name'],
    [
      'a hello that is too long',
      (c: WireClient) => c.send(c.hello(), { type: 'push', n: 1, document: 'a/b', update: new Uint8Array(20_000) }),
      4400,
      'protocol/malformed',
    ],
    ['two hellos', (c: WireClient) => c.send(c.hello(), c.hello()), 4400, 'protocol/malformed'],
  ])('before welcome, %s ends the connection with a typed goodbye', async (_, speak, closeCode, code) => {
    const client = new WireClient()
    let isClosed: number | null = null
    const handlers = startRelay().connect({
      send: (bytes) => client.handlers.message(bytes),
      close: (c) => {
        isClosed = c
      },
      bufferedBytes: 0,
    })
    client.attach({ send: (bytes) => handlers.message(bytes), close: () => undefined, bufferedBytes: 0 })
    speak(client)
    expect(isClosed).toBe(closeCode)
    expect(client.messages.at(-1)).toMatchObject({ type: 'bye', code })
  })

  test('a ping is answered, also beside a message of an unknown type', async () => {
    const relay = startRelay()
    const ada = connect(relay)
    await ada.welcomed()
    const ping = encodeClientMessages([{ type: 'ping' }])[0] as Uint8Array
    ada.sendBytes(Uint8Array.of(2, 120, 1, ...ping))
    await ada.until(() => ada.messages.some(({ type }) => type === 'pong'))
  })

  test('a stop commits what is in flight, acknowledges it, and tells everyone when to come back', async () => {
    const held = gate()
    const disk = createMemoryDisk()
    const relay = startRelay({ disk, beforeCommit: held.hook })
    const ada = connect(relay)
    await ada.welcomed()
    const n = ada.push('note/1', textUpdate('hello', 1))
    await held.entered
    const closed = relay.close()
    held.open()
    await Promise.all([closed, relay.close(), ada.until(() => ada.closedWith !== null)])
    expect(ada.isAcked(n)).toBe(true)
    expect(ada.closedWith).toBe(1012)
    expect(ada.messages.at(-1)).toMatchObject({ type: 'bye', code: 'relay/busy' })
    expect(disk.spaces.get('acme')?.head).toBe(1)
  })
})
