/** What one commit carries, and what it did. */
import type { DamagedPart, Json, Row, Snapshot, StoredUpdate } from './stored.ts'

/**
 * Changes to a `DocRecord` that are not derived from updates or acknowledgements. `lastSeq` only rises, except
 * together with `carry: true`: then the relay lost what came after it.
 */
export interface DocPatch {
  readonly name: string
  readonly lastSeq?: number
  readonly carry?: boolean
  /** With `carry: false`, the revision that was carried: what was marked at a later one stays marked. */
  readonly carried?: number
  readonly problem?: string | null
  /** The relay announced a change at this seq without sending it. Travels with the cursor that passes it. */
  readonly behind?: number
  /** The batch brings the document's whole state as of this seq: it is no longer behind, unless a later change was announced. */
  readonly state?: number
  /** A push of what is pending failed. */
  readonly attempted?: true
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
export interface SnapshotWrite extends Snapshot {
  readonly name: string
  /** As of an update. */
  readonly size?: number
  /** `snapshotRevision` of the document that it was made of. */
  readonly follows: number
  /** Those that are still pending stay. `size` is that of their bytes. */
  readonly replaces: readonly { readonly writer: string; readonly n: number; readonly size: number }[]
}

/**
 * Replaces pending updates of one writer by one that merges them, under the highest of their numbers. A
 * refusal then holds all of them back. Left out when one of them is no longer pending.
 */
export interface FoldWrite {
  readonly name: string
  readonly writer: string
  /** The numbers of those that are merged, rising. */
  readonly replaces: readonly number[]
  readonly bytes: Uint8Array
  /** As of an update. */
  readonly size?: number
}

/**
 * Ends a document's branch: the named local updates are no longer part of the document but kept aside as a
 * refused change. Left out when the document is no longer at the revision that it follows.
 */
export interface ForkWrite {
  readonly name: string
  readonly follows: number
  /** The refused updates and those that build on them; with their bytes. */
  readonly refused: readonly StoredUpdate[]
  /** The code of the refusal. */
  readonly code: string
}

/** One refused update, by its place: what came to the same refused change since it was read stays. */
export interface Discard {
  readonly name: string
  readonly branch: number
  readonly writer: string
  readonly n: number
}

/** Takes a damaged record out of the way: its bytes are kept, its document is behind. */
export interface QuarantineWrite {
  readonly name: string
  readonly part: DamagedPart
  readonly bytes: Uint8Array
  /** As of an update. */
  readonly size?: number
  readonly reason: string
}

/**
 * One atomic change of the database. It takes effect in this order: updates, acknowledged, docs, rows,
 * snapshots, folds, forks, quarantine, discards. What it refers to, bytes above all, must not be changed
 * afterwards.
 */
export interface Batch {
  readonly updates?: readonly StoredUpdate[]
  readonly acknowledged?: readonly Acknowledged[]
  readonly docs?: readonly DocPatch[]
  readonly rows?: readonly RowWrite[]
  readonly snapshots?: readonly SnapshotWrite[]
  readonly folds?: readonly FoldWrite[]
  readonly forks?: readonly ForkWrite[]
  readonly quarantine?: readonly QuarantineWrite[]
  /** Refused updates to forget for good. */
  readonly discards?: readonly Discard[]
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
  /** Names of the documents that were forked. */
  readonly forks: ReadonlySet<string>
  /** Names of the documents whose updates were made on an older branch and are kept aside: they are to be loaded anew. */
  readonly aside: ReadonlySet<string>
}
