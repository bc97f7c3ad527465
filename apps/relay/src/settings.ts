/**
 * Everything about the relay that can be set, in one table: from it come the flags, the environment, the file, the help.
 *
 * A setting `maxConnections` is `--max-connections` on the command line, `TIDEMARK_RELAY_MAX_CONNECTIONS` in the environment, and
 * `"maxConnections"` in the file. Bounds of the relay (`defaultRelayBounds`) are `--limit maxRoots=10`,
 * `TIDEMARK_RELAY_LIMIT_MAX_ROOTS`, and `"limits": { "maxRoots": 10 }`.
 */
import { TidemarkError } from '@tidemark/base'
import { wireLimits } from '@tidemark/protocol'
import { defaultRelayBounds, type RelayBounds, serverLimits } from '@tidemark/relay'

/** What a setting takes: of a flag or the environment as text, of the file as JSON. */
type Kind = 'text' | 'number' | 'switch' | 'list'

export interface Setting {
  readonly kind: Kind
  readonly otherwise: string | number | boolean | null
  readonly help: string
  /** What stands for its value in the help. */
  readonly placeholder?: string
  readonly min?: number
  readonly max?: number
  readonly choices?: readonly string[]
  /** Never on the command line, where every process of the machine could read it, nor printed. */
  readonly isSecret?: boolean
}

const text = <T extends string | null>(otherwise: T, placeholder: string, help: string) =>
  ({ kind: 'text', otherwise, placeholder, help }) as const
const number = <T extends number | null>(otherwise: T, min: number, max: number, help: string) =>
  ({ kind: 'number', otherwise, min, max, placeholder: 'N', help }) as const
const toggle = (help: string) => ({ kind: 'switch', otherwise: false, help }) as const
const secret = (help: string) => ({ kind: 'text', otherwise: null, isSecret: true, help }) as const

const maxPort = 65_535

/** Where the data are: what every command needs. */
export const dataSettings = {
  data: text('./data', 'DIR', 'data directory, made when missing'),
  tombstones: text(null, 'FILE', 'names of what was purged; best on another volume than the data (purged.jsonl in the data directory)'),
} as const satisfies Record<string, Setting>

export const jwtSettings = {
  jwtSecretFile: text(null, 'FILE', 'sign in by tokens (HS256) whose secret, at least 32 bytes, stands in FILE'),
  jwtSecret: secret('the secret itself'),
} as const satisfies Record<string, Setting>

export const adminSettings = {
  adminSecretFile: text(null, 'FILE', 'the secret of the admin API, at least 32 bytes, stands in FILE'),
  adminSecret: secret('the secret itself'),
} as const satisfies Record<string, Setting>

export const serveSettings = {
  port: number(8787, 0, maxPort, 'port to listen on, 0 for any free one'),
  host: text('127.0.0.1', 'ADDRESS', 'address to listen on; 127.0.0.1 is this machine only'),
  ...dataSettings,
  ...jwtSettings,
  jwks: text(null, 'URL', 'sign in by tokens whose public keys are there'),
  jwtIssuer: text(null, 'NAME', 'who must have issued the tokens'),
  jwtAudience: text(null, 'NAME', 'whom they must be for'),
  allowAnonymous: toggle('instead of sign-in: whoever can connect may read, write and decide'),
  allowOrigin: {
    kind: 'list',
    otherwise: null,
    placeholder: 'ORIGIN',
    help: 'a page that may connect, like https://app.example; may be repeated (any)',
  },
  guard: text(null, 'FILE', 'watch over critical fields: the guard file, as guardFile([…]) gives it, in JSON'),
  hooks: text(null, 'FILE', 'a JavaScript module whose default export has hooks: onConnect, beforeCommit, arbitrate …'),
  webhooks: text(null, 'FILE', 'addresses to tell of changes, in JSON: [{ "url", "secret", "spaces"?, "prefix"?, "updates"? }]'),
  metrics: toggle('answer GET /metrics, for Prometheus'),
  ...adminSettings,
  backups: text(null, 'DIR', 'where backups go that the admin API is asked for'),
  insidePort: number(null, 0, maxPort, 'a port of its own for /metrics and /admin/v1, which then answer nowhere else'),
  insideHost: text('127.0.0.1', 'ADDRESS', 'the address of that port'),
  trustedProxies: number(0, 0, 16, 'proxies in front that add to X-Forwarded-For; with 0 it is not looked at'),
  maxConnections: number(serverLimits.maxConnections, 1, 1_000_000, 'connections in all'),
  maxConnectionsPerAddress: number(serverLimits.maxConnectionsPerAddress, 1, 1_000_000, 'connections of one address (IPv6: of one /64)'),
  drainMs: number(0, 0, 600_000, 'from the signal to stop until connections are closed: /readyz answers 503 meanwhile'),
  logLevel: {
    ...text('info', 'LEVEL', 'trace, debug, info, warn, error or silent'),
    choices: ['trace', 'debug', 'info', 'warn', 'error', 'silent'],
  },
  build: text('', 'TEXT', 'what /healthz and the metrics say of this build'),
  serve: text(null, 'DIR', 'also serve the built web app in DIR on the same port'),
} as const satisfies Record<string, Setting>

export type Settings = Readonly<Record<string, Setting>>

/** The value of each setting of a table. */
export type Values<S extends Settings> = { readonly [K in keyof S]: Value<S[K]> }
type Value<S extends Setting> = S['kind'] extends 'list'
  ? readonly string[] | null
  : S['kind'] extends 'switch'
    ? boolean
    : S['kind'] extends 'number'
      ? null extends S['otherwise']
        ? number | null
        : number
      : null extends S['otherwise']
        ? string | null
        : string

const wrong = (what: string): TidemarkError => new TidemarkError('relay/config', what)

/** @throws {TidemarkError} `relay/config`, naming the place it stands at. */
export function parseSetting(setting: Setting, value: unknown, place: string): string | number | boolean | readonly string[] {
  const { kind, min = 0, max = Number.MAX_SAFE_INTEGER, choices } = setting
  const shown = setting.isSecret === true ? 'what was given' : JSON.stringify(value)
  switch (kind) {
    case 'number': {
      const figure = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value
      if (typeof figure === 'number' && Number.isSafeInteger(figure) && figure >= min && figure <= max) return figure
      throw wrong(`${place} takes a number from ${min} to ${max}, not ${shown}`)
    }
    case 'switch':
      if (value === true || value === 'true' || value === '1') return true
      if (value === false || value === 'false' || value === '0' || value === '') return false
      throw wrong(`${place} takes true or false, not ${shown}`)
    case 'list': {
      const items = typeof value === 'string' ? value.split(',').map((item) => item.trim()) : value
      if (Array.isArray(items) && items.length > 0 && items.every((item) => typeof item === 'string' && item !== '')) return items
      throw wrong(`${place} takes one text or several, not ${shown}`)
    }
    case 'text':
      if (typeof value !== 'string' || (value === '' && setting.otherwise !== '')) throw wrong(`${place} takes a text, not ${shown}`)
      if (choices !== undefined && !choices.includes(value)) throw wrong(`${place} is one of ${choices.join(', ')}, not ${shown}`)
      return value
  }
}

/** Bounds by name; those within another have a dot: `updateRate.burst`. */
export const limitDefaults: ReadonlyMap<string, number> = new Map(flatten(defaultRelayBounds))

function flatten(bounds: object, before = ''): [string, number][] {
  return Object.entries(bounds).flatMap(([name, value]): [string, number][] => {
    // What is announced to clients is set like any other bound.
    const path = before === 'announced.' ? name : before + name
    return typeof value === 'number' ? [[path, value]] : flatten(value as object, `${path}.`)
  })
}

const announced = Object.keys(defaultRelayBounds.announced)

/** What the wire itself does not let be more. */
const limitMaxima: Readonly<Record<string, number>> = {
  maxFrameBytes: wireLimits.maxFrameBytes,
  maxUpdateBytes: wireLimits.maxMessageBytes,
  maxBatchItems: wireLimits.maxItems,
}

/** @throws {TidemarkError} `relay/config`. */
export const parseLimit = (name: string, value: unknown, place: string): number =>
  parseSetting(
    { kind: 'number', otherwise: null, help: '', min: 1, max: limitMaxima[name] ?? Number.MAX_SAFE_INTEGER },
    value,
    place,
  ) as number

/** Bounds as `createRelayServer` takes them. */
export function boundsOf(limits: ReadonlyMap<string, number>): RelayBounds {
  const bounds: Record<string, unknown> = structuredClone({ ...defaultRelayBounds })
  for (const [path, value] of limits) {
    const [name = '', inner] = announced.includes(path) ? ['announced', path] : path.split('.')
    if (inner === undefined) bounds[name] = value
    else (bounds[name] as Record<string, number>)[inner] = value
  }
  return bounds as unknown as RelayBounds
}
