/**
 * The keys in memory, and the ways to make, open, wrap anew and rotate them.
 *
 * Invariants
 * 1. No key is ever extractable once it is in the ring; raw bytes of keys never come into JavaScript.
 * 2. A wrapped key opens only in its role: the role is additional data of its wrapping.
 */
import { TidemarkError } from '@tidemark/base'
import { currentEpoch, type EpochRecord, encryptionLimits, type KeyRecord, type KeySource } from './key-record.ts'
import { fromBase64Url, toBase64Url, toUtf8 } from './text-bytes.ts'

export interface KeyRing {
  /** Data keys by epoch. */
  readonly epochs: ReadonlyMap<number, CryptoKey>
  readonly epoch: number
  readonly mac: CryptoKey
  readonly names: CryptoKey
  /** Wraps the others. */
  readonly wrapping: CryptoKey
}

const nonceBytes = 12
const saltBytes = 16

interface Role {
  readonly name: string
  readonly algorithm: AesKeyGenParams | HmacKeyGenParams
  readonly usages: readonly KeyUsage[]
}

const macRole: Role = {
  name: 'mac',
  // 256 bits, as strong as the hash; without a length WebCrypto makes them as long as the hash's block.
  algorithm: { name: 'HMAC', hash: 'SHA-256', length: 256 },
  usages: ['sign'],
}
const namesRole: Role = { name: 'names', algorithm: { name: 'AES-CTR', length: 256 }, usages: ['encrypt', 'decrypt'] }
const dataRole = (epoch: number): Role => ({
  name: `data/${epoch}`,
  algorithm: { name: 'AES-GCM', length: 256 },
  usages: ['encrypt', 'decrypt'],
})

/** A key-encryption key from a passphrase (PBKDF2, RFC 8018, with SHA-256). Texts that look alike give the same key. */
export async function keyOfPassphrase(passphrase: string, { salt, iterations }: { salt: string; iterations: number }): Promise<CryptoKey> {
  const material = await crypto.subtle.importKey('raw', toUtf8(passphrase.normalize('NFKC')), 'PBKDF2', false, ['deriveKey'])
  const derivation = { name: 'PBKDF2', hash: 'SHA-256', salt: fromBase64Url(salt), iterations }
  return await crypto.subtle.deriveKey(derivation, material, { name: 'AES-GCM', length: 256 }, false, ['wrapKey', 'unwrapKey'])
}

export async function newPassphraseSource(passphrase: string, iterations: number): Promise<{ source: KeySource; wrapping: CryptoKey }> {
  if (passphrase === '') throw new TidemarkError('store/wrong-passphrase', 'a passphrase is not empty')
  const { minIterations, maxIterations } = encryptionLimits
  if (!Number.isSafeInteger(iterations) || iterations < minIterations || iterations > maxIterations) {
    throw new TidemarkError('store/failed', `iterations is a whole number from ${minIterations} to ${maxIterations}, not ${iterations}`)
  }
  const salt = toBase64Url(crypto.getRandomValues(new Uint8Array(saltBytes)))
  return { source: { kind: 'passphrase', salt, iterations }, wrapping: await keyOfPassphrase(passphrase, { salt, iterations }) }
}

/** A key of this browser and origin. */
export async function newDeviceSource(): Promise<{ source: KeySource; wrapping: CryptoKey }> {
  const key = await crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['wrapKey', 'unwrapKey'])
  return { source: { kind: 'device', key }, wrapping: key }
}

/** New keys for a new database. */
export async function newKeyRecord(source: KeySource, wrapping: CryptoKey): Promise<KeyRecord> {
  const [mac, names, data] = await Promise.all([macRole, namesRole, dataRole(1)].map((role) => newWrapped(role, wrapping)))
  return { version: 1, source, epochs: [{ epoch: 1, key: data as string, reserved: 0 }], mac: mac as string, names: names as string }
}

/** The next data key, wrapped. */
export const newEpoch = async (epoch: number, wrapping: CryptoKey): Promise<EpochRecord> => ({
  epoch,
  key: await newWrapped(dataRole(epoch), wrapping),
  reserved: 0,
})

/**
 * Opens every key of a record.
 *
 * @throws {TidemarkError} `store/wrong-passphrase`, or `store/key-lost` where no passphrase is involved.
 */
export async function openKeyRing(record: KeyRecord, wrapping: CryptoKey): Promise<KeyRing> {
  const open = (role: Role, wrapped: string): Promise<CryptoKey> => unwrapped(role, wrapped, wrapping, false)
  try {
    const epochs = await Promise.all(record.epochs.map(async ({ epoch, key }) => [epoch, await open(dataRole(epoch), key)] as const))
    const [mac, names] = await Promise.all([open(macRole, record.mac), open(namesRole, record.names)])
    return { epochs: new Map(epochs), epoch: currentEpoch(record).epoch, mac, names, wrapping }
  } catch (cause) {
    if (record.source.kind === 'passphrase')
      throw new TidemarkError('store/wrong-passphrase', 'the passphrase does not open this database', { cause })
    throw new TidemarkError('store/key-lost', 'the key of this device does not open its database', { cause })
  }
}

/** The record with every key wrapped by another key-encryption key. Nothing that the keys sealed is touched. */
export async function rewrapped(record: KeyRecord, from: CryptoKey, source: KeySource, to: CryptoKey): Promise<KeyRecord> {
  const again = async (role: Role, key: string): Promise<string> => await wrapped(role, await unwrapped(role, key, from, true), to)
  const epochs = await Promise.all(record.epochs.map(async (one) => ({ ...one, key: await again(dataRole(one.epoch), one.key) })))
  const [mac, names] = await Promise.all([again(macRole, record.mac), again(namesRole, record.names)])
  return { ...record, source, epochs: epochs as unknown as KeyRecord['epochs'], mac, names }
}

async function newWrapped(role: Role, wrapping: CryptoKey): Promise<string> {
  const key = (await crypto.subtle.generateKey(role.algorithm, true, role.usages)) as CryptoKey
  return await wrapped(role, key, wrapping)
}

async function wrapped(role: Role, key: CryptoKey, wrapping: CryptoKey): Promise<string> {
  const nonce = crypto.getRandomValues(new Uint8Array(nonceBytes))
  const sealed = new Uint8Array(await crypto.subtle.wrapKey('raw', key, wrapping, wrappingOf(role, nonce)))
  const both = new Uint8Array(nonceBytes + sealed.length)
  both.set(nonce)
  both.set(sealed, nonceBytes)
  return toBase64Url(both)
}

function unwrapped(role: Role, text: string, wrapping: CryptoKey, isExtractable: boolean): Promise<CryptoKey> {
  const both = fromBase64Url(text)
  const nonce = both.slice(0, nonceBytes)
  return crypto.subtle.unwrapKey(
    'raw',
    both.slice(nonceBytes),
    wrapping,
    wrappingOf(role, nonce),
    role.algorithm,
    isExtractable,
    role.usages,
  )
}

const wrappingOf = (role: Role, iv: Uint8Array<ArrayBuffer>): AesGcmParams => ({
  name: 'AES-GCM',
  iv,
  additionalData: toUtf8(`tidemark/key/${role.name}`),
})
