/**
 * Seals bodies and names with the keys of a ring.
 *
 * A sealed body is `version (1) · epoch (u32, little-endian) · nonce (12) · AES-256-GCM ciphertext and tag`: 33 bytes more
 * than it holds. The place that it stands in is its additional data, so no record can be put in another's place.
 *
 * A sealed name is a synthetic IV (HMAC-SHA-256 of the name and its kind, 16 bytes) and the padded name under AES-256-CTR
 * with it, as in SIV (RFC 5297): the same name gives the same key each time, and only whoever has the keys can read it back.
 *
 * Invariants
 * 1. A nonce is random and used once; each use of a key is reserved before it happens.
 * 2. What does not open as it was sealed is never given out.
 */
import { TidemarkError } from '@tidemark/base'
import type { KeyRing } from './key-ring.ts'
import { fromBase64Url, fromUtf8, toBase64Url, toUtf8 } from './text-bytes.ts'

const formatVersion = 1
const nonceBytes = 12
const headerBytes = 1 + 4 + nonceBytes
const ivBytes = 16
/** Names are padded to a multiple of it, so that their keys tell little of their length. */
const padBytes = 32
/** Names and keys that are remembered; past it all are forgotten. */
const maxRemembered = 100_000

/** Bytes that sealing adds. */
export const sealedOverheadBytes = headerBytes + 16

/** What a name names. */
export type NameKind = 'document' | 'type' | 'id' | 'value'

/** The part of WebCrypto that seals: a simulator has the same algorithms with its own chance and time. */
export interface SealingCrypto {
  getRandomValues<T extends Uint8Array<ArrayBuffer>>(bytes: T): T
  readonly subtle: Pick<SubtleCrypto, 'encrypt' | 'decrypt' | 'sign'>
}

export interface SealerOptions {
  /** Called before a data key is used; rejects when it may not be. */
  readonly use: (epoch: number) => Promise<void> | void
  /** The browser's own when left out. */
  readonly crypto?: SealingCrypto
}

export class Sealer {
  readonly #ring: KeyRing
  readonly #options: SealerOptions
  readonly #crypto: SealingCrypto
  readonly #keys = new Map<string, Promise<string>>()
  readonly #names = new Map<string, Promise<string>>()

  constructor(ring: KeyRing, options: SealerOptions) {
    this.#ring = ring
    this.#options = options
    this.#crypto = options.crypto ?? crypto
  }

  /** The epoch under which everything is sealed. */
  get epoch(): number {
    return this.#ring.epoch
  }

  /** `place`: which record of which store it is, the same when it is opened. */
  async seal(place: string, bytes: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
    const { epoch, epochs } = this.#ring
    await this.#options.use(epoch)
    const header = new Uint8Array(headerBytes)
    header[0] = formatVersion
    new DataView(header.buffer).setUint32(1, epoch, true)
    const nonce = this.#crypto.getRandomValues(header.subarray(headerBytes - nonceBytes))
    const parameters = { name: 'AES-GCM', iv: nonce, additionalData: toUtf8(`${epoch}|${place}`) }
    const sealed = new Uint8Array(
      await this.#crypto.subtle.encrypt(parameters, epochs.get(epoch) as CryptoKey, bytes as Uint8Array<ArrayBuffer>),
    )
    const body = new Uint8Array(headerBytes + sealed.length)
    body.set(header)
    body.set(sealed, headerBytes)
    return body
  }

  /** @throws {TidemarkError} `store/failed` when it is not what was sealed in this place; `store/key-moved` when its key came later. */
  async open(place: string, body: unknown): Promise<Uint8Array<ArrayBuffer>> {
    const epoch = epochOf(body)
    const sealed = body as Uint8Array<ArrayBuffer>
    const key = this.#ring.epochs.get(epoch)
    if (key === undefined && epoch > this.#ring.epoch)
      throw new TidemarkError('store/key-moved', `epoch ${epoch} came after ${this.#ring.epoch}`)
    if (key === undefined) throw new TidemarkError('store/failed', `the key of epoch ${epoch} is gone`)
    const iv = sealed.subarray(headerBytes - nonceBytes, headerBytes)
    try {
      const parameters = { name: 'AES-GCM', iv, additionalData: toUtf8(`${epoch}|${place}`) }
      return new Uint8Array(await this.#crypto.subtle.decrypt(parameters, key, sealed.subarray(headerBytes)))
    } catch (cause) {
      throw new TidemarkError('store/failed', 'a sealed record is damaged, or stands in another one’s place', { cause })
    }
  }

  /** The key under which a name stands. */
  key(kind: NameKind, name: string): Promise<string> {
    return remembered(this.#keys, `${kind}|${name}`, () => this.#sealName(kind, name))
  }

  /** The name of a key. @throws {TidemarkError} `store/failed` when it is none that these keys made. */
  name(kind: NameKind, key: string): Promise<string> {
    return remembered(this.#names, `${kind}|${key}`, () => this.#openName(kind, key))
  }

  /** Equal exactly for equal texts. */
  async tag(text: string): Promise<string> {
    return toBase64Url(await this.#mac(`tag|${text}`))
  }

  async #sealName(kind: NameKind, name: string): Promise<string> {
    const plain = toUtf8(name)
    const padded = new Uint8Array(Math.ceil((plain.length + 1) / padBytes) * padBytes)
    padded.set(plain)
    padded[plain.length] = 0x80
    const iv = (await this.#mac(`${kind}|${name}`)).slice(0, ivBytes)
    const sealed = new Uint8Array(await this.#crypto.subtle.encrypt(counterOf(iv), this.#ring.names, padded))
    const both = new Uint8Array(ivBytes + sealed.length)
    both.set(iv)
    both.set(sealed, ivBytes)
    return toBase64Url(both)
  }

  async #openName(kind: NameKind, key: string): Promise<string> {
    const both = fromBase64Url(key)
    const iv = both.slice(0, ivBytes)
    const padded = new Uint8Array(await this.#crypto.subtle.decrypt(counterOf(iv), this.#ring.names, both.slice(ivBytes)))
    const end = padded.lastIndexOf(0x80)
    let name: string | null = null
    try {
      name = fromUtf8(padded.subarray(0, Math.max(0, end)))
    } catch {
      // reason: what was not sealed by these keys opens to anything; it is refused just below
    }
    const expected = name === null ? null : (await this.#mac(`${kind}|${name}`)).slice(0, ivBytes)
    if (expected === null || name === null || !expected.every((byte, i) => byte === iv[i])) {
      throw new TidemarkError('store/failed', 'a key of the database is none that its keys made')
    }
    return name
  }

  async #mac(text: string): Promise<Uint8Array<ArrayBuffer>> {
    return new Uint8Array(await this.#crypto.subtle.sign('HMAC', this.#ring.mac, toUtf8(text)))
  }
}

/** The epoch under which a body was sealed. @throws {TidemarkError} `store/failed` when it is no sealed body. */
export function epochOf(body: unknown): number {
  if (!(body instanceof Uint8Array) || body.length < sealedOverheadBytes || body[0] !== formatVersion) {
    throw new TidemarkError('store/failed', 'a record that is to be sealed is not')
  }
  return new DataView(body.buffer, body.byteOffset).getUint32(1, true)
}

const counterOf = (iv: Uint8Array<ArrayBuffer>): AesCtrParams => ({ name: 'AES-CTR', counter: iv, length: 64 })

/** What fails is not remembered. */
function remembered(map: Map<string, Promise<string>>, of: string, make: () => Promise<string>): Promise<string> {
  const known = map.get(of)
  if (known !== undefined) return known
  if (map.size >= maxRemembered) map.clear()
  const made = make()
  map.set(of, made)
  made.catch(() => map.delete(of))
  return made
}
