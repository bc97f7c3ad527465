/**
 * What the relay answers over plain HTTP: health, readiness, metrics, the admin API, and an app's files.
 *
 * Invariants
 * 1. Every answer bears the request's id: the one that came, when it is a plain one, or one of its own.
 * 2. With a port for the inside, metrics and the admin API answer nowhere else.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Random, randomId } from '@tidemark/base'
import { type AdminApi, isAdminUrl } from './admin/api.ts'
import type { RelayLogger } from './logger.ts'
import type { RelayMetrics } from './metrics.ts'

export interface FrontOptions {
  readonly version: string
  readonly build: string
  readonly random: Random
  readonly logger: RelayLogger
  readonly metrics: RelayMetrics | null
  readonly admin: AdminApi | null
  readonly hasInside: boolean
  readonly onRequest: ((request: IncomingMessage, response: ServerResponse) => void) | null
  /** Whether the process serves, and whether it wants more connections. */
  state(): { readonly isAlive: boolean; readonly isReady: boolean }
}

export type Side = 'outside' | 'inside'

const plainId = /^[\w.:-]{1,128}$/

/** The id that a request is known by in log lines. */
export function requestIdOf({ headers }: IncomingMessage, random: Random): string {
  const given = headers['x-request-id']
  return typeof given === 'string' && plainId.test(given) ? given : randomId(random)
}

export class HttpFront {
  readonly #options: FrontOptions

  constructor(options: FrontOptions) {
    this.#options = options
  }

  request(request: IncomingMessage, response: ServerResponse, side: Side): void {
    const { version, build, metrics, admin, hasInside, onRequest, random, state } = this.#options
    const requestId = requestIdOf(request, random)
    response.setHeader('x-request-id', requestId)
    const url = request.url ?? ''
    const isInside = side === 'inside' || !hasInside
    if (url === '/healthz') {
      const { isAlive } = state()
      answer(response, isAlive ? 200 : 503, { ok: isAlive, version, build })
    } else if (url === '/readyz') {
      const { isReady } = state()
      answer(response, isReady ? 200 : 503, { ok: isReady })
    } else if (url === '/metrics' && metrics !== null && isInside) void this.#tellMetrics(response, metrics, requestId)
    else if (admin !== null && isInside && isAdminUrl(url.split('?', 1)[0] ?? '')) void admin(request, response, requestId)
    else if (onRequest !== null && side === 'outside') onRequest(request, response)
    else answer(response, 404, { ok: false })
  }

  async #tellMetrics(response: ServerResponse, metrics: RelayMetrics, requestId: string): Promise<void> {
    try {
      const text = await metrics.text()
      response.writeHead(200, { 'content-type': metrics.contentType, 'cache-control': 'no-store' }).end(text)
    } catch (error) {
      this.#options.logger.error({ err: error, requestId }, 'the metrics could not be told')
      answer(response, 500, { ok: false })
    }
  }
}

function answer(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' })
  response.end(JSON.stringify(body))
}
