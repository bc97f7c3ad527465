/** The published y-websocket as it is used: several tabs over a BroadcastChannel, and a token that may only read. */
import { systemClock, systemRandom } from '@tidemark/base'
import { afterEach, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { type Authorize, createMemoryDisk, createMemoryLog, createRelayServer, type MemoryDisk, type RelayServer } from '../src/index.ts'

const closers: (() => unknown)[] = []

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

async function start(authorize?: Authorize): Promise<RelayServer & { readonly disk: MemoryDisk }> {
  const disk = createMemoryDisk()
  const ports = { clock: systemClock, random: systemRandom }
  const server = await createRelayServer({
    log: createMemoryLog({ random: systemRandom, disk }),
    ...ports,
    port: 0,
    ...(authorize === undefined ? {} : { authorize }),
  })
  closers.push(() => server.close())
  return Object.assign(server, { disk })
}

interface Tab {
  readonly provider: WebsocketProvider
  readonly text: Y.Text
  /** Resolves as soon as `isTrue`, looked at on every event of the document, the provider and awareness. */
  until(isTrue: () => boolean): Promise<void>
}

function open({ url }: RelayServer, options: { readonly isTab?: boolean; readonly token?: string } = {}): Tab {
  const { isTab = false, token } = options
  const doc = new Y.Doc({ guid: 'note/1' })
  // reason: the provider's types ask for the browser's WebSocket, of which it uses the part that `ws` has.
  const WebSocketPolyfill = WebSocket as unknown as typeof globalThis.WebSocket
  const provider = new WebsocketProvider(`${url}/acme`, 'note/1', doc, {
    WebSocketPolyfill,
    disableBc: !isTab,
    ...(token === undefined ? {} : { params: { token } }),
  })
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
  return { provider, text: doc.getText('t'), until }
}

test('[P9] tabs of one browser share a document beside the relay too: nothing is stored twice, and who is there is told once', async () => {
  const server = await start()
  const tabs = [open(server, { isTab: true }), open(server, { isTab: true })] as const
  const away = open(server)
  await Promise.all([...tabs, away].map((one) => one.until(() => one.provider.synced)))
  const [first, second] = tabs
  first.text.insert(0, 'a')
  second.text.insert(0, 'b')
  await Promise.all([...tabs, away].map((one) => one.until(() => one.text.length === 2)))

  // Without a network the tabs still hear each other; what they wrote meanwhile comes up once they are back.
  for (const { provider } of tabs) provider.disconnect()
  // That also leaves the channel: a tab is back on it when it tries to connect.
  for (const { provider } of tabs) provider.connectBc()
  first.text.insert(0, 'c')
  second.text.insert(0, 'd')
  await Promise.all(tabs.map((one) => one.until(() => one.text.length === 4)))
  expect(away.text.length).toBe(2)
  for (const { provider } of tabs) provider.connect()
  await away.until(() => away.text.length === 4)
  expect(new Set([...tabs, away].map(({ text }) => text.toString())).size).toBe(1)

  first.provider.awareness.setLocalStateField('name', 'first')
  second.provider.awareness.setLocalStateField('name', 'second')
  const named = (): unknown[] => [...away.provider.awareness.getStates().values()].flatMap(({ name }) => (name === undefined ? [] : [name]))
  await away.until(() => named().length === 2)
  expect(named().sort()).toEqual(['first', 'second'])
  first.provider.destroy()
  await away.until(() => named().length === 1)
  expect(named()).toEqual(['second'])

  // Each edit stands in the log once, whichever tab brought it: four letters, four clocks.
  const stored = server.disk.spaces.get('acme')?.rows.filter(({ document }) => document === 'note/1') ?? []
  const clocks = stored.flatMap(({ update }) =>
    Y.decodeUpdate(update).structs.map(({ id, length }) => `${id.client}:${id.clock}+${length}`),
  )
  expect(clocks.length).toBe(4)
  expect(new Set(clocks).size).toBe(4)
})

test('[P7] [P9] a token that may only read shows the document and who is there; a write ends the connection for good, and is kept', async () => {
  const server = await start(({ token }) => {
    return { principal: token, grants: [{ prefix: '', access: token === 'reader' ? 'read' : 'write' }], expiresAtMs: null }
  })
  const writer = open(server, { token: 'writer' })
  const reader = open(server, { token: 'reader' })
  writer.text.insert(0, 'for all')
  await reader.until(() => reader.text.toString() === 'for all')
  // A reader is seen too, by the name that the relay gives it.
  reader.provider.awareness.setLocalStateField('name', 'reading')
  const seen = (): readonly unknown[] => [...writer.provider.awareness.getStates().values()].map(({ $user }) => $user)
  await writer.until(() => seen().includes('reader'))

  const closes: unknown[] = []
  reader.provider.on('closed', (event: unknown) => closes.push(event))
  reader.text.insert(0, 'not ')
  await reader.until(() => closes.length > 0)
  expect(closes).toMatchObject([{ code: 4403, reason: 'relay/forbidden' }])
  // Deletions too, which a replica answers with whatever it did itself, are no reason to turn a reader away.
  writer.text.delete(0, 4)
  const other = open(server, { token: 'reader' })
  await other.until(() => other.text.toString() === 'all')
  other.provider.disconnect()
  other.provider.connect()
  await other.until(() => other.provider.synced)
  // What it wrote offline is told of as soon as it is back.
  const ends: unknown[] = []
  other.provider.on('closed', (event: unknown) => ends.push(event))
  other.provider.disconnect()
  other.text.insert(0, 'offline ')
  other.provider.connect()
  await other.until(() => ends.length > 0)
  expect(ends).toMatchObject([{ code: 4403 }])
  writer.text.insert(0, 'for ')
  expect([reader.provider.shouldConnect, reader.text.toString(), writer.text.toString()]).toEqual([false, 'not for all', 'for all'])
})
