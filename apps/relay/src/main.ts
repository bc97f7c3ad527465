/**
 * The relay as a program: reads its options, puts the parts together, stops when it is told to.
 *
 * Standard output carries one line of JSON, once it listens; the log goes to standard error.
 */
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { systemClock, systemRandom, TidemarkError } from '@tidemark/base'
import { createRelayServer, jwtSignIn, openSqliteLog, type RelayHooks, type RelayServerOptions } from '@tidemark/relay'
import { destination, pino } from 'pino'
import sirv from 'sirv'
import manifest from '../package.json' with { type: 'json' }
import { help, readCommand, type ServeOptions } from './options.ts'
import { signToken } from './token.ts'

const logger = pino({}, destination({ fd: 2, sync: true }))

async function serve(options: ServeOptions): Promise<void> {
  const { port, host, data, app, signIn, origins, guard, metrics, webhooks } = options
  const files = app === null ? {} : { onRequest: serveApp(app) }
  const authorize = signIn === null ? {} : { authorize: jwtSignIn(signIn) }
  const allowed = origins === null ? {} : { allowedOrigins: origins }
  const watched = guard === null ? {} : { guardFile: guard }
  const hooked = options.hooks === null ? {} : { hooks: await loadHooks(options.hooks) }
  const ports = { clock: systemClock, random: systemRandom, logger }
  const log = await openSqliteLog({ directory: data, ...ports, onDeath: fail })
  try {
    const server = await createRelayServer({
      log,
      ...ports,
      port,
      host,
      version: manifest.version,
      ...files,
      ...authorize,
      ...allowed,
      ...watched,
      ...hooked,
      webhooks,
      metrics,
    })
    const stop = (signal: string): void => {
      logger.info({ signal }, 'stopping')
      server.close().then(
        () => process.exit(0),
        (error) => fail(error),
      )
    }
    process.once('SIGTERM', stop)
    process.once('SIGINT', stop)
    process.stdout.write(`${JSON.stringify({ url: server.url, pid: process.pid })}\n`)
    logger.info({ url: server.url, data, signIn: signIn === null ? 'none' : 'jwt' }, 'listening')
    if (guard === null) logger.warn('no guard file: decisions, and plain writes that end a conflict, are not checked')
  } catch (error) {
    await log.close()
    throw error
  }
}

const hookNames = ['onConnect', 'beforeCommit', 'afterCommit', 'onDisconnect', 'arbitrate'] as const

/** @throws {TidemarkError} `relay/config` when the module cannot be loaded, or exports something else. */
async function loadHooks(path: string): Promise<RelayHooks> {
  let hooks: unknown
  try {
    hooks = ((await import(pathToFileURL(path).href)) as { readonly default?: unknown }).default
  } catch (cause) {
    throw new TidemarkError('relay/config', `--hooks ${path} cannot be loaded: ${String(cause)}`, { cause })
  }
  const names: readonly string[] = hookNames
  const entries = typeof hooks === 'object' && hooks !== null ? Object.entries(hooks) : []
  if (entries.length > 0 && entries.every(([name, hook]) => names.includes(name) && typeof hook === 'function')) return hooks as RelayHooks
  throw new TidemarkError('relay/config', `--hooks ${path} has functions by the names of ${hookNames.join(', ')} as its default export`)
}

/** A single-page app: what is no file gets the page. */
function serveApp(directory: string): NonNullable<RelayServerOptions['onRequest']> {
  if (statSync(join(directory, 'index.html'), { throwIfNoEntry: false }) === undefined) {
    throw new TidemarkError('relay/config', `--serve ${directory} holds no index.html; build the app first`)
  }
  const handle = sirv(directory, { single: true, etag: true })
  return (request, response) =>
    handle(request, response, () => {
      response.writeHead(404)
      response.end()
    })
}

function fail(error: unknown): never {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exit(1)
}

async function run(): Promise<void> {
  const command = readCommand(process.argv.slice(2), process.env)
  if (command.command === 'help') process.stdout.write(help)
  else if (command.command === 'token') process.stdout.write(`${await signToken(command)}\n`)
  else await serve(command)
}

run().catch(fail)
