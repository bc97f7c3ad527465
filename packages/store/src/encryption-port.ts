/**
 * Encryption at rest as a port of the IndexedDB store, so that whoever does not use it does not load it.
 *
 * `@tidemark/store/encryption` is the one that there is.
 */
import type { Codec } from './idb-codec.ts'
import type { Connection } from './idb-connection.ts'

export interface Encryption {
  /** Where the key that wraps the others comes from. */
  readonly kind: 'passphrase' | 'device'
  /** The database of a space and user, which must not tell their names; never that of the same ones in the clear. */
  databaseName(prefix: string, where: { readonly space: string; readonly user: string }): Promise<string>
  /**
   * Opens the keys of a database, or makes them for a new one.
   *
   * @throws {TidemarkError} `store/wrong-passphrase`, `store/key-lost` or `store/insecure-context`; nothing was changed then.
   */
  open(connection: Connection): Promise<Seals>
}

/** The keys of one database in one tab. */
export interface Seals {
  readonly codec: Codec
  /** The same with the keys of this moment, whatever becomes of them: what is read after it was taken opens with them, or is newer. */
  pinned(): Codec
  /** Takes the keys that are current now. @throws {TidemarkError} `store/locked` when this tab cannot open them. */
  refresh(): Promise<void>
  /** A slice of housekeeping: resealing after a rotation, folding rows. Whether there is more. */
  tidy(): Promise<boolean>
  /** Forgets the keys. */
  close(): void
}
