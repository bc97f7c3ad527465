/**
 * What the database keeps of its keys: wrapped, never in the clear.
 *
 * | key            | what it is                          | changes                                       |
 * | -------------- | ----------------------------------- | --------------------------------------------- |
 * | key-encryption | from a passphrase, or the device's  | with the passphrase                           |
 * | data, by epoch | AES-256-GCM, seals bodies           | by rotation; old ones until nothing needs them |
 * | names          | HMAC-SHA-256 and AES-256-CTR        | never: keys of records are made of it         |
 *
 * The record itself stands in the clear: the salt and the count are needed before anything can be opened.
 */
import { TidemarkError } from '@tidemark/base'

/** How the key-encryption key is had. */
export type KeySource =
  | {
      readonly kind: 'passphrase'
      /** 16 bytes, base64url. */
      readonly salt: string
      /** Of PBKDF2 with SHA-256. */
      readonly iterations: number
    }
  | {
      readonly kind: 'device'
      /** Not extractable: it can be used in this origin, and not be copied out of it. */
      readonly key: CryptoKey
    }

/** One data key. */
export interface EpochRecord {
  /** Rises by 1 with each rotation. */
  readonly epoch: number
  /** Wrapped: a nonce of 12 bytes and the sealed key, base64url. */
  readonly key: string
  /** How many times it may have been used at most: tabs reserve before they use. */
  readonly reserved: number
}

export interface KeyRecord {
  readonly version: 1
  readonly source: KeySource
  /** Oldest first; the last one seals, the others only open. */
  readonly epochs: readonly [EpochRecord, ...EpochRecord[]]
  /** Wrapped as an epoch's key is. */
  readonly mac: string
  readonly names: string
}

/** Where the record is kept. */
export interface KeyCabinet {
  read(): Promise<KeyRecord | null>
  /**
   * Replaces the record by what `change` makes of it, in one transaction that is flushed to the disk; `null` removes it.
   *
   * @throws {TidemarkError} what `change` throws; the record is as it was then.
   */
  change(change: (current: KeyRecord | null) => KeyRecord | null): Promise<KeyRecord | null>
}

export const encryptionLimits = {
  /** PBKDF2 with SHA-256, as OWASP's Password Storage Cheat Sheet has it since 2023. */
  iterations: 600_000,
  minIterations: 10_000,
  maxIterations: 100_000_000,
  /** Nonces are random: NIST SP 800-38D, section 8.3, allows 2^32 uses of a key; a sixteenth of it is used here. */
  maxUses: 2 ** 28,
  /** Uses that a tab reserves at once; those it does not come to are lost. */
  reservedUses: 2 ** 12,
} as const

export const currentEpoch = ({ epochs }: KeyRecord): EpochRecord => epochs[epochs.length - 1] as EpochRecord

/** @throws {TidemarkError} `store/outdated` for a newer build's record, `store/key-lost` for one that nobody can use. */
export function checkKeyRecord(record: KeyRecord): KeyRecord {
  if (record.version !== 1)
    throw new TidemarkError('store/outdated', `the keys are of version ${String(record.version)}; this build knows 1`)
  const { source, epochs } = record
  const isWhole = Array.isArray(epochs) && epochs.length > 0 && typeof record.mac === 'string' && typeof record.names === 'string'
  const isKnown =
    source?.kind === 'passphrase'
      ? source.iterations >= 1 && source.iterations <= encryptionLimits.maxIterations
      : source?.kind === 'device' && source.key instanceof CryptoKey
  if (!isWhole || !isKnown) throw new TidemarkError('store/key-lost', 'the record of the keys is damaged')
  return record
}
