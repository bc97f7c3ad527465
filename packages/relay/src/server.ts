/**
 * The relay on a port: HTTP for health and, if given, an app's files; WebSocket upgrades for both protocols.
 *
 * Invariants
 * 1. No request, upgrade or socket can end the process.
 * 2. Connections are bounded, in all and for each address; beyond it an upgrade is answered 503.
 * 3. Compression is off: it would cost memory per connection and leak lengths.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { TidemarkError } from '@tidemark/base'
import { type WebSocket, WebSocketServer } from 'ws'
import { defaultRelayBounds, type RelayBounds } from './limits.ts'
import { silentLogger } from './logger.ts'
import { createMetrics, type RelayMetrics } from './metrics.ts'
import { readUpgradePath, type UpgradePath } from './paths.ts'
import { createRelay, type Relay, type RelayOptions } from './relay.ts'
import { createWebhooks, type WebhookOptions } from './webhooks.ts'
import { createWorkPool } from './work/work-pool.ts'
import { serveSocket } from './ws-socket.ts'

export interface RelayServerOptions extends RelayOptions {
  /** 0 takes any free port. */
  readonly port: number
  /** 127.0.0.1 unless said otherwise. */
  readonly host?: string
  /** What `/healthz` says. */
  readonly version?: string
  /** Origins of pages that may connect, like `https://app.example`; any when left out. Programs send none and may always. */
  readonly allowedOrigins?: readonly string[]
  /** Answers `GET /metrics`: keep it from the outside by what stands in front. */
  readonly metrics?: boolean
  /** Addresses that are told what changes. */
  readonly webhooks?: readonly WebhookOptions[]
  readonly maxConnections?: number
  readonly maxConnectionsPerAddress?: number
  /** Answers HTTP requests that are not the relay's own. */
  readonly onRequest?: (request: IncomingMessage, response: ServerResponse) => void
}

export interface RelayServer {
  /** Where clients connect, like `ws://127.0.0.1:8787`. */
  readonly url: string
  readonly port: number
  readonly relay: Relay
  /** Stops accepting, commits what is in flight, tells clients when to come back, closes the log; idempotent. */
  close(): Promise<void>
}

export const serverLimits = {
  maxConnections: 10_000,
  maxConnectionsPerAddress: 4_096,
  /** Connections that may wait for the relay to accept them, as after a restart. */
  backlog: 4_096,
  /** TCP connections beside those that became WebSockets. */
  plainConnections: 1_000,
  /** Room above the announced frame, within which a frame is answered by a typed goodbye. */
  frameSlackBytes: 64 << 10,
} as const

/** @throws {TidemarkError} `relay/config` when the port is taken or the address is not this machine's; the log stays open. */
export async function createRelayServer(options: RelayServerOptions): Promise<RelayServer> {
  const server = new NetworkServer(options)
  await server.listen()
  return server
}

class NetworkServer implements RelayServer {
  readonly relay: Relay
  url = ''
  port = 0
  readonly #options: RelayServerOptions
  readonly #http: Server
  readonly #tidemark: WebSocketServer
  readonly #stock: WebSocketServer
  readonly #metrics: RelayMetrics | null
  readonly #byAddress = new Map<string, number>()
  #connections = 0
  #closing: Promise<void> | null = null

  constructor(options: RelayServerOptions) {
    this.#options = options
    this.#metrics = options.metrics === true ? createMetrics() : null
    const { work = createWorkPool(options) } = options
    this.relay = createRelay({ ...options, work, ...(this.#metrics === null ? {} : { meter: this.#metrics.meter }) })
    const { webhooks = [], clock, random, logger = silentLogger } = options
    createWebhooks(this.relay, { hooks: webhooks, clock, random, logger, meter: this.#metrics?.meter ?? null })
    this.#metrics?.watch(() => this.relay.figures)
    const bounds: RelayBounds = { ...defaultRelayBounds, ...options.limits }
    const { maxFrameBytes, maxUpdateBytes } = bounds.announced
    const shared = { noServer: true, perMessageDeflate: false, clientTracking: false } as const
    this.#tidemark = new WebSocketServer({ ...shared, maxPayload: maxFrameBytes + serverLimits.frameSlackBytes })
    this.#stock = new WebSocketServer({ ...shared, maxPayload: maxUpdateBytes * 2 + serverLimits.frameSlackBytes })
    this.#http = createServer((request, response) => this.#request(request, response))
    this.#http.maxConnections = (options.maxConnections ?? serverLimits.maxConnections) + serverLimits.plainConnections
    this.#http.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head))
    this.#http.on('clientError', (_, socket) => socket.destroy())
  }

  listen(): Promise<void> {
    const { port: wanted, host = '127.0.0.1' } = this.#options
    return new Promise((resolve, reject) => {
      const onError = (cause: Error): void => {
        reject(new TidemarkError('relay/config', `cannot listen on ${host}:${wanted}: ${cause.message}`, { cause }))
      }
      this.#http.once('error', onError)
      this.#http.listen({ port: wanted, host, backlog: serverLimits.backlog }, () => {
        const { address, family, port } = this.#http.address() as AddressInfo
        this.port = port
        this.url = `ws://${family === 'IPv6' ? `[${address}]` : address}:${port}`
        this.#http.off('error', onError)
        this.#http.on('error', (error) => this.#options.logger?.error({ err: error }, 'the server failed'))
        resolve()
      })
    })
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#http.close(() => resolve()))
    await this.relay.close()
    this.#http.closeAllConnections()
    await closed
  }

  #request(request: IncomingMessage, response: ServerResponse): void {
    const { onRequest, version = '' } = this.#options
    if (request.url === '/healthz') {
      answer(response, this.#closing === null ? 200 : 503, { ok: this.#closing === null, version })
    } else if (request.url === '/readyz') {
      const isReady = this.#closing === null && this.port !== 0
      answer(response, isReady ? 200 : 503, { ok: isReady })
    } else if (request.url === '/metrics' && this.#metrics !== null) void this.#tellMetrics(response, this.#metrics)
    else if (onRequest !== undefined) onRequest(request, response)
    else answer(response, 404, { ok: false })
  }

  async #tellMetrics(response: ServerResponse, metrics: RelayMetrics): Promise<void> {
    try {
      const text = await metrics.text()
      response.writeHead(200, { 'content-type': metrics.contentType, 'cache-control': 'no-store' }).end(text)
    } catch (error) {
      this.#options.logger?.error({ err: error }, 'the metrics could not be told')
      answer(response, 500, { ok: false })
    }
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // Until `ws` has the socket, nobody else listens for its errors.
    const onError = (): void => void socket.destroy()
    socket.on('error', onError)
    const path = readUpgradePath(request.url ?? '')
    const address = request.socket.remoteAddress ?? ''
    const refusal = this.#refusal(path, request.headers.origin, address)
    if (path === null || refusal !== null) {
      socket.end(`HTTP/1.1 ${refusal}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
      return
    }
    const server = path.type === 'tidemark' ? this.#tidemark : this.#stock
    server.handleUpgrade(request, socket, head, (ws) => {
      socket.off('error', onError)
      this.#take(ws, path, { address, origin: request.headers.origin ?? '' })
    })
  }

  /** Why an upgrade is not taken, as a status line, or null. */
  #refusal(path: UpgradePath | null, origin: string | undefined, address: string): string | null {
    const { allowedOrigins, maxConnections, maxConnectionsPerAddress } = { ...serverLimits, ...definedOf(this.#options) }
    if (path === null) return '404 Not Found'
    if (this.#closing !== null) return '503 Service Unavailable'
    if (allowedOrigins !== undefined && origin !== undefined && !allowedOrigins.includes(origin)) return '403 Forbidden'
    const isFull = this.#connections >= maxConnections || (this.#byAddress.get(address) ?? 0) >= maxConnectionsPerAddress
    return isFull ? '503 Service Unavailable' : null
  }

  #take(ws: WebSocket, path: UpgradePath, info: { readonly address: string; readonly origin: string }): void {
    const { clock, logger = silentLogger } = this.#options
    const { address } = info
    this.#count(address, 1)
    try {
      serveSocket(
        ws,
        clock,
        (socket) =>
          path.type === 'tidemark'
            ? this.relay.connect(socket, info)
            : this.relay.connectStock(socket, path, { ...info, token: path.token }),
        () => this.#count(address, -1),
      )
    } catch (error) {
      logger.error({ err: error }, 'a connection could not be served')
      ws.terminate()
    }
  }

  #count(address: string, change: 1 | -1): void {
    this.#connections += change
    const count = (this.#byAddress.get(address) ?? 0) + change
    if (count > 0) this.#byAddress.set(address, count)
    else this.#byAddress.delete(address)
  }
}

/** The options that were given, so that those left out do not cover defaults. */
function definedOf({ allowedOrigins, maxConnections, maxConnectionsPerAddress }: RelayServerOptions): {
  allowedOrigins?: readonly string[]
  maxConnections?: number
  maxConnectionsPerAddress?: number
} {
  return {
    ...(allowedOrigins === undefined ? {} : { allowedOrigins }),
    ...(maxConnections === undefined ? {} : { maxConnections }),
    ...(maxConnectionsPerAddress === undefined ? {} : { maxConnectionsPerAddress }),
  }
}

function answer(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' })
  response.end(JSON.stringify(body))
}
