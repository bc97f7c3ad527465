/**
 * `npm start`: builds the editor when its sources changed, starts the relay, which also serves it, and
 * prints one address.
 */
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createWriteStream, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { read, root, sourceFiles } from './files.ts'

const defaultPort = 4780
const usage = `npm start -- [--port ${defaultPort}] [--data .tidemark/data]

Starts the relay and Fieldbook, the editor, and prints the address to open.

  --port N     port of both, on this machine only
  --data DIR   where the relay keeps its log`

function stop(line: string, code = 1): never {
  console.error(line)
  process.exit(code)
}

function readOptions(): { port: number; data: string } {
  try {
    const { values } = parseArgs({ options: { port: { type: 'string' }, data: { type: 'string' }, help: { type: 'boolean', short: 'h' } } })
    if (values.help === true) {
      console.log(usage)
      process.exit(0)
    }
    const port = Number(values.port ?? defaultPort)
    if (!Number.isInteger(port) || port < 0 || port > 65_535) stop(`--port takes a whole number from 0 to 65535, not ${values.port}`)
    return { port, data: values.data ?? join(root, '.tidemark/data') }
  } catch (error) {
    return stop(`${(error as Error).message}\n\n${usage}`)
  }
}

/** Fails early, before the build, when the port is in use. */
function checkPort(port: number): Promise<void> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', (error: NodeJS.ErrnoException) => {
      stop(
        error.code === 'EADDRINUSE'
          ? `Port ${port} is taken. Choose another: npm start -- --port ${port + 1}`
          : `Port ${port} cannot be used: ${error.message}`,
      )
    })
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve()))
  })
}

function buildEditor(): void {
  const inputs = sourceFiles(['.ts', '.tsx', '.css', '.html', '.json', '.svg', '.yaml']).filter(
    (file) => !file.includes('/test/') && !file.includes('/e2e/') && !file.startsWith('scripts/'),
  )
  const hash = createHash('sha256')
  for (const file of inputs) hash.update(file).update(read(file))
  const fingerprint = hash.digest('hex')
  const stamp = join(root, 'apps/editor/dist/.built')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === fingerprint) return
  console.error('Building the editor…')
  const { status } = spawnSync('vite', ['build', '--logLevel', 'warn'], {
    cwd: join(root, 'apps/editor'),
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  if (status !== 0) stop('The editor could not be built; what went wrong stands above.')
  writeFileSync(stamp, fingerprint)
}

async function startRelay({ port, data }: { port: number; data: string }): Promise<void> {
  mkdirSync(data, { recursive: true })
  const logFile = join(data, 'relay.log')
  const args = ['--disable-warning=ExperimentalWarning', join(root, 'apps/relay/src/main.ts'), 'serve']
  args.push('--port', String(port), '--data', data, '--allow-anonymous', '--serve', join(root, 'apps/editor/dist'))
  console.error('Starting the relay…')
  const relay = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const said: string[] = []
  relay.stderr.on('data', (chunk: Buffer) => said.push(chunk.toString()))
  relay.stderr.pipe(createWriteStream(logFile, { flags: 'a' }))
  let isAsked = false
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      isAsked = true
      relay.kill('SIGTERM')
    })
  }
  relay.on('exit', (code) => {
    if (isAsked) stop('Stopped.', 0)
    stop(`The relay ended by itself (code ${code}). Its log: ${logFile}\n${said.join('').split('\n').slice(-5).join('\n')}`)
  })
  for await (const line of createInterface({ input: relay.stdout })) {
    const { url } = JSON.parse(line) as { url: string }
    console.log(
      `\nFieldbook is ready: ${url.replace(/^ws:\/\/127\.0\.0\.1/, 'http://localhost')}/\n\nOpen it in two browsers to see them agree. Ctrl+C stops it; everything is kept in ${data}`,
    )
  }
}

const options = readOptions()
await checkPort(options.port)
buildEditor()
await startRelay(options)
