import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type RelayProcess, runRelay, startRelay } from './relay-process.ts'

const directory = mkdtempSync(join(tmpdir(), 'tidemark-relay-'))
let relay: RelayProcess | null = null

afterEach(async () => {
  await relay?.end('SIGKILL')
  relay = null
  rmSync(directory, { recursive: true, force: true })
})

const data = join(directory, 'data')

describe('the options of sign-in', () => {
  const secretFile = join(directory, 'secret')
  beforeEach(() => {
    mkdirSync(directory, { recursive: true })
    writeFileSync(secretFile, 'a secret of thirty-two bytes, at least\n')
  })

  test('sign a token that the relay takes, and no other', async () => {
    relay = await startRelay(['--port', '0', '--data', data, '--jwt-secret-file', secretFile])
    const { stdout } = await runRelay(['token', '--jwt-secret-file', secretFile, '--user', 'ann', '--grant', 'acme:note/=write'])
    const dial = (document: string, token: string): Promise<number> =>
      new Promise((resolve) => {
        const socket = new WebSocket(`${relay?.url}/acme/${document}?token=${token}`)
        socket.onclose = ({ code }) => resolve(code)
        socket.onmessage = () => {
          resolve(0)
          socket.close()
        }
      })
    expect(await dial('note/1', stdout.trim())).toBe(0)
    expect(await dial('other/1', stdout.trim())).toBe(4403)
    expect(await dial('note/1', '')).toBe(4401)
    expect(relay.log()).not.toContain(stdout.trim().split('.')[1])
  })
})

describe('the relay as a program', () => {
  test('prints one line of JSON when it listens, and stops cleanly when told to', async () => {
    relay = await startRelay(['serve', '--port', '0', '--data', data, '--allow-anonymous'])
    const { port, hostname } = new URL(relay.url)
    expect(hostname).toBe('127.0.0.1')
    expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200)
    expect(await relay.end('SIGINT')).toBe(0)
    relay = null
  })

  test('serves a built app on the same port, with its page for every path', async () => {
    const app = join(directory, 'app')
    mkdirSync(app, { recursive: true })
    writeFileSync(join(app, 'index.html'), '<title>app</title>')
    writeFileSync(join(app, 'app.js'), 'run()')
    relay = await startRelay(['--port', '0', '--data', data, '--allow-anonymous', '--serve', app])
    const base = relay.url.replace('ws:', 'http:')
    const text = async (path: string): Promise<string> => (await fetch(base + path)).text()
    expect(await Promise.all(['/', '/notes/1', '/app.js'].map(text))).toEqual(['<title>app</title>', '<title>app</title>', 'run()'])
    expect(JSON.parse(await text('/healthz'))).toMatchObject({ ok: true })
  })

  test.each([
    ['without a way to sign in', ['--port', '0', '--data', data], 'say how to sign in'],
    ['with an app that is not built', ['--port', '0', '--data', data, '--allow-anonymous', '--serve', directory], 'build the app first'],
  ])('%s it says why in one line and ends with 1', async (_, args, reason) => {
    const { code, stdout, stderr } = await runRelay(args)
    expect([code, stdout]).toEqual([1, ''])
    expect(stderr.trim().split('\n')).toEqual([expect.stringContaining(reason)])
  })

  test('a port that is taken is one line and exit code 1', async () => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    const { port } = other.address() as { port: number }
    const { code, stderr } = await runRelay(['--port', String(port), '--data', data, '--allow-anonymous'])
    other.close()
    expect(code).toBe(1)
    expect(stderr.trim().split('\n')).toEqual([expect.stringContaining(`cannot listen on 127.0.0.1:${port}`)])
  })

  test.each([
    ['an unknown flag', ['--prot', '1'], '--port'],
    ['an unknown command', ['verfy'], 'verify'],
  ])('%s is one line that names the nearest, and exit code 1', async (_, args, near) => {
    const { code, stderr } = await runRelay(args)
    expect(code).toBe(1)
    expect(stderr.trim().split('\n')).toEqual([expect.stringContaining(near)])
  })

  test('--help tells of every command, flag and variable, and --version the version', async () => {
    const [all, serve, version] = await Promise.all([runRelay(['--help']), runRelay(['serve', '--help']), runRelay(['--version'])])
    expect([all.code, serve.code, version.code, version.stdout]).toEqual([0, 0, 0, '0.1.0\n'])
    for (const command of ['serve', 'list', 'inspect', 'export', 'import', 'compact', 'verify', 'purge', 'backup', 'restore', 'token'])
      expect(all.stdout).toMatch(new RegExp(`^  ${command}\\b`, 'm'))
    expect(serve.stdout).toContain('--max-connections <N>')
    expect(serve.stdout).toContain('TIDEMARK_RELAY_MAX_CONNECTIONS')
    expect(serve.stdout).not.toContain('--jwt-secret <')
  })

  test('--print-config tells what counts and from where, and no secret', async () => {
    const config = join(directory, 'relay.json')
    mkdirSync(directory, { recursive: true })
    writeFileSync(config, JSON.stringify({ port: 1, host: '::', limits: { maxRoots: 9 } }))
    process.env.TIDEMARK_RELAY_JWT_SECRET = 'never to be seen in any output at all'
    const { code, stdout } = await runRelay(['--print-config', '--config', config, '--port', '2', '--limit', 'updateRate.burst=7'])
    delete process.env.TIDEMARK_RELAY_JWT_SECRET
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      settings: {
        port: { value: 2, from: 'flag' },
        host: { value: '::', from: 'file' },
        data: { value: './data', from: 'default' },
        jwtSecret: { value: '(redacted)', from: 'environment' },
      },
      limits: { maxRoots: 9, 'updateRate.burst': 7, maxPushesInFlight: 256 },
    })
    expect(stdout).not.toContain('never to be seen')
  })

  test('a second relay on the same data is told so', async () => {
    relay = await startRelay(['--port', '0', '--data', data, '--allow-anonymous'])
    const { code, stderr } = await runRelay(['--port', '0', '--data', data, '--allow-anonymous'])
    expect([code, stderr]).toEqual([1, expect.stringContaining('in use by another relay')])
  })
})
