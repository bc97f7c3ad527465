import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Validator } from '@seriousme/openapi-schema-validator'
import { systemClock, systemRandom } from '@tidemark/base'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { afterEach, beforeEach, expect, test } from 'vitest'
import description from '../src/admin/openapi.json' with { type: 'json' }
import { routes } from '../src/admin/routes.ts'
import { createRelayServer, openSqliteLog, type RelayLogger, type RelayServer, type RelayServerOptions } from '../src/index.ts'
import { letters } from './log.contract.ts'
import { dial } from './network.ts'
import { textUpdate } from './wire-client.ts'

const secret = 'an admin secret of thirty-two bytes or more'
let root = ''
let server: RelayServer | null = null
const lines: { readonly fields: object; readonly message: string }[] = []

const logger: RelayLogger = {
  info: (fields, message) => void lines.push({ fields, message }),
  warn: (fields, message) => void lines.push({ fields, message }),
  error: (fields, message) => void lines.push({ fields, message }),
}

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tidemark-admin-'))
  mkdirSync(join(root, 'backups'))
  lines.length = 0
})

afterEach(async () => {
  await server?.close()
  server = null
  rmSync(root, { recursive: true })
})

async function start(options: Partial<RelayServerOptions> = {}): Promise<RelayServer> {
  const ports = { clock: systemClock, random: systemRandom, logger }
  const log = await openSqliteLog({ directory: join(root, 'data'), random: systemRandom })
  server = await createRelayServer({
    log,
    maintenance: log.maintenance,
    ...ports,
    port: 0,
    version: '1.2.3',
    build: 'abc',
    metrics: true,
    admin: { secret, backupDirectory: join(root, 'backups') },
    ...options,
  })
  return server
}

const spec = description as unknown as {
  readonly paths: Record<string, Record<string, { readonly operationId: string; readonly responses: Record<string, Answer> }>>
  readonly components: { readonly responses: { readonly Failure: Answer } }
}
interface Answer {
  readonly content?: Record<string, { readonly schema: object }>
}

const ajv = new Ajv2020({ strict: false, allErrors: true })
ajv.addSchema({ $id: 'spec', ...description })

/** What an operation answers, checked against the description. */
async function ask(
  method: string,
  pattern: string,
  params: Record<string, string> = {},
  body?: BodyInit,
  headers: Record<string, string> = {},
) {
  const path = pattern.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name] ?? ''))
  const query = new URLSearchParams(Object.entries(params).filter(([name]) => !pattern.includes(`{${name}}`)))
  const response = await fetch(`http://127.0.0.1:${server?.port}/admin/v1${path}?${query}`, {
    method,
    headers: { authorization: `Bearer ${secret}`, ...headers },
    ...(body === undefined ? {} : { body }),
  })
  const operation = spec.paths[pattern]?.[method.toLowerCase()]
  expect(operation, `${method} ${pattern} is described`).toBeDefined()
  const described = operation?.responses[response.status] ?? spec.components.responses.Failure
  const isJson = response.headers.get('content-type') === 'application/json'
  const value: unknown = isJson ? await response.json() : new Uint8Array(await response.arrayBuffer())
  if (isJson) {
    const where = `#/paths/${pattern.replaceAll('~', '~0').replaceAll('/', '~1')}/${method.toLowerCase()}/responses/${response.status}`
    const schema = {
      $ref: `spec${operation?.responses[response.status] === undefined ? '#/components/responses/Failure' : where}/content/application~1json/schema`,
    }
    const validate = ajv.compile(schema)
    expect([validate(value), validate.errors]).toEqual([true, null])
  }
  expect(described).toBeDefined()
  return { status: response.status, value, id: response.headers.get('x-request-id') }
}

test('the description is valid OpenAPI, and says of every route what there is, and of nothing else', async () => {
  const { valid, errors } = await new Validator().validate(structuredClone(description))
  expect([valid, errors]).toEqual([true, undefined])
  const described = Object.entries(spec.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { operationId }]) => `${method.toUpperCase()} ${path} ${operationId}`),
  )
  expect(described.sort()).toEqual(routes.map(({ method, path, operation }) => `${method} ${path} ${operation}`).sort())
})

test('every route answers as described: an operator lists, looks, exports, imports, compacts, backs up, verifies and purges', async () => {
  const { url } = await start()
  const ada = dial(url)
  await ada.welcomed()
  const n = ada.push('note/1', textUpdate('hello', 1))
  await ada.until(() => ada.isAcked(n))
  const document = { space: 'acme', document: 'note/1' }
  const one = '/spaces/{space}/documents/{document}'
  expect((await ask('GET', '/status')).value).toMatchObject({ version: '1.2.3', build: 'abc', figures: { sessions: 1 } })
  expect((await ask('GET', '/spaces')).value).toMatchObject({ spaces: [{ space: 'acme', documents: 1, head: 1 }] })
  expect((await ask('GET', '/spaces/{space}/documents', { space: 'acme', limit: '1' })).value).toMatchObject({
    documents: [{ document: 'note/1' }],
    next: 1,
  })
  expect((await ask('GET', one, document)).value).toMatchObject({ roots: ['t'], authors: [{ principal: 'anonymous', updates: 1 }] })
  const { value: state } = await ask('GET', `${one}/state`, document)
  expect(letters([state as Uint8Array])).toBe('ehllo')
  expect((await ask('PUT', `${one}/state`, { ...document, document: 'note/2' }, textUpdate('new', 2) as BodyInit)).status).toBe(204)
  await ada.until(() => ada.state.documents.has('note/2'))
  expect((await ask('POST', `${one}/compact`, document)).status).toBe(204)
  const backup = await ask('POST', '/backups', {}, JSON.stringify({ name: 'one.sqlite' }))
  expect([backup.status, readdirSync(join(root, 'backups'))]).toEqual([201, ['one.sqlite']])
  expect((await ask('POST', '/verify')).value).toMatchObject({ depth: 'full', documents: 2, problems: [] })
  expect((await ask('POST', '/verify', {}, '{"depth":"quick"}')).value).toMatchObject({ depth: 'quick', problems: [] })
  expect((await ask('POST', '/recheck', {}, '{"principal":"ann"}')).status).toBe(204)
  expect((await ask('DELETE', one, document)).status).toBe(204)
  expect((await ask('DELETE', one, document)).status).toBe(204)
  expect((await ask('GET', `${one}/state`, document)).status).toBe(404)
  expect(await ask('PUT', `${one}/state`, document, textUpdate('back', 3) as BodyInit)).toMatchObject({
    status: 410,
    value: { error: { code: 'relay/purged' } },
  })
})

test('what is wrong with a request is said by code and remedy, under the request’s id', async () => {
  await start({ limits: {} })
  const status = async (...args: Parameters<typeof ask>): Promise<number> => (await ask(...args)).status
  const one = '/spaces/{space}/documents/{document}'
  expect(await status('GET', '/spaces/{space}/documents', { space: 'none' })).toBe(404)
  expect(await status('GET', '/spaces/{space}/documents', { space: 'none', limit: '0' })).toBe(400)
  expect(await status('GET', one, { space: 'acme', document: 'none' })).toBe(404)
  expect(await status('PUT', `${one}/state`, { space: 'acme', document: 'note/1' }, 'rubbish')).toBe(422)
  expect(await status('PUT', `${one}/state`, { space: 'a/b', document: 'note/1' }, textUpdate('a', 1) as BodyInit)).toBe(400)
  expect(await status('POST', '/verify', {}, '[]')).toBe(400)
  expect(await status('POST', '/verify', {}, '{"depth":"deep"}')).toBe(400)
  expect(await status('POST', '/verify', {}, 'x'.repeat(100_000))).toBe(413)
  for (const name of ['../x', '', '.hidden', 'a/b']) expect(await status('POST', '/backups', {}, JSON.stringify({ name }))).toBe(400)
  const wrong = await ask('GET', '/status', {}, undefined, { authorization: `Bearer ${secret}!`, 'x-request-id': 'mine-1' })
  expect(wrong).toMatchObject({
    status: 401,
    id: 'mine-1',
    value: { requestId: 'mine-1', error: { remedy: expect.stringContaining('Authorization') } },
  })
  const base = `http://127.0.0.1:${server?.port}/admin/v1`
  expect((await fetch(`${base}/nothing`)).status).toBe(401)
  const signed = { headers: { authorization: `Bearer ${secret}` } }
  expect((await fetch(`${base}/nothing`, signed)).status).toBe(404)
  expect((await fetch(`${base}/spaces/%E0%A4%A/documents`, signed)).status).toBe(400)
  expect((await fetch(`${base}/status`, { ...signed, method: 'POST' })).status).toBe(405)
  expect((await fetch(`${base}/openapi.json`, signed)).status).toBe(200)
  expect(JSON.stringify(lines)).not.toContain(secret)
})

test('a secret that is too short, and a backup without a directory, are configuration errors', async () => {
  const log = await openSqliteLog({ directory: join(root, 'data'), random: systemRandom })
  const options = { log, clock: systemClock, random: systemRandom, port: 0, maintenance: log.maintenance }
  await expect(createRelayServer({ ...options, admin: { secret: 'short' } })).rejects.toMatchObject({ code: 'relay/config' })
  server = await createRelayServer({ ...options, admin: { secret } })
  expect((await ask('POST', '/backups', {}, '{"name":"x"}')).status).toBe(409)
})

test('with a port for the inside, metrics and the admin API answer there alone', async () => {
  const { port, insidePort } = await start({ inside: { port: 0 } })
  const status = async (at: number | null, path: string): Promise<number> =>
    (await fetch(`http://127.0.0.1:${at}${path}`, { headers: { authorization: `Bearer ${secret}` } })).status
  expect([await status(port, '/metrics'), await status(port, '/admin/v1/status'), await status(port, '/healthz')]).toEqual([404, 404, 200])
  expect([await status(insidePort, '/metrics'), await status(insidePort, '/admin/v1/status'), await status(insidePort, '/readyz')]).toEqual(
    [200, 200, 200],
  )
})

test('draining tells who routes here, and nobody else', async () => {
  const { port, url } = await start()
  server?.drain()
  expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(503)
  expect(await (await fetch(`http://127.0.0.1:${port}/healthz`)).json()).toEqual({ ok: true, version: '1.2.3', build: 'abc' })
  await dial(url).welcomed()
})

test('the metrics tell of build, room, integrity and backups, and the quick check is logged', async () => {
  const { port } = await start()
  await ask('POST', '/backups', {}, '{"name":"x"}')
  const deadline = async (): Promise<string> => {
    for (;;) {
      const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
      if (!text.includes('tidemark_integrity_problems Nan') && !text.includes('tidemark_integrity_problems NaN')) return text
    }
  }
  const text = await deadline()
  expect(text).toContain('tidemark_build_info{version="1.2.3",build="abc"} 1')
  expect(text).toContain('tidemark_integrity_problems 0')
  expect(text).toMatch(/tidemark_disk_free_bytes \d+/)
  expect(text).toMatch(/tidemark_database_bytes [1-9]/)
  expect(text).toMatch(/tidemark_last_backup_seconds [1-9]/)
  expect(lines.map(({ message }) => message)).toContain('the database is sound, by a quick check')
})
