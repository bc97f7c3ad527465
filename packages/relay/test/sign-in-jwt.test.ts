import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Clock } from '@tidemark/base'
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type JwtSignInOptions, jwtSignIn, type SignIn } from '../src/index.ts'

const secret = 'a secret of thirty-two bytes, at least'
const nowS = 1_700_000_000
const clock: Clock = { now: () => nowS * 1_000, monotonic: () => 0, schedule: () => () => undefined }
const may = [{ space: 'acme', access: 'write' }]

async function token(claims: JWTPayload = {}, { key = secret, alg = 'HS256', kid = '' } = {}): Promise<string> {
  const payload = { sub: 'ann', exp: nowS + 60, tidemark: may, ...claims }
  return await new SignJWT(payload).setProtectedHeader({ alg, ...(kid === '' ? {} : { kid }) }).sign(new TextEncoder().encode(key))
}

const check = async (given: string, options: JwtSignInOptions = { secret }, space = 'acme'): Promise<SignIn> =>
  await jwtSignIn({ clock, ...options })({ token: given, space, address: '', origin: '' })

const signedOut = expect.objectContaining({ code: 'relay/signed-out' })
const wrongConfig = expect.objectContaining({ code: 'relay/config' })

describe('a token', () => {
  test('names its user, what that one may do in the space, and when it ends', async () => {
    const tidemark = [
      { space: '*', access: 'read' },
      { space: 'acme', access: 'write' },
      { space: 'acme', prefix: 'report/', access: 'decide' },
      { space: 'other', access: 'decide' },
    ]
    expect(await check(await token({ tidemark }))).toEqual({
      principal: 'ann',
      grants: [
        { prefix: '', access: 'read' },
        { prefix: '', access: 'write' },
        { prefix: 'report/', access: 'decide' },
      ],
      expiresAtMs: (nowS + 60 + 30) * 1_000,
    })
    expect((await check(await token({ tidemark }), { secret }, 'elsewhere')).grants).toEqual([{ prefix: '', access: 'read' }])
  })

  test.each<[string, () => Promise<string>]>([
    ['that has expired', () => token({ exp: nowS - 31 })],
    [
      'that does not expire',
      async () =>
        await new SignJWT({ sub: 'ann', tidemark: may }).setProtectedHeader({ alg: 'HS256' }).sign(new TextEncoder().encode(secret)),
    ],
    ['that is not valid yet', () => token({ nbf: nowS + 31 })],
    ['of another secret', () => token({}, { key: 'another secret of thirty-two bytes…' })],
    ['of an algorithm that is not taken', () => token({}, { key: `${secret}${secret}`, alg: 'HS512' })],
    [
      'without signature',
      async () => `${btoa('{"alg":"none"}')}.${btoa(JSON.stringify({ sub: 'eve', exp: nowS + 60, tidemark: may }))}.`.replaceAll('=', ''),
    ],
    [
      'without user',
      async () =>
        await new SignJWT({ exp: nowS + 60, tidemark: may }).setProtectedHeader({ alg: 'HS256' }).sign(new TextEncoder().encode(secret)),
    ],
    ['without grants', () => token({ tidemark: undefined })],
    ['with a grant that is none', () => token({ tidemark: [{ space: 'acme', access: 'everything' }] })],
    ['that is not one', async () => 'x.y.z'],
    ['that is empty', async () => ''],
  ])('%s is signed out, and its text is in no error', async (_, make) => {
    const text = await make()
    const error = await check(text).catch((cause: unknown) => cause as Error)
    expect(error).toEqual(signedOut)
    if (text !== '') for (const part of text.split('.').filter((one) => one.length > 3)) expect(String(error)).not.toContain(part)
    expect((error as Error).cause).toBeUndefined()
  })

  test('may be off by the tolerance', async () => {
    await expect(check(await token({ exp: nowS - 29 }))).resolves.toMatchObject({ principal: 'ann' })
    await expect(check(await token({ exp: nowS - 29 }), { secret, toleranceS: 5 })).rejects.toEqual(signedOut)
  })

  test('must be issued by and for whom the options name', async () => {
    const options = { secret, issuer: 'https://id.example', audience: 'relay' }
    await expect(check(await token({ iss: 'https://id.example', aud: 'relay' }), options)).resolves.toMatchObject({ principal: 'ann' })
    await expect(check(await token({ iss: 'https://id.example', aud: 'app' }), options)).rejects.toEqual(signedOut)
    await expect(check(await token(), options)).rejects.toEqual(signedOut)
  })
})

describe('keys by address', () => {
  test('are fetched once, again for a key that is new, and a secret never passes for one', async () => {
    const pairs = await Promise.all(
      ['one', 'two'].map(async (kid) => ({ kid, ...(await generateKeyPair('ES256', { extractable: true })) })),
    )
    let served = pairs.slice(0, 1)
    let fetches = 0
    const server = createServer(async (_, response) => {
      fetches++
      const keys = await Promise.all(served.map(async ({ kid, publicKey }) => ({ ...(await exportJWK(publicKey)), kid, alg: 'ES256' })))
      response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys }))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void server.close())
    const authorize = jwtSignIn({ jwksUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`, clock })
    const signed = async (index: number): Promise<string> => {
      const { kid, privateKey } = pairs[index] as (typeof pairs)[number]
      return await new SignJWT({ sub: kid, exp: nowS + 60, tidemark: may }).setProtectedHeader({ alg: 'ES256', kid }).sign(privateKey)
    }
    const ask = (text: string) => authorize({ token: text, space: 'acme', address: '', origin: '' })
    for (let i = 0; i < 3; i++) expect(await ask(await signed(0))).toMatchObject({ principal: 'one' })
    expect(fetches).toBe(1)
    await expect(ask(await token())).rejects.toEqual(signedOut)
    await expect(ask(await signed(1))).rejects.toEqual(signedOut)
    served = pairs
    await expect(
      jwtSignIn({ jwksUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`, clock })({
        token: await signed(1),
        space: 'acme',
        address: '',
        origin: '',
      }),
    ).resolves.toMatchObject({ principal: 'two' })
  })

  test('that cannot be had are no fault of the token: it may come back', async () => {
    const authorize = jwtSignIn({ jwksUrl: 'http://127.0.0.1:9/keys', clock })
    const text = await token({}, { kid: 'x', alg: 'HS256' })
    const es256 = `${btoa('{"alg":"ES256","kid":"x"}').replaceAll('=', '')}.${text.split('.')[1]}.${'A'.repeat(86)}`
    await expect(authorize({ token: es256, space: 'acme', address: '', origin: '' })).rejects.toMatchObject({ code: 'relay/busy' })
  })
})

test.each<[string, JwtSignInOptions]>([
  ['a short secret', { secret: 'short' }],
  ['nothing to check by', {}],
  ['two things to check by', { secret, jwks: { keys: [] } }],
  ['an address that is none', { jwksUrl: 'file:///etc/passwd' }],
  ['an algorithm for public keys with a secret', { secret, algorithms: ['RS256'] }],
  ['an algorithm for secrets with public keys', { jwks: { keys: [] }, algorithms: ['HS256'] }],
  ['no algorithm', { secret, algorithms: [] }],
])('%s is refused at the start', (_, options) => {
  expect(() => jwtSignIn(options)).toThrow(wrongConfig)
})
