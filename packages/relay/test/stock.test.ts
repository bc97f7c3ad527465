import { systemClock, systemRandom } from '@tidemark/base'
import { afterEach, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { createMemoryLog, createRelay, createRelayServer, type MemoryLogOptions, type Relay, type RelayServer } from '../src/index.ts'
import { ManualClock } from './manual-clock.ts'
import { dial } from './network.ts'
import { textUpdate } from './wire-client.ts'

const closers: (() => unknown)[] = []

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

async function start(log: Partial<MemoryLogOptions> = {}, limits = {}): Promise<RelayServer> {
  const ports = { clock: systemClock, random: systemRandom }
  const server = await createRelayServer({ log: createMemoryLog({ ...ports, ...log }), ...ports, port: 0, limits })
  closers.push(() => server.close())
  return server
}

interface Peer {
  readonly doc: Y.Doc
  readonly provider: WebsocketProvider
  readonly text: Y.Text
  /** Resolves as soon as `isTrue`, looked at on every event of the document, the provider and awareness. */
  until(isTrue: () => boolean): Promise<void>
}

function peer({ url }: RelayServer, document = 'note/1'): Peer {
  const doc = new Y.Doc({ guid: document })
  // reason: the provider's types ask for the browser's WebSocket, of which it uses the part that `ws` has.
  const WebSocketPolyfill = WebSocket as unknown as typeof globalThis.WebSocket
  const provider = new WebsocketProvider(`${url}/acme`, document, doc, { WebSocketPolyfill, disableBc: true })
  closers.push(() => {
    provider.destroy()
    doc.destroy()
  })
  const until = (isTrue: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      const check = (): void => {
        if (isTrue()) resolve()
      }
      doc.on('update', check)
      provider.on('sync', check)
      provider.on('status', check)
      provider.on('closed', check)
      provider.awareness.on('change', check)
      check()
    })
  return { doc, provider, text: doc.getText('t'), until }
}

/** A bare stock connection over an in-process relay: what it was sent, as hex. */
async function bare(relay: Relay) {
  const sent: string[] = []
  const closes: number[] = []
  const handlers = relay.connectStock(
    { send: (bytes) => sent.push(Buffer.from(bytes).toString('hex')), close: (code) => closes.push(code), bufferedBytes: 0 },
    { space: 'acme', document: 'note/1' },
  )
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
  handlers.open()
  await settle()
  const say = async (...bytes: number[]): Promise<void> => {
    handlers.message(Uint8Array.from(bytes))
    await settle()
  }
  return { sent, closes, say }
}

describe('a stock connection', () => {
  const step1 = '00000100'
  /** One character behind clock 4 of client 9, of which the relay knows nothing. */
  const gap = [1, 1, 9, 5, 0x84, 9, 4, 1, 0x78, 0]

  test('is asked for what the relay lacks at once, and once more for an update that builds on the unknown', async () => {
    const { sent, closes, say } = await bare(
      createRelay({ log: createMemoryLog({ random: systemRandom }), clock: systemClock, random: systemRandom }),
    )
    expect(sent).toEqual([step1])
    for (let i = 0; i < 3; i++) await say(0, 2, gap.length, ...gap)
    expect(sent).toEqual([step1, step1])
    expect(closes).toEqual([])
  })

  test('is closed for good by an invalid update, and by what is no message', async () => {
    const relay = createRelay({ log: createMemoryLog({ random: systemRandom }), clock: systemClock, random: systemRandom })
    const [one, two] = [await bare(relay), await bare(relay)]
    await one.say(0, 2, 10, 1, 1, 5, 0, 1, 1, 1, 0x74, 0, 0)
    await two.say(0, 2, 200)
    expect([one.closes, two.closes]).toEqual([[4400], [4400]])
  })

  test('hears something at least every 15 s, since the client takes 30 s of silence for a dead line', async () => {
    const clock = new ManualClock()
    const { sent } = await bare(createRelay({ log: createMemoryLog({ random: systemRandom }), clock, random: systemRandom }))
    clock.pass(15_000)
    expect(sent.slice(1)).toContain('010100')
  })
})

describe('a stock y-websocket client', () => {
  test('[P9] two converge, see each other, and find together again after a break', async () => {
    const server = await start()
    const [ada, bob] = [peer(server), peer(server)]
    await Promise.all([ada.until(() => ada.provider.synced), bob.until(() => bob.provider.synced)])
    ada.text.insert(0, 'hello')
    await bob.until(() => bob.text.toString() === 'hello')
    ada.provider.awareness.setLocalStateField('user', 'Ada')
    await bob.until(() => bob.provider.awareness.getStates().get(ada.doc.clientID)?.user === 'Ada')

    ada.provider.disconnect()
    await bob.until(() => !bob.provider.awareness.getStates().has(ada.doc.clientID))
    ada.text.insert(5, ' world')
    bob.text.insert(0, '> ')
    ada.provider.connect()
    await Promise.all([ada, bob].map((one) => one.until(() => one.text.toString() === '> hello world')))
    ada.provider.awareness.setLocalStateField('user', 'Ada again')
    await bob.until(() => bob.provider.awareness.getStates().get(ada.doc.clientID)?.user === 'Ada again')
  })

  test('[P9] shares documents with Tidemark clients, both ways', async () => {
    const server = await start()
    const ada = peer(server, 'note/with space/ä')
    await ada.until(() => ada.provider.synced)
    const bob = dial(server.url)
    await bob.welcomed()
    ada.text.insert(0, 'stock')
    await bob.until(() => bob.state.documents.has('note/with space/ä'))
    expect(bob.doc('note/with space/ä').getText('t').toString()).toBe('stock')
    bob.push('note/with space/ä', textUpdate('tide', 9))
    await ada.until(() => ada.text.toString().includes('tide'))
  })

  test('[P2] sees what others wrote only after the commit', async () => {
    const entered = Promise.withResolvers<void>()
    const passed = Promise.withResolvers<void>()
    const server = await start({
      beforeCommit: () => {
        entered.resolve()
        return passed.promise
      },
    })
    const [ada, bob] = [peer(server), peer(server)]
    await Promise.all([ada.until(() => ada.provider.synced), bob.until(() => bob.provider.synced)])
    ada.text.insert(0, 'hello')
    await entered.promise
    const late = peer(server)
    await late.until(() => late.provider.synced)
    expect([bob.text.toString(), late.text.toString()]).toEqual(['', ''])
    passed.resolve()
    await Promise.all([bob, late].map((one) => one.until(() => one.text.toString() === 'hello')))
  })

  test('[P8] a refused update closes with a code that it does not retry', async () => {
    const server = await start({}, { announced: { maxFrameBytes: 1 << 20, maxUpdateBytes: 1_000, maxPushesInFlight: 256 } })
    const ada = peer(server)
    let code = 0
    ada.provider.on('closed', (event) => {
      code = event.code
    })
    await ada.until(() => ada.provider.synced)
    ada.text.insert(0, 'x'.repeat(1_001))
    await ada.until(() => code !== 0)
    expect(code).toBe(4413)
  })

  test('what fell out of the recent commits still arrives', async () => {
    const server = await start({}, { maxRingItems: 1, highWaterBytes: 0 })
    const [ada, bob] = [peer(server), peer(server)]
    await Promise.all([ada.until(() => ada.provider.synced), bob.until(() => bob.provider.synced)])
    for (let i = 0; i < 50; i++) {
      ada.text.insert(0, 'x')
      peer(server, `note/${i}`).text.insert(0, 'y')
    }
    await bob.until(() => bob.text.length === 50)
  })
})
