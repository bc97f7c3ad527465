/**
 * The relay on a port: WebSocket upgrades for both protocols, and plain HTTP (`http-front.ts`); on a second port, if asked for,
 * what is for the inside alone.
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
import { addressGroup, clientAddress } from './client-address.ts'
import { HttpFront, requestIdOf } from './http-front.ts'
import { defaultRelayBounds, type RelayBounds } from './limits.ts'
import { silentLogger } from './logger.ts'
import type { Maintenance } from './maintenance.ts'
import { createMetrics, type RelayMetrics } from './metrics.ts'
import { Operation } from './operation.ts'
import { readUpgradePath, type UpgradePath } from './paths.ts'
import { type ConnectionInfo, createRelay, type Relay, type RelayOptions } from './relay.ts'
import { createWebhooks, type WebhookOptions } from './webhooks.ts'
import { createWorkPool } from './work/work-pool.ts'
import { createFramer } from './ws-framing.ts'
import { serveSocket } from './ws-socket.ts'

export interface RelayServerOptions extends RelayOptions {
  /** 0 takes any free port. */
  readonly port: number
  /** 127.0.0.1 unless said otherwise. */
  readonly host?: string
  /** What `/healthz` says: of the software, and which build of it. */
  readonly version?: string
  readonly build?: string
  /** Origins of pages that may connect, like `https://app.example`; any when left out. Programs send none and may always. */
  readonly allowedOrigins?: readonly string[]
  /** Answers `GET /metrics`: keep it from the outside by what stands in front, or by `inside`. */
  readonly metrics?: boolean
  /** Addresses that are told what changes. */
  readonly webhooks?: readonly WebhookOptions[]
  /** Answers `/admin/v1`, where its secret is told; backups go into the directory, or are not made. */
  readonly admin?: { readonly secret: string; readonly backupDirectory?: string }
  /** A port of its own for `/metrics` and `/admin/v1`, which then answer nowhere else. */
  readonly inside?: { readonly port: number; readonly host?: string }
  /** Proxies in front, each of which adds to `X-Forwarded-For`; 0 unless said otherwise, and the header is not looked at then. */
  readonly trustedProxies?: number
  /** What operators ask of the log; checked quickly in the background once the relay listens. */
  readonly maintenance?: Maintenance
  readonly maxConnections?: number
  readonly maxConnectionsPerAddress?: number
  /** Answers HTTP requests that are not the relay's own. */
  readonly onRequest?: (request: IncomingMessage, response: ServerResponse) => void
}

export interface RelayServer {
  /** Where clients connect, like `ws://127.0.0.1:8787`. */
  readonly url: string
  readonly port: number
  /** The port for the inside; null without one. */
  readonly insidePort: number | null
  readonly relay: Relay
  /** From now on `/readyz` answers 503, so that nobody new is sent here; everything else goes on. */
  drain(): void
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
  insidePort: number | null = null
  readonly #options: RelayServerOptions
  readonly #http: Server
  readonly #tidemark: WebSocketServer
  readonly #stock: WebSocketServer
  readonly #metrics: RelayMetrics | null
  readonly #front: HttpFront
  readonly #inside: Server | null
  readonly #operation: Operation
  readonly #framer = createFramer()
  #isDraining = false
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
    this.#operation = new Operation(options, this.relay, this.#metrics)
    this.#front = new HttpFront({
      ...this.#operation.identity,
      random: options.random,
      logger: options.logger ?? silentLogger,
      metrics: this.#metrics,
      admin: this.#operation.api(bounds.announced.maxUpdateBytes),
      hasInside: options.inside !== undefined,
      onRequest: options.onRequest ?? null,
      state: () => ({ isAlive: this.#closing === null, isReady: this.#closing === null && !this.#isDraining && this.port !== 0 }),
    })
    this.#inside =
      options.inside === undefined ? null : createServer((request, response) => this.#front.request(request, response, 'inside'))
    this.#http = createServer((request, response) => this.#front.request(request, response, 'outside'))
    this.#http.maxConnections = (options.maxConnections ?? serverLimits.maxConnections) + serverLimits.plainConnections
    this.#http.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head))
    this.#http.on('clientError', (_, socket) => socket.destroy())
  }

  async listen(): Promise<void> {
    const { port, host = '127.0.0.1', inside } = this.#options
    try {
      if (this.#inside !== null && inside !== undefined) {
        const { port: taken } = await listenOn(this.#inside, inside.port, inside.host ?? '127.0.0.1')
        this.insidePort = taken
      }
      const { address, family, port: taken } = await listenOn(this.#http, port, host)
      this.port = taken
      this.url = `ws://${family === 'IPv6' ? `[${address}]` : address}:${taken}`
    } catch (error) {
      this.#inside?.close()
      throw error
    }
    this.#http.on('error', (error) => this.#options.logger?.error({ err: error }, 'the server failed'))
    this.#operation.start()
  }

  drain(): void {
    this.#isDraining = true
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    const servers = [this.#http, ...(this.#inside === null ? [] : [this.#inside])]
    const closed = servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())))
    await this.relay.close()
    for (const server of servers) server.closeAllConnections()
    await Promise.all(closed)
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // Until `ws` has the socket, nobody else listens for its errors.
    const onError = (): void => void socket.destroy()
    socket.on('error', onError)
    const path = readUpgradePath(request.url ?? '')
    const { random, trustedProxies = 0 } = this.#options
    const id = requestIdOf(request, random)
    const address = clientAddress(request, trustedProxies)
    const refusal = this.#refusal(path, request.headers.origin, address)
    if (path === null || refusal !== null) {
      this.#metrics?.meter.turnedAway(refusal ?? '')
      socket.end(`HTTP/1.1 ${refusal}\r\nX-Request-Id: ${id}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
      return
    }
    const server = path.type === 'tidemark' ? this.#tidemark : this.#stock
    server.handleUpgrade(request, socket, head, (ws) => {
      socket.off('error', onError)
      this.#take(ws, socket, path, { id, address, origin: request.headers.origin ?? '' })
    })
  }

  /** Why an upgrade is not taken, as a status line, or null. */
  #refusal(path: UpgradePath | null, origin: string | undefined, address: string): string | null {
    const { allowedOrigins, maxConnections, maxConnectionsPerAddress } = { ...serverLimits, ...definedOf(this.#options) }
    if (path === null) return '404 Not Found'
    if (this.#closing !== null) return '503 Service Unavailable'
    if (allowedOrigins !== undefined && origin !== undefined && !allowedOrigins.includes(origin)) return '403 Forbidden'
    const isFull = this.#connections >= maxConnections || (this.#byAddress.get(addressGroup(address)) ?? 0) >= maxConnectionsPerAddress
    return isFull ? '503 Service Unavailable' : null
  }

  #take(ws: WebSocket, stream: Duplex, path: UpgradePath, info: ConnectionInfo & { readonly address: string }): void {
    const { clock, logger = silentLogger } = this.#options
    const { address } = info
    this.#count(address, 1)
    try {
      serveSocket({ ws, stream, framer: this.#framer, clock, onClosed: () => this.#count(address, -1) }, (socket) =>
        path.type === 'tidemark' ? this.relay.connect(socket, info) : this.relay.connectStock(socket, path, { ...info, token: path.token }),
      )
    } catch (error) {
      logger.error({ err: error }, 'a connection could not be served')
      ws.terminate()
    }
  }

  #count(address: string, change: 1 | -1): void {
    this.#connections += change
    const group = addressGroup(address)
    const count = (this.#byAddress.get(group) ?? 0) + change
    if (count > 0) this.#byAddress.set(group, count)
    else this.#byAddress.delete(group)
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

function listenOn(server: Server, port: number, host: string): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    const onError = (cause: Error): void => {
      reject(new TidemarkError('relay/config', `cannot listen on ${host}:${port}: ${cause.message}`, { cause }))
    }
    server.once('error', onError)
    server.listen({ port, host, backlog: serverLimits.backlog }, () => {
      server.off('error', onError)
      resolve(server.address() as AddressInfo)
    })
  })
}
