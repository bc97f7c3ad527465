/** What stands in the local database, as readers get it. */
import type { TidemarkError } from '@tidemark/base'

/** Plain JSON, as `structuredClone` and `JSON.stringify` both keep it. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/** One stored update. `writer` is one tab's life and `n` its own sequence, so keys are known before the transaction. */
export interface StoredUpdate {
  /** Document name. */
  readonly name: string
  readonly writer: string
  /** 1 for the writer's first update of any document, rising by 1. */
  readonly n: number
  /** V1 bytes. */
  readonly bytes: Uint8Array
  /** What they count as, where they stand sealed and are longer. */
  readonly size?: number
  /** Whether the user of this device made it (then it is pending until acknowledged). */
  readonly origin: 'local' | 'remote'
  /** The document's branch that a local update was made on; 0 when left out. */
  readonly branch?: number
}

/** The local updates of one writer that the relay has not acknowledged: `from` to `to`, both included. */
export interface PendingRange {
  readonly from: number
  readonly to: number
  /** What they take in the database. */
  readonly bytes: number
}

/** What is known of one document besides its content. */
export interface DocRecord {
  readonly name: string
  /** Rises by 1 with each commit that stores updates of this document, forks it or takes a damaged record out. */
  readonly revision: number
  /** The revision that its row reflects exactly; behind when lower than `revision`. */
  readonly rowRevision: number
  /** When its revision rose last, ms since 1970. */
  readonly changedMs: number
  /** Pending mark by writer; empty when the relay has everything. */
  readonly pending: Readonly<Record<string, PendingRange>>
  /**
   * When the oldest pending update was stored, ms since 1970; null when nothing is pending. Once a part is
   * acknowledged and no other writer has anything pending, it is when that acknowledgement was stored.
   */
  readonly pendingSinceMs: number | null
  /** Updates beside the snapshot, and their bytes: what opening the document costs on top of it. */
  readonly logUpdates: number
  readonly logBytes: number
  /** Rises by 1 with each snapshot, and when a damaged one is taken out; 0 for none. */
  readonly snapshotRevision: number
  readonly snapshotBytes: number
  /** The last seq of the relay's log that this document is known to be part of; 0 for none. */
  readonly lastSeq: number
  /** Behind: the relay holds changes of it up to this seq that are not here; 0 when nothing is known to be missing. */
  readonly behind: number
  /** The relay lost something of this document: all of it is to be carried back. */
  readonly carry: boolean
  /** The revision at which that was last said; 0 when it never was. */
  readonly carryRevision: number
  /** Rises by 1 with each fork: what was made on an older branch is kept aside with the refused change. */
  readonly branch: number
  /** Pushes that failed since something of it was acknowledged. */
  readonly attempts: number
  /** The code of the last refusal; null when there is none. A document with a problem is not pushed. */
  readonly problem: string | null
}

/** How a snapshot's bytes are encoded by Yjs. */
export type SnapshotFormat = 'v1' | 'v2'

export interface Snapshot {
  readonly bytes: Uint8Array
  readonly format: SnapshotFormat
}

/** The plain projection of an entity, for lists and queries. */
export interface Row {
  readonly type: string
  readonly id: string
  readonly value: Json
}

/** A document as stored. */
export interface StoredDocument {
  readonly record: DocRecord
  /** The state that the updates build on; null when there is none yet. */
  readonly snapshot: Snapshot | null
  /** In no particular order: Yjs updates commute. */
  readonly updates: readonly StoredUpdate[]
}

/** What a list of all pending changes needs of one document. */
export interface PendingDocument {
  readonly record: DocRecord
  /** The local updates behind the pending mark, by writer and number. */
  readonly updates: readonly StoredUpdate[]
}

/** Edits of one branch of a document that the relay refused, or that build on those: kept aside, not part of the document. */
export interface RefusedChange {
  readonly name: string
  readonly branch: number
  /** The code of the refusal; null where only later edits of that branch are left. */
  readonly code: string | null
  readonly sinceMs: number
  /** By writer and number. */
  readonly updates: readonly { readonly writer: string; readonly n: number; readonly bytes: Uint8Array }[]
}

/** Which record a damage was found in: the document's own, its snapshot of that revision, an update, or a row. */
export type DamagedPart =
  | 'record'
  | { readonly snapshotRevision: number }
  | { readonly writer: string; readonly n: number }
  | { readonly type: string; readonly id: string }

/** A record that could not be read, out of the way but not gone. */
export interface QuarantinedRecord {
  readonly name: string
  readonly part: DamagedPart
  /** As much of it as there was. */
  readonly bytes: Uint8Array
  readonly reason: string
  readonly atMs: number
}

/** How the browser treats what the origin keeps. */
export interface StorageEstimate {
  /** Whether the browser promised not to evict it under pressure; null when it does not say. */
  readonly persisted: boolean | null
  /** Bytes that the origin takes and may take, as the browser estimates; null when it does not say. */
  readonly usageBytes: number | null
  readonly quotaBytes: number | null
}

export interface StoreStatus {
  /** Where changes are kept. `memory` when the browser gives no database: they last as long as the tab. */
  readonly kind: 'indexeddb' | 'sqlite' | 'memory'
  /** Why it is memory although a database was asked for. */
  readonly fallback: TidemarkError | null
  /** What the last commit failed with, or why the connection was lost; null once a commit succeeds. */
  readonly problem: TidemarkError | null
  /** Damaged records taken out of the way since this tab opened the store. */
  readonly quarantined: number
  /** Whether the browser had deleted the database before this start; `unknown` when there is no mark outside to tell. */
  readonly evicted: 'no' | 'yes' | 'unknown'
  /** Null until the browser has answered, and where there is no browser. */
  readonly estimate: StorageEstimate | null
}
