import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { systemClock, systemRandom } from '@tidemark/base'
import { afterEach, expect, test } from 'vitest'
import { createMemoryLog, createRelayServer, createWebhooks, type RelayServer, verifyWebhook, type WebhookMessage } from '../src/index.ts'
import type { WebhookLimits } from '../src/webhooks.ts'
import { connect, textUpdate } from './wire-client.ts'

const secret = `whsec_${Buffer.from('a secret of at least 24 bytes').toString('base64')}`
const servers: RelayServer[] = []
const receivers: Server[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close()
  for (const receiver of receivers.splice(0)) {
    receiver.closeAllConnections()
    receiver.close()
  }
})

interface Received {
  readonly headers: IncomingHttpHeaders
  readonly body: string
  readonly message: WebhookMessage
}

/** An address that answers with these codes, then with 204; it takes only what is signed. */
async function receive(codes: number[] = []): Promise<{ url: string; received: Received[]; until(count: number): Promise<void> }> {
  const received: Received[] = []
  let look = (): void => undefined
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (part: string) => {
      body += part
    })
    request.on('end', () => {
      received.push({ headers: request.headers, body, message: verifyWebhook(secret, request.headers, body, Date.now()) })
      response.writeHead(codes.shift() ?? 204).end()
      look()
    })
  })
  receivers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const until = (count: number): Promise<void> =>
    new Promise((resolve) => {
      look = () => {
        if (received.length >= count) resolve()
      }
      look()
    })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, received, until }
}

async function serve(): Promise<RelayServer> {
  const log = createMemoryLog({ random: systemRandom })
  const server = await createRelayServer({ log, clock: systemClock, random: systemRandom, port: 0, metrics: true })
  servers.push(server)
  return server
}

const quick: Partial<WebhookLimits> = { retryMs: 1, maxRetryMs: 2 }

let clients = 0
async function write(server: RelayServer, ...documents: string[]): Promise<void> {
  const client = connect(server.relay)
  await client.welcomed()
  const last = documents.map((document) => client.push(document, textUpdate(document, ++clients))).at(-1) as number
  await client.until(() => client.isAcked(last))
  client.close()
}

const start = ({ relay }: RelayServer, url: string, more: object = {}, limits = quick) =>
  createWebhooks(relay, { hooks: [{ url, secret, ...more }], clock: systemClock, random: systemRandom, limits })

test('tell of changes, signed, and again with the same id until they are taken', async () => {
  const server = await serve()
  const { url, received, until } = await receive([500, 302])
  start(server, url, { prefix: 'note/' })
  await write(server, 'note/1', 'other/1')
  await until(3)
  expect(received.map(({ message }) => message.documents)).toEqual(
    Array.from({ length: 3 }, () => [{ document: 'note/1', seq: 1, principal: 'anonymous', bytes: expect.any(Number) }]),
  )
  expect(new Set(received.map(({ headers }) => headers['webhook-id'])).size).toBe(1)
  const [{ headers, body }] = received as [Received]
  const later = Date.now() + 301_000
  for (const [given, from, text] of [
    [secret, headers, `${body} `],
    [`${secret.slice(0, -4)}AAAA`, headers, body],
    [secret, { ...headers, 'webhook-timestamp': String(Math.floor(later / 1_000)) }, body],
  ] as const)
    expect(() => verifyWebhook(given, from, text, Date.now())).toThrow(expect.objectContaining({ code: 'relay/signed-out' }))
  expect(() => verifyWebhook(secret, headers, body, later)).toThrow(expect.objectContaining({ code: 'relay/signed-out' }))
})

test('that cannot be delivered are dead letters, which are counted and hold back nothing', async () => {
  const { url, received, until } = await receive([500, 500])
  const outcomes: string[] = []
  const server = await serve()
  const hooks = [{ url, secret, name: 'search' }]
  const meter = { webhook: (name: string, outcome: string) => void outcomes.push(`${name} ${outcome}`) }
  createWebhooks(server.relay, { hooks, clock: systemClock, random: systemRandom, meter, limits: { ...quick, attempts: 2 } })
  await write(server, 'note/1')
  await until(2)
  await write(server, 'note/2')
  await until(3)
  expect(received.at(-1)?.message.documents).toMatchObject([{ document: 'note/2' }])
  expect(outcomes.slice(0, 3)).toEqual(['search failed', 'search failed', 'search dead'])
})

test('show in the metrics of a server that has them, and end with it', async () => {
  const { url, until } = await receive()
  const log = createMemoryLog({ random: systemRandom })
  const ports = { clock: systemClock, random: systemRandom }
  const server = await createRelayServer({ log, ...ports, port: 0, metrics: true, webhooks: [{ url, secret, name: 'hook' }] })
  servers.push(server)
  await write(server, 'note/1')
  await until(1)
  const told = async (): Promise<string> => (await fetch(`http://127.0.0.1:${server.port}/metrics`)).text()
  await expect.poll(told).toContain('tidemark_webhooks_total{webhook="hook",outcome="delivered"} 1')
})

test.each([
  ['an address that is none', { url: 'ftp://x', secret }],
  ['a short secret', { url: 'http://x/', secret: 'whsec_AAAA' }],
  ['a secret without its mark', { url: 'http://x/', secret: secret.slice(6) }],
])('%s is refused at once', async (_what, hook) => {
  const { relay } = await serve()
  expect(() => createWebhooks(relay, { hooks: [hook], clock: systemClock, random: systemRandom })).toThrow(
    expect.objectContaining({ code: 'relay/config' }),
  )
})
