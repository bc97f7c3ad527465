/**
 * `LocalStore`: the local database of one space and one user, as a port.
 *
 * Everything that a tab keeps goes through one method, `commit`, which is atomic across updates,
 * pending marks, rows, snapshots and the cursor. Every adapter passes `test/local-store.contract.ts`.
 *
 * Invariants
 * 1. A commit is stored whole or not at all; when its promise resolves it survives a crash of the tab.
 * 2. A local update raises its document's pending mark in the very commit that stores it; only
 *    `acknowledged` lowers it, and only for the writer and the numbers it names.
 * 3. A batch that carries the cursor names the one it follows; where another stands, nothing is stored.
 * 4. A snapshot changes nothing about what a document contains: an update that is still pending stays
 *    beside it, and a snapshot built on another one than the one stored is left out.
 * 5. Storing again what is stored already, update or acknowledgement, is harmless.
 *
 * It knows nothing of Yjs: updates and snapshots are opaque bytes.
 */
import type { Observable, TidemarkError } from '@tidemark/base'

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
  /** Whether the user of this device made it (then it is pending until acknowledged). */
  readonly origin: 'local' | 'remote'
}

/** The local updates of one writer that the relay has not acknowledged: `from` to `to`, both included. */
export interface PendingRange {
  readonly from: number
  readonly to: number
}

/** What is known of one document besides its content. */
export interface DocRecord {
  readonly name: string
  /** Rises by 1 with each commit that stores updates of this document. */
  readonly revision: number
  /** The revision that its row reflects exactly; behind when lower than `revision`. */
  readonly rowRevision: number
  /** Pending mark by writer; empty when the relay has everything. */
  readonly pending: Readonly<Record<string, PendingRange>>
  /**
   * When the oldest pending update was stored, ms since 1970; null when nothing is pending. Once a part is
   * acknowledged and no other writer has anything pending, it is when that acknowledgement was stored.
   */
  readonly pendingSinceMs: number | null
  /** Rises by 1 with each snapshot; 0 for none. */
  readonly snapshotRevision: number
  /** The last seq of the relay's log that this document is known to be part of; 0 for none. */
  readonly lastSeq: number
  /** The relay lost something of this document: all of it is to be carried back. */
  readonly carry: boolean
  /** The code of the last refusal; null when there is none. A document with a problem is not pushed. */
  readonly problem: string | null
}

/**
 * Changes to a `DocRecord` that are not derived from updates or acknowledgements. `lastSeq` only rises, except
 * together with `carry: true`: then the relay lost what came after it.
 */
export interface DocPatch {
  readonly name: string
  readonly lastSeq?: number
  readonly carry?: boolean
  readonly problem?: string | null
}

/**
 * `upTo` and everything before it of this writer and document is durable at the relay, at `seq` or below.
 * Ignored for a document that is not stored.
 */
export interface Acknowledged {
  readonly name: string
  readonly writer: string
  readonly upTo: number
  readonly seq: number
}

/** The plain projection of an entity, for lists and queries. */
export interface Row {
  readonly type: string
  readonly id: string
  readonly value: Json
}

/**
 * A row to store. `reflects` is the revision that the projection is known to include, before this batch;
 * the batch's own updates of the document are included by contract. When the document stands at another
 * revision, the row is stored all the same but stays marked as behind.
 */
export interface RowWrite extends Row {
  readonly name: string
  readonly reflects: number
}

/**
 * Replaces the named updates of a document by one state that contains them and the snapshot before it.
 *
 * Left out, with `replaces`, when the stored snapshot is not the one it follows: another tab was faster,
 * and storing it would lose what that one holds. Whether it was stored is told by `Committed`.
 */
export interface SnapshotWrite {
  readonly name: string
  readonly bytes: Uint8Array
  /** `snapshotRevision` of the document that it was made of. */
  readonly follows: number
  /** Those that are still pending stay. */
  readonly replaces: readonly { readonly writer: string; readonly n: number }[]
}

/**
 * One atomic change of the database. It takes effect in this order: updates, acknowledged, docs, rows,
 * snapshots. What it refers to, bytes above all, must not be changed afterwards.
 */
export interface Batch {
  readonly updates?: readonly StoredUpdate[]
  readonly acknowledged?: readonly Acknowledged[]
  readonly docs?: readonly DocPatch[]
  readonly rows?: readonly RowWrite[]
  readonly snapshots?: readonly SnapshotWrite[]
  /** Moves the cursor; compared as JSON with the one it follows. */
  readonly cursor?: { readonly follows: Json; readonly next: Json }
  /** Values to put under their keys; others stay. */
  readonly state?: Readonly<Record<string, Json>>
}

/** What a commit did. */
export interface Committed {
  /** The new revision of each document that the batch stored updates of. */
  readonly revisions: ReadonlyMap<string, number>
  /** Names of the documents whose snapshot was stored. */
  readonly snapshots: ReadonlySet<string>
}

/** A document as stored. */
export interface StoredDocument {
  readonly record: DocRecord
  /** The state that the updates build on; null when there is none yet. */
  readonly snapshot: Uint8Array | null
  /** In no particular order: Yjs updates commute. */
  readonly updates: readonly StoredUpdate[]
}

/** What a list of all pending changes needs of one document. */
export interface PendingDocument {
  readonly record: DocRecord
  /** The local updates behind the pending mark, by writer and number. */
  readonly updates: readonly StoredUpdate[]
}

export interface StoreStatus {
  /** Where changes are kept. `memory` when the browser gives no database: they last as long as the tab. */
  readonly kind: 'indexeddb' | 'sqlite' | 'memory'
  /** Why it is memory although a database was asked for. */
  readonly fallback: TidemarkError | null
  /** What the last commit failed with, or why the connection was lost; null once a commit succeeds. */
  readonly problem: TidemarkError | null
}

/** Reads see every commit whose promise has resolved, and reject with `store/failed` or `store/closed`. */
export interface LocalStore {
  readonly status: Observable<StoreStatus>

  /**
   * Stores `batch`, whole or not at all. Batches are stored in the order of the calls.
   *
   * @throws {TidemarkError} `store/cursor-moved` when the batch carries a cursor and another stands there;
   *   `store/full`, `store/failed`, `store/blocked` or `store/closed` when the database did not take it.
   *   Nothing is stored then; later batches are tried all the same, so the caller repeats it before new ones.
   */
  commit(batch: Batch): Promise<Committed>

  /** The named documents, those that have a record, in a bounded number of requests whatever their number. */
  load(names: readonly string[]): Promise<ReadonlyMap<string, StoredDocument>>

  /** Documents with a pending mark, oldest first, with the updates behind it. */
  pending(limit: number): Promise<readonly PendingDocument[]>
  /** How much is pending in all; a document that is to be carried counts, without its bytes. */
  pendingTotals(): Promise<{ readonly documents: number; readonly bytes: number; readonly sinceMs: number | null }>

  /** All rows of a type, in order of id. */
  rows(type: string): Promise<readonly Row[]>
  /** Names of up to `limit` documents whose row is behind. */
  rowsBehind(limit: number): Promise<readonly string[]>
  /** Names of up to `limit` documents that are to be carried. */
  carrying(limit: number): Promise<readonly string[]>
  /** Names of the documents whose `lastSeq` is above `seq`, in order of it. */
  changedAfter(seq: number): Promise<readonly string[]>

  /** The cursor (null before the first) and the values stored under `state`. */
  state(): Promise<{ readonly cursor: Json; readonly values: Readonly<Record<string, Json>> }>

  /** Lets what was committed finish, then gives the database back. Idempotent. */
  close(): Promise<void>
}

/** Opens the database of one space and user; what `indexedDbStore()` and `memoryStore()` give. */
export type OpenStore = (options: { readonly space: string; readonly user: string }) => Promise<LocalStore>
