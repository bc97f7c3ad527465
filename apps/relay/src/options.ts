/** The command line of the relay: read, checked, and explained. */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { TidemarkError } from '@tidemark/base'
import { type Access, accessLevels } from '@tidemark/protocol'
import type { JwtSignInOptions, WebhookOptions } from '@tidemark/relay'
import { type GuardFile, parseGuardFile } from '@tidemark/schema'

/** How connections are signed in; null where whoever can connect may do everything. */
export type SignInOptions = Pick<JwtSignInOptions, 'secret' | 'jwksUrl' | 'issuer' | 'audience'> | null

export interface ServeOptions {
  readonly command: 'serve'
  readonly port: number
  readonly host: string
  /** The data directory. */
  readonly data: string
  /** A built web app to serve beside the relay; null for none. */
  readonly app: string | null
  readonly signIn: SignInOptions
  /** The app's critical and arbitrated fields; null when it was not given. */
  readonly guard: GuardFile | null
  readonly metrics: boolean
  /** A module of the app's own hooks; null for none. */
  readonly hooks: string | null
  readonly webhooks: readonly WebhookOptions[]
  /** Origins of pages that may connect; null for any. */
  readonly origins: readonly string[] | null
}

export interface TokenOptions {
  readonly command: 'token'
  readonly secret: string
  readonly user: string
  readonly grants: readonly { readonly space: string; readonly prefix: string; readonly access: Access }[]
  readonly ttlS: number
}

export type Command = ServeOptions | TokenOptions | { readonly command: 'help' }

export const help = `tidemark-relay: durable relay for Tidemark and stock y-websocket clients

  serve                    run the relay (the default)
    --port N               port to listen on, 0 for any free one (8787)
    --host H               address to listen on (127.0.0.1, this machine only)
    --data DIR             data directory, made when missing (./data)
    --jwt-secret-file F    sign in by tokens (HS256) whose secret stands in F; or in TIDEMARK_JWT_SECRET
    --jwks URL             sign in by tokens whose public keys are there
    --jwt-issuer I         who must have issued them
    --jwt-audience A       whom they must be for
    --allow-anonymous      instead: whoever can connect may read, write and decide
    --allow-origin O       a page that may connect, like https://app.example; may be repeated (any)
    --guard F              watch over critical fields by the guard file F, as guardFile([…]) gives it, in JSON
    --hooks F              a JavaScript module whose default export has hooks: onConnect, beforeCommit, arbitrate …
    --webhooks F           addresses to tell of changes: JSON, [{ "url", "secret", "spaces"?, "prefix"?, "updates"? }]
    --metrics              answer GET /metrics, for Prometheus
    --serve DIR            also serve the built web app in DIR on the same port
  token                    print a token signed by the secret, for trying things out
    --user U               whom it is for
    --grant SPACE[:PREFIX]=ACCESS   what that one may do: read, write or decide; may be repeated
    --ttl SECONDS          how long it holds (3600)
    --jwt-secret-file F
  --help                   this text
`

type Environment = Readonly<Record<string, string | undefined>>

/** @throws {TidemarkError} `relay/config`, in one line that says what to do. */
export function readCommand(args: readonly string[], environment: Environment = {}): Command {
  const { values, positionals } = parse(args)
  if (values.help === true) return { command: 'help' }
  const [command = 'serve', ...rest] = positionals
  if (rest.length > 0 || (command !== 'serve' && command !== 'token')) throw wrong(`unknown command ${positionals.join(' ')}; see --help`)
  if (command === 'token') return readToken(values, environment)
  return {
    command: 'serve',
    port: readPort(values.port),
    host: values.host,
    data: values.data,
    app: values.serve ?? null,
    signIn: readSignIn(values, environment),
    origins: values['allow-origin'] ?? null,
    metrics: values.metrics ?? false,
    guard: values.guard === undefined ? null : readGuard(values.guard),
    hooks: values.hooks ?? null,
    webhooks: values.webhooks === undefined ? [] : readWebhooks(values.webhooks),
  }
}

type Values = ReturnType<typeof parse>['values']

const wrong = (what: string): TidemarkError => new TidemarkError('relay/config', what)

function readPort(text: string): number {
  const port = Number(text)
  if (/^\d+$/.test(text) && port <= 65_535) return port
  throw wrong(`--port takes a number from 0 to 65535, not ${JSON.stringify(text)}`)
}

function readSignIn(values: Values, environment: Environment): SignInOptions {
  const secret = readSecret(values, environment)
  const { jwks: jwksUrl, 'jwt-issuer': issuer, 'jwt-audience': audience } = values
  const ways = [secret, jwksUrl].filter((way) => way !== undefined).length
  if (values['allow-anonymous'] === true) {
    if (ways > 0) throw wrong('--allow-anonymous would let everybody past the sign-in: leave one of the two out')
    return null
  }
  if (ways !== 1)
    throw wrong('say how to sign in: --jwt-secret-file FILE or --jwks URL; or --allow-anonymous, and whoever can connect may do everything')
  return {
    ...(secret === undefined ? {} : { secret }),
    ...(jwksUrl === undefined ? {} : { jwksUrl }),
    ...(issuer === undefined ? {} : { issuer }),
    ...(audience === undefined ? {} : { audience }),
  }
}

/** A secret never stands on the command line, where every process of the machine could read it. */
function readSecret(values: Values, environment: Environment): string | undefined {
  const file = values['jwt-secret-file']
  if (file === undefined) return environment.TIDEMARK_JWT_SECRET
  try {
    return readFileSync(file, 'utf8').trim()
  } catch (cause) {
    throw new TidemarkError('relay/config', `--jwt-secret-file ${file} cannot be read`, { cause })
  }
}

function readGuard(path: string): GuardFile {
  try {
    return parseGuardFile(JSON.parse(readFileSync(path, 'utf8')))
  } catch (cause) {
    const why = cause instanceof TidemarkError ? cause.message : 'it cannot be read as JSON'
    throw new TidemarkError('relay/config', `--guard ${path} is no guard file: ${why}`, { cause })
  }
}

/** What an address and a secret are, `createWebhooks` knows. */
function readWebhooks(path: string): readonly WebhookOptions[] {
  let list: unknown
  try {
    list = JSON.parse(readFileSync(path, 'utf8'))
  } catch (cause) {
    throw new TidemarkError('relay/config', `--webhooks ${path} cannot be read as JSON`, { cause })
  }
  if (Array.isArray(list) && list.every(isWebhook)) return list
  throw wrong(`--webhooks ${path} is no list of { "url", "secret" } with perhaps "name", "spaces", "prefix" and "updates"`)
}

function isWebhook(value: unknown): value is WebhookOptions {
  const { url, secret, name, spaces, prefix, updates } = (value ?? {}) as Record<string, unknown>
  const isText = (one: unknown): boolean => typeof one === 'string'
  const isOptional = (one: unknown, test: (given: unknown) => boolean): boolean => one === undefined || test(one)
  return (
    isText(url) &&
    isText(secret) &&
    [name, prefix].every((one) => isOptional(one, isText)) &&
    isOptional(spaces, (one) => Array.isArray(one) && one.every(isText)) &&
    isOptional(updates, (one) => typeof one === 'boolean')
  )
}

function readToken(values: Values, environment: Environment): TokenOptions {
  const secret = readSecret(values, environment)
  if (secret === undefined) throw wrong('token needs the secret: --jwt-secret-file FILE, or TIDEMARK_JWT_SECRET')
  if (values.user === undefined) throw wrong('token needs --user')
  const ttlS = Number(values.ttl)
  if (!Number.isSafeInteger(ttlS) || ttlS <= 0) throw wrong(`--ttl takes seconds, not ${JSON.stringify(values.ttl)}`)
  const grants = (values.grant ?? []).map(readGrant)
  if (grants.length === 0) throw wrong('token needs --grant SPACE=ACCESS')
  return { command: 'token', secret, user: values.user, grants, ttlS }
}

function readGrant(text: string): TokenOptions['grants'][number] {
  const [, space = '', prefix = '', access = ''] = /^([^:=]+)(?::([^=]*))?=(\w+)$/.exec(text) ?? []
  if (accessLevels.includes(access as Access)) return { space, prefix, access: access as Access }
  throw wrong(`--grant takes SPACE[:PREFIX]=${accessLevels.join('|')}, not ${JSON.stringify(text)}`)
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        port: { type: 'string', default: '8787' },
        host: { type: 'string', default: '127.0.0.1' },
        data: { type: 'string', default: './data' },
        'jwt-secret-file': { type: 'string' },
        jwks: { type: 'string' },
        'jwt-issuer': { type: 'string' },
        'jwt-audience': { type: 'string' },
        'allow-anonymous': { type: 'boolean' },
        'allow-origin': { type: 'string', multiple: true },
        guard: { type: 'string' },
        metrics: { type: 'boolean' },
        hooks: { type: 'string' },
        webhooks: { type: 'string' },
        serve: { type: 'string' },
        user: { type: 'string' },
        grant: { type: 'string', multiple: true },
        ttl: { type: 'string', default: '3600' },
        help: { type: 'boolean', short: 'h' },
      },
    })
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause)
    throw new TidemarkError('relay/config', message.split('\n', 1)[0] ?? message, { cause })
  }
}
