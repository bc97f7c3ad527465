/**
 * The log: the relay's ordered, durable record of every space, as a port.
 *
 * Why it exists: acknowledging means durable, and that one promise is kept here and nowhere else.
 * Every adapter passes `test/log.contract.ts`.
 *
 * Invariants
 * 1. When `append` resolves, all of its batch is on stable storage; when it rejects, none of it can be read.
 *    With `relay/disk-full` that is certain for good, and the log goes on under the same incarnation once there is room; after
 *    any other failure it may turn out stored later, so its spaces need a new incarnation.
 * 2. `seq` rises per space and becomes visible in rising order; it need not be contiguous.
 * 3. A document keeps its number, and numbers rise from 1 per space.
 * 4. Every opening of the storage begins an incarnation in each space it touches, so that no restore and
 *    no copy of files goes unnoticed.
 * 5. Each document's updates, in order, have no gap: the caller cut them (`@tidemark/updates`).
 * 6. A purge is an entry like others, so readers hear of it in order. With it everything that the log had of the document is
 *    gone; its name and number stay taken for ever. Its tombstone is also kept outside of what a backup holds, from before the
 *    purge is durable, and applied to an older state when that is opened.
 *
 * It judges no update and knows no session.
 */
import type { Incarnation } from '@tidemark/protocol'

/** One update to be made durable. */
export interface LogEntry {
  readonly space: string
  readonly document: string
  /** V1, cut to what the document lacks; empty for a purge. */
  readonly update: Uint8Array
  /** Who brought it. */
  readonly principal: string
  /** `push`: the principal's own edits; `carry`: handed on, whoever made them; `purge`: the document is erased for good. */
  readonly kind: 'push' | 'carry' | 'purge'
  /** Client ids that become `principal`'s with this commit, unless they belong to someone already. */
  readonly claims: readonly number[]
  /** Whether intents of the document wait for the relay's answer once this is stored; as before when left out. */
  readonly awaits?: boolean
}

/** Where an update stands. */
export interface Place {
  readonly seq: number
  /** The document's number in its space. */
  readonly number: number
}

export interface SpaceHistory {
  /** In the order they were lived through; the last one is current. */
  readonly incarnations: readonly Incarnation[]
  readonly head: number
  /** Bytes of updates and states that the log has of the space. */
  readonly bytes: number
}

/** How much one read may take; at least one item is always read, however large. */
export interface ReadLimits {
  readonly maxItems: number
  readonly maxBytes: number
}

export interface LoggedUpdate {
  readonly seq: number
  readonly number: number
  readonly document: string
  readonly update: Uint8Array
  /** Who brought it, and how. */
  readonly principal: string
  readonly kind: 'push' | 'carry'
}

/** A document that was erased for good; nothing of it is in the log any more, and nothing will be. */
export interface PurgedDocument {
  readonly number: number
  readonly document: string
}

/** Updates in order of `seq`, and the position behind them. */
export interface ChangesPage {
  readonly updates: readonly LoggedUpdate[]
  /** What was purged on the way; no update of such a document is in any page. */
  readonly purged: readonly PurgedDocument[]
  /** Everything up to here has been read; the log's head when nothing is left. */
  readonly seq: number
}

export interface ChangedDocument {
  readonly number: number
  readonly document: string
  /** Everything after `from` merged, or the full state when some of it was compacted away. */
  readonly update: Uint8Array
}

/** Documents in order of number. */
export interface ChangedDocumentsPage {
  readonly documents: readonly ChangedDocument[]
  /** Those among them that were purged, in order of number. */
  readonly purged: readonly PurgedDocument[]
  /** Every changed document up to this number has been listed. */
  readonly last: number
  readonly done: boolean
}

/** A document with everything the log has of it. */
export interface LoadedDocument {
  readonly number: number
  /** The place of its last update. */
  readonly seq: number
  /** All updates merged. */
  readonly update: Uint8Array
}

/**
 * What failures look like: every method rejects with `relay/log-failed`, those that write with `relay/disk-full`, and where reading
 * has a limit on time, with `relay/too-large` for one document and `relay/busy` for anything else.
 */
export interface Log {
  /** The space's history; the first call for a space in this opening of the log begins an incarnation. */
  open(space: string): Promise<SpaceHistory>
  /** Begins another incarnation, as is due after a failed append. */
  renew(space: string): Promise<SpaceHistory>
  /**
   * Stores the batch, whole or not at all; resolves in the batch's order. Its spaces were opened.
   *
   * Anything but a purge of a purged document fails; purging it again gives the place of the first purge. A purge that failed
   * may be carried out at the next opening.
   */
  append(batch: readonly LogEntry[]): Promise<readonly Place[]>
  /** What follows `after` in order of `seq`; `compacted` when some of it can only be had by document. */
  changes(space: string, after: number, limits: ReadLimits): Promise<ChangesPage | 'compacted'>
  /** The documents numbered above `afterNumber` that changed after `from`. */
  changedDocuments(space: string, from: number, afterNumber: number, limits: ReadLimits): Promise<ChangedDocumentsPage>
  /** Null when the space has no such document. */
  load(space: string, document: string): Promise<LoadedDocument | 'purged' | null>
  /** Who owns which of these client ids; those that nobody owns are missing. */
  claims(space: string, clients: readonly number[]): Promise<ReadonlyMap<number, string>>
  /** Names of all spaces, also of those that were not opened. */
  spaces(): Promise<readonly string[]>
  /** What a feed reader of this name last kept for the space; null for nothing. */
  readerCursor(reader: string, space: string): Promise<string | null>
  saveReaderCursor(reader: string, space: string, cursor: string): Promise<void>
  /** Names of up to `limit` documents in which intents wait for the relay's answer. */
  awaiting(space: string, limit: number): Promise<readonly string[]>
  /**
   * Replaces what the log has of a document by one re-encoded state.
   *
   * Updates appended meanwhile survive. Deleted content is gone afterwards.
   */
  compact(space: string, document: string): Promise<void>
  /** Reads and compactions that took too long and were ended; nothing where that cannot be. */
  readonly endedJobs?: number
  /** Finishes what was begun, then refuses everything; idempotent. */
  close(): Promise<void>
}

/** `log` with some of its methods replaced, such as to measure them. */
export function logWith(log: Log, replaced: Partial<Log>): Log {
  return {
    open: (space) => log.open(space),
    renew: (space) => log.renew(space),
    append: (batch) => log.append(batch),
    changes: (space, after, limits) => log.changes(space, after, limits),
    changedDocuments: (space, from, afterNumber, limits) => log.changedDocuments(space, from, afterNumber, limits),
    load: (space, document) => log.load(space, document),
    claims: (space, clients) => log.claims(space, clients),
    spaces: () => log.spaces(),
    readerCursor: (reader, space) => log.readerCursor(reader, space),
    saveReaderCursor: (reader, space, cursor) => log.saveReaderCursor(reader, space, cursor),
    awaiting: (space, limit) => log.awaiting(space, limit),
    compact: (space, document) => log.compact(space, document),
    get endedJobs() {
      return log.endedJobs ?? 0
    },
    close: () => log.close(),
    ...replaced,
  }
}
