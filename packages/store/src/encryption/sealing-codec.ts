/** The sealing codec over keys that are at hand: for tests and the simulator, whose stores keep no key record. */
import type { Codec } from '../idb-codec.ts'
import { sealedCodec } from './sealed-codec.ts'
import { Sealer, type SealingCrypto } from './sealer.ts'

/** Keys as `crypto` knows them: AES-256-GCM, HMAC-SHA-256, AES-256-CTR. */
export interface SealingKeys {
  readonly data: CryptoKey
  readonly mac: CryptoKey
  readonly names: CryptoKey
}

/** Seals as a sealed IndexedDB database does, for `memoryStore({ codec })`. Its uses are not counted. */
export function sealingCodec({ data, mac, names }: SealingKeys, crypto: SealingCrypto): Codec {
  const ring = { epochs: new Map([[1, data]]), epoch: 1, mac, names, wrapping: data }
  const sealer = new Sealer(ring, { crypto, use: () => {} })
  return sealedCodec(() => sealer)
}
