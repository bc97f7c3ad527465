/**
 * Encryption at rest for `indexedDbStore`: by a passphrase that a person enters, or by a key of this device.
 *
 * What it protects: whoever gets the disk, a copy of the profile, or a backup of it, reads no names and no content. What it
 * does not: code that runs in the page while the space is open has what the page has.
 */

import { TidemarkError } from '@tidemark/base'
import type { Encryption } from '../encryption-port.ts'
import { type Connection, createConnection } from '../idb-connection.ts'
import { deleteDatabase, resultOf } from '../idb-request.ts'
import { cookieMarker, type EvictionMarker, forgetMark } from '../origin-storage.ts'
import { eraseKeys, idbCabinet } from './idb-cabinet.ts'
import { encryptionLimits, type KeyCabinet, type KeyRecord, type KeySource } from './key-record.ts'
import { type KeyRing, keyOfPassphrase, newDeviceSource, newKeyRecord, newPassphraseSource, openKeyRing, rewrapped } from './key-ring.ts'
import type { NonceLimits } from './nonce-budget.ts'
import { createSeals, type KeySeals } from './seals.ts'
import { toBase64Url, toUtf8 } from './text-bytes.ts'

/** Asked for when a database is opened: `isNew` when it has none yet, so that a UI can ask for it twice. */
export type AskPassphrase = (ask: { readonly isNew: boolean }) => string | Promise<string>

export interface PassphraseOptions {
  readonly passphrase: string | AskPassphrase
  /** Rounds of PBKDF2 for a new database, from 10,000; 600,000 by default. Stored with it. */
  readonly iterations?: number
  /** How often one key may be used. */
  readonly limits?: NonceLimits
}

/**
 * Seals the local database by a passphrase. Whoever forgets it loses what the relay has not confirmed.
 *
 * Opening rejects with `store/wrong-passphrase` when it is not the one, and with `store/insecure-context` on a page that browsers
 * give no encryption to; nothing was changed then.
 */
export function passphrase({ passphrase, iterations = encryptionLimits.iterations, limits = {} }: PassphraseOptions): Encryption {
  const ask = (isNew: boolean): string | Promise<string> => (typeof passphrase === 'string' ? passphrase : passphrase({ isNew }))
  return encryptionOf('passphrase', limits, {
    make: async () => newPassphraseSource(await ask(true), iterations),
    wrapping: async (source) => {
      if (source.kind !== 'passphrase')
        throw new TidemarkError('store/failed', 'this database is sealed by a key of this device: open it with deviceKey()')
      return await keyOfPassphrase(await ask(false), source)
    },
  })
}

/**
 * Seals the local database by a key of this browser and origin that cannot be copied out of it.
 *
 * Nobody is asked for anything, and whoever can open the app on this device can read it. Opening rejects with
 * `store/key-lost` when the browser has lost the key, and with `store/insecure-context` as `passphrase` does.
 */
export function deviceKey({ limits = {} }: { readonly limits?: NonceLimits } = {}): Encryption {
  return encryptionOf('device', limits, {
    make: newDeviceSource,
    wrapping: async (source) => {
      if (source.kind !== 'device')
        throw new TidemarkError('store/failed', 'this database is sealed by a passphrase: open it with passphrase()')
      return source.key
    },
  })
}

interface Unlock {
  make(): Promise<{ readonly source: KeySource; readonly wrapping: CryptoKey }>
  wrapping(source: KeySource): Promise<CryptoKey>
}

function encryptionOf(kind: Encryption['kind'], limits: NonceLimits, unlock: Unlock): Encryption {
  return {
    kind,
    databaseName: sealedDatabaseName,
    open: async (connection) => {
      checkContext()
      const cabinet = idbCabinet(connection)
      return createSeals({ connection, cabinet, ring: await openKeys(connection, cabinet, unlock), limits })
    },
  }
}

async function openKeys(connection: Connection, cabinet: KeyCabinet, unlock: Unlock): Promise<KeyRing> {
  const known = await cabinet.read()
  if (known !== null) return await openKeyRing(known, await unlock.wrapping(known.source))
  const documents = await connection.run('readonly', (transaction) => resultOf(transaction.objectStore('docs').count()))
  if (documents > 0) throw new TidemarkError('store/key-lost', `the keys of ${documents} documents are gone`)
  const { source, wrapping } = await unlock.make()
  const made = await newKeyRecord(source, wrapping)
  // Another tab may have made them meanwhile: then they are that one's, and it is for the passphrase to fit them.
  const kept = (await cabinet.change((current) => current ?? made)) as KeyRecord
  return await openKeyRing(kept, kept === made ? wrapping : await unlock.wrapping(kept.source))
}

function checkContext(): void {
  if ((globalThis.crypto as Crypto | undefined)?.subtle === undefined) {
    throw new TidemarkError('store/insecure-context', 'WebCrypto is not there: the page was not served over https or from localhost')
  }
}

/** Tells neither the space's name nor the user's, to whoever does not guess them. */
async function sealedDatabaseName(prefix: string, { space, user }: { readonly space: string; readonly user: string }): Promise<string> {
  checkContext()
  const digest = await crypto.subtle.digest('SHA-256', toUtf8(JSON.stringify([space, user])))
  return `${prefix}:sealed:${toBase64Url(new Uint8Array(digest))}`
}

/** Which database. */
export interface SealedPlace {
  readonly space: string
  readonly user: string
  /** As for `indexedDbStore`. */
  readonly databaseName?: string
  readonly marker?: EvictionMarker | null
}

/**
 * Changes the passphrase, or what wraps the keys at all: from a passphrase to the device's key and back. What is stored is
 * not touched, so it takes no longer for a large database; other tabs are locked at their next change of keys.
 *
 * @throws {TidemarkError} `store/wrong-passphrase` when `from` does not open it, `store/key-lost` when there is nothing to open;
 *   nothing was changed then.
 */
export async function changeKey(
  place: SealedPlace,
  from: string | 'device',
  to: { readonly passphrase: string; readonly iterations?: number } | 'device',
): Promise<void> {
  await withDatabase(place, async (connection) => {
    const cabinet = idbCabinet(connection)
    const record = await cabinet.read()
    if (record === null) throw new TidemarkError('store/key-lost', 'there is no sealed database of this space and user')
    const wrapping = record.source.kind === 'device' ? record.source.key : await keyOfPassphrase(from, record.source)
    await openKeyRing(record, wrapping)
    const next =
      to === 'device' ? await newDeviceSource() : await newPassphraseSource(to.passphrase, to.iterations ?? encryptionLimits.iterations)
    const changed = await rewrapped(record, wrapping, next.source, next.wrapping)
    await cabinet.change((current) => {
      if (current === null || keysIn(current) !== keysIn(record))
        throw new TidemarkError('store/key-moved', 'the keys were changed in another tab')
      // Other tabs may have reserved uses meanwhile: what they count stays counted.
      const epochs = changed.epochs.map((one, i) => ({ ...one, reserved: current.epochs[i]?.reserved ?? one.reserved }))
      return { ...changed, epochs: epochs as unknown as KeyRecord['epochs'] }
    })
  })
}

/** Everything of the record but how often its keys were used. */
const keysIn = (record: KeyRecord): string => JSON.stringify({ ...record, epochs: record.epochs.map(({ epoch, key }) => [epoch, key]) })

/**
 * Replaces the key that seals: what is written from now on has the new one, and the leading tab seals the rest anew by and by.
 * Done by itself long before a key was used too often.
 *
 * @throws {TidemarkError} as opening does.
 */
export async function rotateKey(place: SealedPlace, encryption: Encryption): Promise<void> {
  await withDatabase(place, async (connection) => {
    const seals = (await encryption.open(connection)) as KeySeals
    await seals.rotate()
    seals.close()
  })
}

/**
 * Erases all that a space and user have sealed on this device: the keys first, so that nothing can be read from then on, even
 * where the database itself cannot be deleted yet.
 *
 * @throws {TidemarkError} `store/blocked` when another tab holds the database: it goes when that tab does, and is unreadable now.
 */
export async function eraseSealed(place: SealedPlace): Promise<void> {
  await withDatabase(place, eraseKeys)
  const name = await sealedDatabaseName(place.databaseName ?? 'tidemark', place)
  await deleteDatabase(name)
  await forgetMark(name, place.marker === undefined ? cookieMarker() : place.marker)
}

async function withDatabase(place: SealedPlace, run: (connection: Connection) => Promise<void>): Promise<void> {
  const name = await sealedDatabaseName(place.databaseName ?? 'tidemark', place)
  const connection = createConnection({ name, durability: 'strict', onLost: () => undefined })
  try {
    await connection.open()
    await run(connection)
  } finally {
    await connection.close()
  }
}
