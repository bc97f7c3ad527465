import { createServer } from 'node:http'
import { connect as connectTcp } from 'node:net'
import { systemClock, systemRandom } from '@tidemark/base'
import { type ClientMessage, encodeClientMessages } from '@tidemark/protocol'
import { afterEach, describe, expect, test } from 'vitest'
import { createMemoryLog, createRelayServer, type RelayServer, type RelayServerOptions } from '../src/index.ts'
import { dial, speak } from './network.ts'
import { connect, textUpdate, WireClient } from './wire-client.ts'

const servers: RelayServer[] = []

async function start(options: Partial<RelayServerOptions> = {}): Promise<RelayServer> {
  const ports = { clock: systemClock, random: systemRandom }
  const server = await createRelayServer({ log: createMemoryLog(ports), ...ports, port: 0, version: '1.2.3', ...options })
  servers.push(server)
  return server
}

afterEach(async () => {
  for (const server of servers.splice(0)) await server.close()
})

/** A small seeded generator, so that a failing run can be repeated. */
function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state
  }
}

describe('the relay on a port', () => {
  test('syncs two clients', async () => {
    const { url } = await start()
    const [ada, bob] = [dial(url), dial(url)]
    await Promise.all([ada.welcomed(), bob.welcomed()])
    const n = ada.push('note/1', textUpdate('hello', 1))
    await Promise.all([ada.until(() => ada.isAcked(n)), bob.until(() => bob.state.documents.has('note/1'))])
    expect(bob.doc('note/1').getText('t').toString()).toBe('hello')
  })

  test('an update of many frames travels in chunks, both ways', async () => {
    const { url } = await start()
    const [ada, bob] = [dial(url, { credit: 1 }), dial(url, { credit: 1 })]
    await Promise.all([ada.welcomed(), bob.welcomed()])
    const n = ada.push('note/1', textUpdate('x'.repeat(3 << 20), 1))
    await Promise.all([ada.until(() => ada.isAcked(n)), bob.until(() => bob.state.cursor?.seq === 1)])
    expect(bob.doc('note/1').getText('t').length).toBe(3 << 20)
    const cal = dial(url)
    await cal.welcomed()
    await cal.until(() => cal.state.cursor?.seq === 1)
    expect(cal.doc('note/1').getText('t').length).toBe(3 << 20)
  })

  test('says that it is well, and 404 to what it does not know', async () => {
    const { port } = await start()
    const health = await fetch(`http://127.0.0.1:${port}/healthz`)
    expect([health.status, await health.json()]).toEqual([200, { ok: true, version: '1.2.3', build: '' }])
    expect((await fetch(`http://127.0.0.1:${port}/else`)).status).toBe(404)
  })

  test('a port that is taken is a typed error', async () => {
    const { port } = await start()
    await expect(start({ port })).rejects.toMatchObject({ code: 'relay/config' })
  })

  test('upgrades elsewhere, beyond the limit, or from a foreign origin are refused before they are sockets', async () => {
    const { url } = await start({ maxConnectionsPerAddress: 1, allowedOrigins: ['https://app.example'] })
    const status = async (path: string, origin?: string): Promise<string> => {
      const socket = connectTcp(Number(new URL(url).port), '127.0.0.1')
      const head = [
        'Connection: Upgrade',
        'Upgrade: websocket',
        'Sec-WebSocket-Version: 13',
        `Sec-WebSocket-Key: ${btoa('0123456789abcdef')}`,
      ]
      const lines = [`GET ${path} HTTP/1.1`, 'Host: relay', ...head, ...(origin === undefined ? [] : [`Origin: ${origin}`])]
      socket.write(`${lines.join('\r\n')}\r\n\r\n`)
      const [data] = (await new Promise((resolve) => socket.once('data', (bytes) => resolve([bytes])))) as [Buffer]
      socket.destroy()
      return data.toString().split(' ')[1] as string
    }
    for (const path of ['/', '/v2', '/v1/', '/acme', '/acme/', '/a%2Fb/c', '/acme/%', '/acme/a%00b']) {
      expect([path, await status(path)]).toEqual([path, '404'])
    }
    expect(await status('/v1', 'https://evil.example')).toBe('403')
    const ada = dial(url)
    await ada.welcomed()
    expect(await status('/v1', 'https://app.example')).toBe('503')
  })

  test('[P8] 1,000 random or cut-off messages end their connections with a code, and an honest client notices nothing', async () => {
    const { url } = await start()
    const ada = dial(url)
    await ada.welcomed()
    const next = seeded(7)
    const frame = (message: ClientMessage): Uint8Array => encodeClientMessages([message])[0] as Uint8Array
    const honest = frame({ ...new WireClient().hello(), space: 'hostile' })
    const update = textUpdate('x'.repeat(200), 1)
    const real = [
      honest,
      frame({ type: 'push', n: 1, document: 'note/1', update }),
      frame({ type: 'carry', n: 1, document: 'note/1', update }),
      frame({ type: 'chunk', totalBytes: 1_000, offset: 0, part: update }),
    ]
    const codes = new Map<number, number>()
    const attack = async (i: number): Promise<void> => {
      const random = Uint8Array.from({ length: 1 + ((next() >>> 8) % 200) }, () => next() >>> 24)
      const whole = real[(next() >>> 8) % real.length] as Uint8Array
      const cut = whole.subarray(0, 1 + ((next() >>> 8) % (whole.length - 1)))
      const garbage = i % 2 === 0 ? random : cut
      // Every fourth one comes behind an honest hello, a stock client's among them.
      const isStock = i % 8 === 4
      const code = isStock
        ? await speak(`${url}/hostile/doc`, [garbage, Uint8Array.of(0)])
        : await speak(`${url}/v1`, i % 4 === 1 ? [honest, garbage, Uint8Array.of(0)] : [garbage])
      codes.set(code, (codes.get(code) ?? 0) + 1)
    }
    for (let i = 0; i < 1_000; i += 20) {
      const n = ada.push(`note/${i}`, textUpdate('x', i + 1))
      await Promise.all(Array.from({ length: 20 }, (_, j) => attack(i + j)))
      await ada.until(() => ada.isAcked(n))
    }
    expect([...codes.keys()].every((code) => code === 4400 || code === 4404 || code === 4409 || code === 4413)).toBe(true)
    expect(ada.closedWith).toBeNull()
  }, 60_000)

  test('broken HTTP and broken upgrades end nothing but their own connection', async () => {
    const { url, port } = await start()
    const ada = dial(url)
    await ada.welcomed()
    for (const bytes of [
      '\x16\x03\x01\x02',
      'GET / HTTP/9.9\r\n\r\n',
      'GET /v1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
    ]) {
      await new Promise<void>((resolve) => {
        const socket = connectTcp(port, '127.0.0.1', () => socket.write(bytes))
        socket.on('error', () => undefined)
        socket.on('close', () => resolve())
        socket.resume()
      })
    }
    const n = ada.push('note/1', textUpdate('x', 1))
    await ada.until(() => ada.isAcked(n))
  })

  test('a text message and an overlong frame end the connection with a typed code', async () => {
    const { url } = await start()
    expect(await speak(`${url}/v1`, ['hello'])).toBe(4400)
    const ada = dial(url)
    await ada.welcomed()
    ada.sendBytes(new Uint8Array((1 << 20) + 1))
    await ada.until(() => ada.closedWith !== null)
    expect(ada.closedWith).toBe(4400)
    expect(ada.messages.at(-1)).toMatchObject({ type: 'bye', code: 'protocol/malformed' })
  })

  test('stopping says goodbye with a time to come back, and ends once', async () => {
    const server = await start()
    const ada = dial(server.url)
    await ada.welcomed()
    await Promise.all([server.close(), server.close()])
    await ada.until(() => ada.closedWith !== null)
    expect(ada.messages.at(-1)).toMatchObject({ type: 'bye', code: 'relay/busy' })
    expect(ada.closedWith).toBe(1012)
    const again = createServer()
    await new Promise<void>((resolve) => again.listen(server.port, '127.0.0.1', resolve))
    again.close()
  })
})

test('its metrics tell what it took, refused and holds, and only where they are asked for', async () => {
  const log = createMemoryLog({ random: systemRandom })
  const server = await createRelayServer({
    log,
    clock: systemClock,
    random: systemRandom,
    port: 0,
    metrics: true,
    limits: { maxDocumentBytes: 300 },
  })
  const text = async (): Promise<string> => (await fetch(`http://127.0.0.1:${server.port}/metrics`)).text()
  const ada = connect(server.relay)
  await ada.welcomed()
  const taken = ada.push('note/1', textUpdate('hello', 1))
  const refused = ada.push('note/2', textUpdate('x'.repeat(400), 2))
  await ada.until(() => ada.isAcked(taken) && ada.refused.has(refused))
  const small = ada.push('note/1', textUpdate('y', 3))
  await ada.until(() => ada.isAcked(small))
  const told = await text()
  for (const line of [
    'tidemark_sessions 1',
    'tidemark_updates_total 2',
    'tidemark_refusals_total{code="relay/too-large"} 1',
    'tidemark_commit_seconds_count 2',
    'tidemark_hot_documents 2',
    'tidemark_slow_readers 0',
  ])
    expect(told.split('\n')).toContain(line)
  expect(told).toMatch(/nodejs_eventloop_lag_seconds/)
  expect((await fetch(`http://127.0.0.1:${server.port}/readyz`)).status).toBe(200)
  await server.close()
  const plain = await createRelayServer({
    log: createMemoryLog({ random: systemRandom }),
    clock: systemClock,
    random: systemRandom,
    port: 0,
  })
  expect((await fetch(`http://127.0.0.1:${plain.port}/metrics`)).status).toBe(404)
  await plain.close()
})
