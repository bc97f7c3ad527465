/** The simulator's cipher is the browser's, with chance and time of its own. */
import { expect, test } from 'vitest'
import { seededDice } from '../src/dice.ts'
import { simulatedCrypto } from '../src/sealed-disk.ts'

const bytes = (length: number, first: number): Uint8Array<ArrayBuffer> => Uint8Array.from({ length }, (_, i) => (first + i * 7) & 0xff)
const key = bytes(32, 1)
const data = bytes(100, 9)
const own = simulatedCrypto(seededDice(1, 'test'), () => {}).subtle
const raw = key as unknown as CryptoKey

test.each([
  ['AES-GCM', { name: 'AES-GCM', iv: bytes(12, 3), additionalData: bytes(20, 5) }],
  ['AES-CTR', { name: 'AES-CTR', counter: bytes(16, 4), length: 64 }],
] as const)('%s seals to the bytes that WebCrypto gives, and each opens what the other sealed', async (name, algorithm) => {
  const real = await crypto.subtle.importKey('raw', key, name, false, ['encrypt', 'decrypt'])
  const sealed = await own.encrypt(algorithm, raw, data)
  expect(new Uint8Array(sealed)).toEqual(new Uint8Array(await crypto.subtle.encrypt(algorithm, real, data)))
  expect(new Uint8Array(await own.decrypt(algorithm, raw, new Uint8Array(sealed)))).toEqual(data)
  expect(new Uint8Array(await crypto.subtle.decrypt(algorithm, real, sealed))).toEqual(data)
})

test('what was changed does not open', async () => {
  const algorithm = { name: 'AES-GCM', iv: bytes(12, 3), additionalData: bytes(20, 5) }
  const sealed = new Uint8Array(await own.encrypt(algorithm, raw, data))
  sealed[7] = (sealed[7] ?? 0) ^ 1
  await expect(own.decrypt(algorithm, raw, sealed)).rejects.toThrow()
})

test('HMAC-SHA-256 signs as WebCrypto does', async () => {
  const real = await crypto.subtle.importKey('raw', key, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])
  expect(new Uint8Array(await own.sign('HMAC', raw, data))).toEqual(new Uint8Array(await crypto.subtle.sign('HMAC', real, data)))
})
