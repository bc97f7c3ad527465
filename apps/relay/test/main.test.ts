import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { readCommand } from '../src/options.ts'
import { type RelayProcess, runRelay, startRelay } from './relay-process.ts'

const directory = mkdtempSync(join(tmpdir(), 'tidemark-relay-'))
let relay: RelayProcess | null = null

afterEach(async () => {
  await relay?.end('SIGKILL')
  relay = null
  rmSync(directory, { recursive: true, force: true })
})

const data = join(directory, 'data')

describe('the command line', () => {
  test('serve is the default, and may be said first', () => {
    const expected = {
      command: 'serve',
      port: 8787,
      host: '127.0.0.1',
      data: './data',
      app: null,
      signIn: null,
      origins: null,
      guard: null,
      metrics: false,
      hooks: null,
      webhooks: [],
    }
    expect(readCommand(['--allow-anonymous'])).toEqual(expected)
    expect(readCommand(['serve', '--allow-anonymous', '--port', '0', '--host', '::', '--data', 'd', '--serve', 'dist'])).toEqual({
      ...expected,
      port: 0,
      host: '::',
      data: 'd',
      app: 'dist',
    })
    expect(readCommand(['--help'])).toEqual({ command: 'help' })
  })

  test.each([[['serve']], [['--port', 'x', '--allow-anonymous']], [['--port', '70000', '--allow-anonymous']], [['stop']], [['--unknown']]])(
    '%j is refused in one line that says what to do',
    (args) => {
      const refused = (() => {
        try {
          return readCommand(args)
        } catch (error) {
          return error
        }
      })()
      expect(refused).toMatchObject({ code: 'relay/config' })
      expect((refused as Error).message).not.toContain('\n')
    },
  )
})

describe('the options of sign-in', () => {
  const secretFile = join(directory, 'secret')
  beforeEach(() => {
    mkdirSync(directory, { recursive: true })
    writeFileSync(secretFile, 'a secret of thirty-two bytes, at least\n')
  })

  test('are a secret by file or environment, or the address of keys', () => {
    const secret = 'a secret of thirty-two bytes, at least'
    const signIn = (args: string[], environment = {}) => readCommand(args, environment)
    expect(signIn(['--jwt-secret-file', secretFile, '--jwt-issuer', 'me'])).toMatchObject({ signIn: { secret, issuer: 'me' } })
    expect(signIn([], { TIDEMARK_JWT_SECRET: secret })).toMatchObject({ signIn: { secret } })
    expect(signIn(['--jwks', 'https://id.example/keys', '--allow-origin', 'https://a', '--allow-origin', 'https://b'])).toMatchObject({
      signIn: { jwksUrl: 'https://id.example/keys' },
      origins: ['https://a', 'https://b'],
    })
  })

  test.each([
    [['--allow-anonymous', '--jwks', 'https://x']],
    [['--jwks', 'https://x', '--jwt-secret-file', secretFile]],
    [['--jwt-secret-file', '/nowhere']],
    [['--allow-anonymous', '--guard', secretFile]],
    [['--allow-anonymous', '--guard', '/nowhere']],
    [['token', '--user', 'ann', '--grant', 'acme=write']],
    [['token', '--jwt-secret-file', secretFile, '--grant', 'acme=write']],
    [['token', '--jwt-secret-file', secretFile, '--user', 'ann', '--grant', 'acme=all']],
    [['token', '--jwt-secret-file', secretFile, '--user', 'ann']],
  ])('%j is refused', (args) => {
    expect(() => readCommand(args)).toThrow(expect.objectContaining({ code: 'relay/config' }))
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

  test('a second relay on the same data is told so', async () => {
    relay = await startRelay(['--port', '0', '--data', data, '--allow-anonymous'])
    const { code, stderr } = await runRelay(['--port', '0', '--data', data, '--allow-anonymous'])
    expect([code, stderr]).toEqual([1, expect.stringContaining('in use by another relay')])
  })
})
