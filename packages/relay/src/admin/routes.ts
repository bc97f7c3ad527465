/** The routes of the admin API, as `openapi.json` describes them. */
import { TidemarkError } from '@tidemark/base'
import type { Maintenance } from '../maintenance.ts'
import type { Relay } from '../relay.ts'

export const adminPath = '/admin/v1'

/** What the routes work with. */
export interface AdminContext {
  readonly relay: Relay
  /** Null where the log has none, as in memory. */
  readonly maintenance: Maintenance | null
  /** What the process says of itself. */
  status(): object
  /** Where a backup of this name goes. @throws {TidemarkError} `relay/config` where none may be made. */
  backupPath(name: string): string
  /** Told of a backup that was made. */
  backedUp(): void
}

export interface AdminRequest {
  readonly query: URLSearchParams
  /** The parts of the path that the pattern names. */
  readonly params: Readonly<Record<string, string>>
  /** The body as JSON, an object; {} when there is none. @throws {TidemarkError} `admin/invalid`. */
  json(): Promise<Readonly<Record<string, unknown>>>
  bytes(): Promise<Uint8Array>
}

export interface AdminAnswer {
  readonly status: number
  readonly body: object | Uint8Array | null
}

export interface Route {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE'
  /** Behind `adminPath`; `{name}` is one percent-encoded part. */
  readonly path: string
  readonly operation: string
  handle(context: AdminContext, request: AdminRequest): Promise<AdminAnswer>
}

/** Who the log says did it. */
const operator = 'operator'
const documentPath = '/spaces/{space}/documents/{document}'

export const routes: readonly Route[] = [
  route('GET', '/status', 'status', async ({ status }) => ok(status())),
  route('GET', '/spaces', 'listSpaces', async (context) => ok({ spaces: await keeping(context).spaces() })),
  route('GET', '/spaces/{space}/documents', 'listDocuments', async (context, { params, query }) => {
    const limit = numberIn(query, 'limit', 100, 1, 1_000)
    const documents = await keeping(context).documents(params.space ?? '', numberIn(query, 'after', 0, 0, Number.MAX_SAFE_INTEGER), limit)
    if (documents === null) throw notFound(`no space ${params.space}`)
    return ok({ documents, next: documents.length < limit ? null : (documents.at(-1)?.number ?? null) })
  }),
  route('GET', documentPath, 'inspectDocument', async (context, { params }) =>
    ok(found(await keeping(context).document(params.space ?? '', params.document ?? ''), params)),
  ),
  route('GET', `${documentPath}/state`, 'exportDocument', async (context, { params }) => ({
    status: 200,
    body: found(await keeping(context).state(params.space ?? '', params.document ?? ''), params),
  })),
  route('PUT', `${documentPath}/state`, 'importDocument', async ({ relay }, { params, bytes }) => {
    await relay.carry(params.space ?? '', params.document ?? '', await bytes(), operator)
    return done
  }),
  route('DELETE', documentPath, 'purgeDocument', async ({ relay }, { params }) => {
    await relay.purge(params.space ?? '', params.document ?? '', operator)
    return done
  }),
  route('POST', `${documentPath}/compact`, 'compactDocument', async (context, { params }) => {
    found(await keeping(context).document(params.space ?? '', params.document ?? ''), params)
    await context.relay.compact(params.space ?? '', params.document ?? '')
    return done
  }),
  route('POST', '/verify', 'verify', async (context, { json }) => {
    const { depth = 'full' } = await json()
    if (depth !== 'quick' && depth !== 'full') throw invalid('depth is quick or full')
    return ok(await keeping(context).verify(depth))
  }),
  route('POST', '/backups', 'backup', async (context, { json }) => {
    const { name } = await json()
    if (typeof name !== 'string' || !/^[A-Za-z0-9][\w.-]{0,99}$/.test(name))
      throw invalid('name is 1 to 100 letters, digits, dots, dashes and underscores')
    const report = await keeping(context).backup(context.backupPath(name))
    context.backedUp()
    return { status: 201, body: report }
  }),
  route('POST', '/recheck', 'recheck', async ({ relay }, { json }) => {
    const { principal } = await json()
    if (principal !== undefined && typeof principal !== 'string') throw invalid('principal is a text')
    relay.recheck(principal)
    return done
  }),
]

function route(method: Route['method'], path: string, operation: string, handle: Route['handle']): Route {
  return { method, path, operation, handle }
}

const done: AdminAnswer = { status: 204, body: null }
const ok = (body: object): AdminAnswer => ({ status: 200, body })
const invalid = (what: string): TidemarkError => new TidemarkError('admin/invalid', what)
const notFound = (what: string): TidemarkError => new TidemarkError('admin/not-found', what)

function found<T>(value: T | null, { space, document }: Readonly<Record<string, string>>): T {
  if (value === null) throw notFound(`no document ${document} in ${space}`)
  return value
}

function keeping({ maintenance }: AdminContext): Maintenance {
  if (maintenance === null) throw notFound('this relay keeps no database')
  return maintenance
}

function numberIn(query: URLSearchParams, name: string, otherwise: number, min: number, max: number): number {
  const text = query.get(name)
  if (text === null) return otherwise
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= min && value <= max) return value
  throw invalid(`${name} is a number from ${min} to ${max}`)
}
