/** Runs the relay: puts the parts together, stops when it is told to. */
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock, systemRandom, TidemarkError } from '@tidemark/base'
import { createRelayServer, type JwtSignInOptions, jwtSignIn, openSqliteLog, type RelayServerOptions } from '@tidemark/relay'
import { destination, type Logger, pino } from 'pino'
import sirv from 'sirv'
import manifest from '../package.json' with { type: 'json' }
import { loadHooks, readGuard, readWebhooks } from './app-files.ts'
import { readSecret } from './read-settings.ts'
import { boundsOf, type serveSettings, type Values } from './settings.ts'

export type ServeValues = Values<typeof serveSettings>

/** How connections are signed in; null where whoever can connect may do everything. */
export type SignInOptions = Pick<JwtSignInOptions, 'secret' | 'jwksUrl' | 'issuer' | 'audience'> | null

const wrong = (what: string, cause?: unknown): TidemarkError => new TidemarkError('relay/config', what, { cause })

/** @throws {TidemarkError} `relay/config` when nothing, or too much, is said about it. */
export function signInOf({ jwtSecretFile, jwtSecret, jwks, jwtIssuer, jwtAudience, allowAnonymous }: ServeValues): SignInOptions {
  const secret = readSecret(jwtSecretFile, jwtSecret, '--jwt-secret-file')
  const ways = [secret, jwks].filter((way) => way !== null).length
  if (allowAnonymous) {
    if (ways > 0) throw wrong('--allow-anonymous would let everybody past the sign-in: leave one of the two out')
    return null
  }
  if (ways !== 1)
    throw wrong('say how to sign in: --jwt-secret-file FILE or --jwks URL; or --allow-anonymous, and whoever can connect may do everything')
  return {
    ...(secret === null ? {} : { secret }),
    ...(jwks === null ? {} : { jwksUrl: jwks }),
    ...(jwtIssuer === null ? {} : { issuer: jwtIssuer }),
    ...(jwtAudience === null ? {} : { audience: jwtAudience }),
  }
}

/** Serves until a signal ends it; `fail` ends the process. */
export async function serve(values: ServeValues, limits: ReadonlyMap<string, number>, fail: (error: unknown) => never): Promise<void> {
  const logger = pino({ level: values.logLevel }, destination({ fd: 2, sync: true }))
  const signIn = signInOf(values)
  const guard = values.guard === null ? null : readGuard(values.guard)
  const adminSecret = readSecret(values.adminSecretFile, values.adminSecret, '--admin-secret-file')
  if (adminSecret === null && values.backups !== null) throw wrong('--backups is for the admin API, which needs --admin-secret-file')
  const hooks = values.hooks === null ? {} : await loadHooks(values.hooks)
  const webhooks = values.webhooks === null ? [] : readWebhooks(values.webhooks)
  const app = values.serve === null ? null : serveApp(values.serve)
  const ports = { clock: systemClock, random: systemRandom, logger }
  const { data: directory, tombstones } = values
  const log = await openSqliteLog({ directory, ...(tombstones === null ? {} : { tombstones }), ...ports, onDeath: fail })
  try {
    const server = await createRelayServer({
      log,
      maintenance: log.maintenance,
      ...ports,
      port: values.port,
      host: values.host,
      version: manifest.version,
      build: values.build,
      limits: boundsOf(limits),
      trustedProxies: values.trustedProxies,
      maxConnections: values.maxConnections,
      maxConnectionsPerAddress: values.maxConnectionsPerAddress,
      metrics: values.metrics,
      hooks,
      webhooks,
      ...(app === null ? {} : { onRequest: app }),
      ...(signIn === null ? {} : { authorize: jwtSignIn(signIn) }),
      ...(values.allowOrigin === null ? {} : { allowedOrigins: values.allowOrigin }),
      ...(guard === null ? {} : { guardFile: guard }),
      ...(adminSecret === null
        ? {}
        : { admin: { secret: adminSecret, ...(values.backups === null ? {} : { backupDirectory: values.backups }) } }),
      ...(values.insidePort === null ? {} : { inside: { port: values.insidePort, host: values.insideHost } }),
    })
    stopOnSignal(server, values.drainMs, logger, fail)
    const { url, insidePort } = server
    process.stdout.write(`${JSON.stringify({ url, pid: process.pid, ...(insidePort === null ? {} : { insidePort }) })}\n`)
    logger.info({ url, insidePort, data: directory, signIn: signIn === null ? 'none' : 'jwt', version: manifest.version }, 'listening')
    if (guard === null) logger.warn('no guard file: decisions, and plain writes that end a conflict, are not checked')
  } catch (error) {
    await log.close()
    throw error
  }
}

interface Stoppable {
  drain(): void
  close(): Promise<void>
}

/** The first signal drains and closes; another one meanwhile ends the wait. */
function stopOnSignal(server: Stoppable, drainMs: number, logger: Logger, fail: (error: unknown) => never): void {
  let close: (() => void) | null = null
  const stop = (signal: string): void => {
    if (close !== null) {
      close()
      return
    }
    logger.info({ signal, drainMs }, 'stopping')
    server.drain()
    let isClosing = false
    close = () => {
      if (isClosing) return
      isClosing = true
      server.close().then(() => process.exit(0), fail)
    }
    if (drainMs === 0) close()
    else systemClock.schedule(drainMs, close)
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
}

/** A single-page app: what is no file gets the page. */
function serveApp(directory: string): NonNullable<RelayServerOptions['onRequest']> {
  if (statSync(join(directory, 'index.html'), { throwIfNoEntry: false }) === undefined) {
    throw wrong(`--serve ${directory} holds no index.html; build the app first`)
  }
  const handle = sirv(directory, { single: true, etag: true })
  return (request, response) =>
    handle(request, response, () => {
      response.writeHead(404)
      response.end()
    })
}
