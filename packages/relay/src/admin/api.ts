/**
 * The admin API over HTTP: signed in by a secret of its own, described by `openapi.json`, which it also serves.
 *
 * Invariants
 * 1. Without the secret nothing is told but that it is missing, not even which routes there are.
 * 2. Every failure is one JSON object with code, message, remedy and the request's id; nothing throws out of here.
 * 3. A body is bounded before it is read.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type ErrorCode, TidemarkError, toTidemarkError } from '@tidemark/base'
import type { RelayLogger } from '../logger.ts'
import description from './openapi.json' with { type: 'json' }
import { type AdminAnswer, type AdminContext, type AdminRequest, adminPath, type Route, routes } from './routes.ts'
import { createAdminCheck } from './secret.ts'

/** A body of JSON has no more bytes; one of a document's state may have as many as the relay takes of one. */
const maxJsonBytes = 64 << 10

export interface AdminOptions extends AdminContext {
  readonly secret: string
  readonly logger: RelayLogger
  readonly maxStateBytes: number
}

export type AdminApi = (request: IncomingMessage, response: ServerResponse, requestId: string) => Promise<void>

export const isAdminUrl = (url: string): boolean => url === adminPath || url.startsWith(`${adminPath}/`)

/** @throws {TidemarkError} `relay/config` when the secret is too short. */
export function createAdminApi(options: AdminOptions): AdminApi {
  const isSigned = createAdminCheck(options.secret)
  const { logger } = options
  return async (request, response, requestId) => {
    const [path = '', search = ''] = (request.url ?? '').split('?', 2)
    try {
      if (!isSigned(request))
        throw new TidemarkError('admin/unauthorized', 'the header Authorization: Bearer <admin secret> is missing or wrong')
      const answer = await answerTo(options, request, path.slice(adminPath.length), new URLSearchParams(search))
      if (request.method !== 'GET') logger.info({ requestId, method: request.method, path, status: answer.status }, 'an operator asked')
      send(response, answer)
    } catch (cause) {
      const error = toTidemarkError(cause, 'relay/log-failed')
      const { code, message, remedy } = error
      logger.warn(
        { requestId, method: request.method, path, code, err: statusOf(code) === 500 ? error : undefined },
        'an operator was refused',
      )
      // What was not read of a body that is too large is not waited for.
      if (code === 'admin/too-large') response.setHeader('connection', 'close')
      send(response, { status: statusOf(code), body: { error: { code, message: message.replace(`${code}: `, ''), remedy }, requestId } })
    }
  }
}

async function answerTo(options: AdminOptions, request: IncomingMessage, path: string, query: URLSearchParams): Promise<AdminAnswer> {
  if (path === '/openapi.json' && request.method === 'GET') return { status: 200, body: description }
  const parts = path.split('/').slice(1)
  const here = routes.flatMap((route) => {
    const params = matched(route, parts)
    return params === null ? [] : [{ route, params }]
  })
  const [one] = here.filter(({ route }) => route.method === request.method)
  if (one === undefined) {
    const methods = here.map(({ route }) => route.method).join(', ')
    throw here.length === 0
      ? new TidemarkError('admin/not-found', `nothing answers at ${path}; see ${adminPath}/openapi.json`)
      : new TidemarkError('admin/method', `${path} takes ${methods}`)
  }
  const asked: AdminRequest = {
    query,
    params: one.params,
    json: async () => parsed(await bodyOf(request, maxJsonBytes)),
    bytes: () => bodyOf(request, options.maxStateBytes),
  }
  return one.route.handle(options, asked)
}

/** The named parts of a path that fits the pattern, decoded; null when it does not. */
function matched({ path }: Route, parts: readonly string[]): Record<string, string> | null {
  const pattern = path.split('/').slice(1)
  if (pattern.length !== parts.length) return null
  const params: Record<string, string> = {}
  for (const [i, wanted] of pattern.entries()) {
    const part = parts[i] ?? ''
    if (!wanted.startsWith('{')) {
      if (wanted !== part) return null
    } else {
      params[wanted.slice(1, -1)] = decoded(part)
    }
  }
  return params
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch (cause) {
    throw new TidemarkError('admin/invalid', `${part} is not percent-encoded rightly`, { cause })
  }
}

async function bodyOf(request: IncomingMessage, maxBytes: number): Promise<Uint8Array> {
  const chunks: Buffer[] = []
  let bytes = 0
  const tooLarge = (): TidemarkError => new TidemarkError('admin/too-large', `the body has more than ${maxBytes} bytes`)
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw tooLarge()
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length
    if (bytes > maxBytes) throw tooLarge()
    chunks.push(chunk as Buffer)
  }
  return new Uint8Array(Buffer.concat(chunks))
}

function parsed(body: Uint8Array): Readonly<Record<string, unknown>> {
  if (body.length === 0) return {}
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(body))
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  } catch {
    // reason: whatever is wrong with it, the answer is the same.
  }
  throw new TidemarkError('admin/invalid', 'the body is not an object in JSON')
}

function send(response: ServerResponse, { status, body }: AdminAnswer): void {
  const headers = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' }
  if (body === null) response.writeHead(status, headers).end()
  else if (body instanceof Uint8Array) response.writeHead(status, { ...headers, 'content-type': 'application/octet-stream' }).end(body)
  else response.writeHead(status, { ...headers, 'content-type': 'application/json' }).end(JSON.stringify(body))
}

function statusOf(code: ErrorCode): number {
  switch (code) {
    case 'admin/unauthorized':
      return 401
    case 'relay/forbidden':
      return 403
    case 'admin/not-found':
      return 404
    case 'admin/method':
      return 405
    case 'relay/purged':
      return 410
    case 'admin/too-large':
    case 'relay/too-large':
      return 413
    case 'admin/invalid':
    case 'protocol/name':
      return 400
    case 'relay/config':
    case 'relay/incomplete':
      return 409
    case 'relay/invalid':
    case 'updates/invalid':
      return 422
    case 'relay/busy':
    case 'relay/limit':
      return 503
    case 'relay/disk-full':
    case 'relay/space-full':
      return 507
    default:
      return 500
  }
}
