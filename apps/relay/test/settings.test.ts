import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defaultRelayBounds } from '@tidemark/relay'
import { afterAll, describe, expect, test } from 'vitest'
import { readSettings } from '../src/read-settings.ts'
import { type ServeValues, signInOf } from '../src/serve.ts'
import { boundsOf, serveSettings } from '../src/settings.ts'

const directory = mkdtempSync(join(tmpdir(), 'tidemark-settings-'))
afterAll(() => rmSync(directory, { recursive: true }))

function fileOf(content: unknown): string {
  const path = join(directory, 'config.json')
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
  return path
}

const read = (flags: Record<string, unknown> = {}, environment: Record<string, string> = {}) =>
  readSettings(serveSettings, flags, environment)

describe('settings', () => {
  test('are taken from flags before the environment, before the file, before defaults', () => {
    const config = fileOf({ port: 1, host: 'file', metrics: true, allowOrigin: ['https://file'] })
    const { values, sources } = read({ config, port: '3' }, { TIDEMARK_RELAY_PORT: '2', TIDEMARK_RELAY_HOST: 'environment' })
    expect(values).toMatchObject({ port: 3, host: 'environment', metrics: true, data: './data', allowOrigin: ['https://file'] })
    expect(sources).toMatchObject({ port: 'flag', host: 'environment', metrics: 'file', data: 'default' })
    expect(read({}, { TIDEMARK_RELAY_CONFIG: config, TIDEMARK_RELAY_ALLOW_ORIGIN: 'https://a, https://b' }).values).toMatchObject({
      port: 1,
      allowOrigin: ['https://a', 'https://b'],
    })
  })

  test('of bounds are taken by name, those within another too, in the same order', () => {
    const config = fileOf({ limits: { maxRoots: 1, updateRate: { burst: 1, perSecond: 5 }, maxUpdateBytes: 9 } })
    const { limits } = read(
      { config, limit: ['maxRoots=3'] },
      { TIDEMARK_RELAY_LIMIT_MAX_ROOTS: '2', TIDEMARK_RELAY_LIMIT_UPDATE_RATE_BURST: '2' },
    )
    expect(boundsOf(limits)).toEqual({
      ...defaultRelayBounds,
      announced: { ...defaultRelayBounds.announced, maxUpdateBytes: 9 },
      maxRoots: 3,
      updateRate: { perSecond: 5, burst: 2 },
    })
  })

  test.each<[string, Record<string, unknown>, Record<string, string>, string]>([
    ['a key of the file', { config: { prot: 1 } }, {}, 'do you mean port?'],
    ['a limit of the file', { config: { limits: { maxRoot: 1 } } }, {}, 'do you mean maxRoots?'],
    ['a limit of a flag', { limit: ['updateRate.brst=1'] }, {}, 'do you mean updateRate.burst?'],
    ['a variable', {}, { TIDEMARK_RELAY_PROT: '1' }, 'do you mean TIDEMARK_RELAY_PORT?'],
    ['a file that is not JSON', { config: '{' }, {}, 'cannot be read as JSON'],
    ['a file that is no object', { config: [] }, {}, 'is not an object'],
    ['a secret in the file', { config: { jwtSecret: 'x' } }, {}, 'a file of its own'],
    ['a number that is none', { port: 'x' }, {}, '--port takes a number from 0 to 65535, not "x"'],
    ['a number too large', {}, { TIDEMARK_RELAY_PORT: '70000' }, 'TIDEMARK_RELAY_PORT takes a number'],
    ['a switch that is none', { config: { metrics: 'maybe' } }, {}, '"metrics" in'],
    ['an unknown level', { logLevel: 'loud' }, {}, 'trace, debug, info'],
    ['a limit that the wire does not allow', { limit: ['maxFrameBytes=999999999'] }, {}, '--limit: maxFrameBytes takes a number'],
    ['a limit without a number', { limit: ['maxRoots'] }, {}, 'NAME=NUMBER'],
  ])('that are wrong are refused in one line that says what to do: %s', (_, { config, ...flags }, environment, said) => {
    const given = config === undefined ? flags : { ...flags, config: fileOf(config) }
    expect(() => read(given, environment)).toThrow(
      expect.objectContaining({ code: 'relay/config', message: expect.stringContaining(said) }),
    )
  })
})

describe('the options of sign-in', () => {
  const secret = 'a secret of thirty-two bytes, at least'
  const file = join(directory, 'secret')
  writeFileSync(file, `${secret}\n`)
  const signIn = (flags: Record<string, unknown>, environment: Record<string, string> = {}) =>
    signInOf(read(flags, environment).values as ServeValues)

  test('are a secret by file or environment, the address of keys, or none by intention', () => {
    expect(signIn({ jwtSecretFile: file, jwtIssuer: 'me' })).toEqual({ secret, issuer: 'me' })
    expect(signIn({}, { TIDEMARK_RELAY_JWT_SECRET: secret })).toEqual({ secret })
    expect(signIn({ jwks: 'https://id.example/keys' })).toEqual({ jwksUrl: 'https://id.example/keys' })
    expect(signIn({ allowAnonymous: true })).toBeNull()
  })

  test.each([
    [{}],
    [{ allowAnonymous: true, jwks: 'https://x' }],
    [{ jwks: 'https://x', jwtSecretFile: file }],
    [{ jwtSecretFile: '/nowhere' }],
  ])('%j is refused', (flags) => {
    expect(() => signIn(flags)).toThrow(expect.objectContaining({ code: 'relay/config' }))
  })
})
