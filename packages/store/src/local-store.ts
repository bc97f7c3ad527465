/**
 * `LocalStore`: the local database of one space and one user, as a port.
 *
 * Everything that a tab keeps goes through one method, `commit`, which is atomic across updates,
 * pending marks, rows, snapshots and the cursor. Every adapter passes `test/local-store.contract.ts`.
 *
 * Invariants
 * 1. A commit is stored whole or not at all; when its promise resolves it survives a crash of the tab.
 * 2. A local update raises its document's pending mark in the very commit that stores it; only
 *    `acknowledged` lowers it, and only for the writer and the numbers it names, or a fork that keeps the
 *    updates aside.
 * 3. A batch that carries the cursor names the one it follows; where another stands, nothing is stored.
 * 4. A snapshot changes nothing about what a document contains: an update that is still pending stays
 *    beside it, and a snapshot built on another one than the one stored is left out.
 * 5. Storing again what is stored already, update or acknowledgement, is harmless.
 * 6. A document that is known to have changed elsewhere is behind until its whole state of that change is stored.
 * 7. No bytes of a person's edit are deleted but by a snapshot or fold that contains them, or by a discard.
 *
 * It knows nothing of Yjs: updates and snapshots are opaque bytes.
 */
import type { Observable } from '@tidemark/base'
import type { Batch, Committed } from './batch.ts'
import type { Json, PendingDocument, QuarantinedRecord, RefusedChange, Row, StoredDocument, StoreStatus } from './stored.ts'

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

  /**
   * The named documents, those that have a record, in a bounded number of requests whatever their number.
   * A record that cannot be read is left out and quarantined; its document comes without it, and is behind.
   */
  load(names: readonly string[]): Promise<ReadonlyMap<string, StoredDocument>>

  /**
   * `names` in the order in which the database keeps them: loads of neighbours cost least. Left out where no order
   * costs less than another.
   */
  inStoredOrder?(names: readonly string[]): Promise<readonly string[]>

  /** Documents with a pending mark, oldest first, with the updates behind it. */
  pending(limit: number): Promise<readonly PendingDocument[]>
  /** How much is pending in all; a document that is to be carried counts, without its bytes. Costs the same however much it is. */
  pendingTotals(): Promise<PendingSum>

  /** All rows of a type, in order of id. */
  rows(type: string): Promise<readonly Row[]>
  /** Names of up to `limit` documents whose row is behind, those that changed last first; of `among` alone where it is given. */
  rowsBehind(limit: number, among?: readonly string[]): Promise<readonly string[]>
  /** Names of up to `limit` documents that are behind: their state is to be asked for. */
  behind(limit: number): Promise<readonly string[]>
  /** Names of up to `limit` documents that are to be carried. */
  carrying(limit: number): Promise<readonly string[]>
  /** Names of up to `limit` documents whose log is long enough to be worth compacting. */
  longLogs(limit: number): Promise<readonly string[]>
  /** Names of the documents whose `lastSeq` is above `seq`, in order of it. */
  changedAfter(seq: number): Promise<readonly string[]>

  /** What was refused and not discarded, in order of name and branch. */
  refused(): Promise<readonly RefusedChange[]>
  /** Damaged records that were taken out of the way, oldest first. */
  quarantined(): Promise<readonly QuarantinedRecord[]>

  /** The cursor (null before the first) and the values stored under `state`. */
  state(): Promise<{ readonly cursor: Json; readonly values: Readonly<Record<string, Json>> }>

  /**
   * Does a slice of what this adapter has to tidy up by itself (sealing anew after a rotation, folding sealed rows into
   * pages); whether there is more. One tab at a time calls it, off the path of user input. Left out where there is nothing.
   */
  tidy?(): Promise<boolean>

  /** Lets what was committed finish, then gives the database back. Idempotent. */
  close(): Promise<void>
}

export interface PendingSum {
  readonly documents: number
  readonly bytes: number
  /** When the oldest of it was stored, ms since 1970. */
  readonly sinceMs: number | null
  /** Refused changes that are kept aside, as of the same moment: what leaves the one count for the other is never in neither. */
  readonly refused: number
}

/** Opens the database of one space and user; what `indexedDbStore()` and `memoryStore()` give. */
export type OpenStore = (options: { readonly space: string; readonly user: string }) => Promise<LocalStore>
