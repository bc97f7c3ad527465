/** What an operator asks of a data directory, of a running relay's too: how it stands, whether it is sound, a copy of it. */

export interface SpaceSummary {
  readonly space: string
  /** Documents that are not purged. */
  readonly documents: number
  readonly purged: number
  readonly head: number
  /** Bytes of updates and states, uncompressed. */
  readonly bytes: number
  readonly incarnations: number
}

export interface DocumentSummary {
  readonly document: string
  readonly number: number
  /** The place of its last update. */
  readonly seq: number
  readonly isPurged: boolean
  /** Updates behind the snapshot. */
  readonly updates: number
  /** Bytes of updates and snapshot, uncompressed. */
  readonly bytes: number
}

export interface DocumentDetails extends DocumentSummary {
  /** Bytes that the snapshot takes in the database; 0 without one. */
  readonly storedSnapshotBytes: number
  /** Client ids in its history. */
  readonly clients: number
  /** Names of its root types. */
  readonly roots: readonly string[]
  /** Who brought the updates behind the snapshot, with their number. */
  readonly authors: readonly { readonly principal: string; readonly kind: string; readonly updates: number }[]
}

/** `quick`: the database's pages; `full`: its indexes too, and that every document can be read by a fresh `Y.Doc`. */
export type VerifyDepth = 'quick' | 'full'

export interface VerifyReport {
  readonly depth: VerifyDepth
  readonly spaces: number
  /** Documents that were read; 0 when only pages were looked at. */
  readonly documents: number
  readonly tookMs: number
  /** At most `maxProblems`; none when all is well. */
  readonly problems: readonly Problem[]
}

export interface Problem {
  readonly space: string | null
  readonly document: string | null
  readonly what: string
}

export const maxProblems = 100

export interface BackupReport {
  readonly path: string
  readonly bytes: number
  readonly spaces: number
  readonly tookMs: number
}

/** Every method rejects with `relay/log-failed` when the database cannot be read, `relay/config` when a path cannot be used. */
export interface Maintenance {
  spaces(): Promise<readonly SpaceSummary[]>
  /** In order of number; null when there is no such space. */
  documents(space: string, after: number, limit: number): Promise<readonly DocumentSummary[] | null>
  document(space: string, document: string): Promise<DocumentDetails | null>
  /** Everything of a document, merged, V1; null when there is none, or none any more. */
  state(space: string, document: string): Promise<Uint8Array | null>
  verify(depth: VerifyDepth): Promise<VerifyReport>
  /** Copies the database as of one commit into a new file, while it is written to; the file is there whole or not at all. */
  backup(to: string): Promise<BackupReport>
  usage(): Promise<StorageUsage>
}

/** Bytes of the data directory's file system and of the database on it. */
export interface StorageUsage {
  readonly databaseBytes: number
  readonly writeAheadBytes: number
  readonly freeBytes: number
}
