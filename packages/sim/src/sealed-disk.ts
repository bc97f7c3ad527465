/**
 * A disk that holds nothing in the clear: the codec that ships for sealed databases, over the simulated disk.
 *
 * The algorithms are those of WebCrypto (AES-256-GCM, AES-256-CTR, HMAC-SHA-256) by Node's own synchronous functions, since
 * WebCrypto answers when a thread of the process happens to be done, which no seed decides. Nonces come from the seed's dice.
 *
 * What oracles read of such a disk is opened by code of its own, from what the format says, not by the codec under test.
 */
import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto'
import type { memoryStore } from '@tidemark/store'
import { type SealingCrypto, type SealingKeys, sealingCodec } from '@tidemark/store/encryption'
import type { Write } from './device-disk.ts'
import type { Dice } from './dice.ts'

type Codec = NonNullable<NonNullable<Parameters<typeof memoryStore>[0]>['codec']>

const tagBytes = 16
/** Version, epoch, nonce. */
const headerBytes = 1 + 4 + 12
const ivBytes = 16

/** WebCrypto as far as sealing needs it, with keys that are bytes; `used` is shown each nonce. */
export function simulatedCrypto(dice: Dice, used: (nonce: Uint8Array) => void): SealingCrypto {
  const bytes = (source: unknown): Uint8Array<ArrayBuffer> => source as Uint8Array<ArrayBuffer>
  const answer = (...parts: readonly Uint8Array[]): Promise<ArrayBuffer> => {
    const all = Buffer.concat(parts)
    return Promise.resolve(all.buffer.slice(all.byteOffset, all.byteOffset + all.length) as ArrayBuffer)
  }
  return {
    getRandomValues: (target) => {
      for (let i = 0; i < target.length; i++) target[i] = dice.uint32() & 0xff
      return target
    },
    subtle: {
      encrypt: (algorithm, key, data) => {
        if (!isGcm(algorithm)) return answer(counter((algorithm as AesCtrParams).counter, bytes(key), bytes(data)))
        const { iv, additionalData } = algorithm
        used(bytes(iv))
        const cipher = createCipheriv('aes-256-gcm', bytes(key), bytes(iv)).setAAD(bytes(additionalData))
        return answer(cipher.update(bytes(data)), cipher.final(), cipher.getAuthTag())
      },
      decrypt: async (algorithm, key, data) => {
        if (!isGcm(algorithm)) return answer(counter((algorithm as AesCtrParams).counter, bytes(key), bytes(data)))
        const { iv, additionalData } = algorithm
        return await answer(opened(bytes(key), bytes(iv), bytes(additionalData), bytes(data)))
      },
      sign: (_algorithm, key, data) => answer(createHmac('sha256', bytes(key)).update(bytes(data)).digest()),
    },
  }
}

const counter = (iv: unknown, key: Uint8Array, data: Uint8Array): Uint8Array => {
  const cipher = createCipheriv('aes-256-ctr', key, iv as Uint8Array)
  return Buffer.concat([cipher.update(data), cipher.final()])
}

function opened(key: Uint8Array, iv: Uint8Array, place: Uint8Array, sealed: Uint8Array): Uint8Array {
  const decipher = createDecipheriv('aes-256-gcm', key, iv).setAAD(place)
  decipher.setAuthTag(sealed.subarray(sealed.length - tagBytes))
  return Buffer.concat([decipher.update(sealed.subarray(0, sealed.length - tagBytes)), decipher.final()])
}

type Algorithm = Parameters<SealingCrypto['subtle']['encrypt']>[0]

const isGcm = (algorithm: Algorithm): algorithm is AesGcmParams => typeof algorithm !== 'string' && algorithm.name === 'AES-GCM'

export interface SealedDiskOptions {
  readonly dice: Dice
  /** A nonce was used for the second time with the same key. */
  readonly repeated: (nonce: string) => void
}

export class SealedDisk {
  readonly codec: Codec
  readonly #data: Uint8Array
  readonly #names: Uint8Array
  readonly #known = new Map<string, string>()

  constructor({ dice, repeated }: SealedDiskOptions) {
    const key = (): Uint8Array => Uint8Array.from({ length: 32 }, () => dice.uint32() & 0xff)
    const [data, mac, names] = [key(), key(), key()]
    this.#data = data
    this.#names = names
    const nonces = new Set<string>()
    const used = (nonce: Uint8Array): void => {
      const spelled = Buffer.from(nonce).toString('hex')
      if (nonces.has(spelled)) repeated(spelled)
      nonces.add(spelled)
    }
    this.codec = sealingCodec({ data, mac, names } as unknown as SealingKeys, simulatedCrypto(dice, used))
  }

  /** The name that a key stands for; the key itself where it is none. */
  name(key: string): string {
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const both = Buffer.from(key, 'base64url')
    const padded = both.length > ivBytes ? Buffer.from(counter(both.subarray(0, ivBytes), this.#names, both.subarray(ivBytes))) : both
    const name = both.length > ivBytes ? padded.subarray(0, padded.lastIndexOf(0x80)).toString('utf8') : key
    this.#known.set(key, name)
    return name
  }

  /** What was sealed in this place; the bytes themselves where they were not sealed, which is for an oracle to tell. */
  open(place: string, body: Uint8Array): Uint8Array {
    if (body.length < headerBytes + tagBytes || body[0] !== 1) return body
    const epoch = new DataView(body.buffer, body.byteOffset).getUint32(1, true)
    const nonce = body.subarray(5, headerBytes)
    try {
      return opened(this.#data, nonce, Buffer.from(`${epoch}|${place}`), body.subarray(headerBytes))
    } catch {
      return body // reason: whoever reads it next finds no update in it, and says so
    }
  }

  update<T extends { readonly name: string; readonly writer: string; readonly n: number; readonly bytes: Uint8Array }>(update: T): T {
    const { name, writer, n, bytes } = update
    return { ...update, name: this.name(name), bytes: this.open(`update|${name}|${writer}|${n}`, bytes) }
  }

  snapshot(key: string, bytes: Uint8Array): Uint8Array {
    return this.open(`snapshot|${key}`, bytes)
  }

  /** What a write would be on a disk in the clear, as far as anybody looks at it. */
  plain(write: Write): Write {
    switch (write.type) {
      case 'update':
        return { ...write, update: this.update(write.update) }
      case 'refused':
        return { ...write, update: this.update(write.update) }
      case 'record':
        return { ...write, record: { ...write.record, name: this.name(write.record.name) } }
      case 'row':
        return { ...write, row: { ...write.row, name: this.name(write.row.name) } }
      case 'snapshot':
        return { ...write, name: this.name(write.name), bytes: this.snapshot(write.name, write.bytes) }
      default:
        return write
    }
  }
}
