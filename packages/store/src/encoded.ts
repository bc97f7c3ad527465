/**
 * A batch as it goes into a database: every name is a key, and every body is what stands there.
 *
 * Why it exists: the planner decides inside a transaction and needs keys, numbers, marks and sizes; it never
 * needs a name, a value or bytes in the clear. So a codec turns a batch into this before the transaction opens
 * (sealing awaits WebCrypto, which would end it), and turns what was read back after the transaction is over.
 * The plain codec changes next to nothing.
 *
 * Invariants
 * 1. Keys are a function of what they stand for: the same name gives the same key each time.
 * 2. Whatever the planner may have to write for a batch is in the encoded batch; it makes no bodies of its own.
 * 3. `tag` of two cursors is equal exactly when they are the same JSON, and `null` for null.
 */
import type { Acknowledged, Batch, Discard, DocPatch, FoldWrite, ForkWrite, QuarantineWrite, SnapshotWrite } from './batch.ts'
import { canonicalJson } from './canonical-json.ts'
import type { Json, StoredUpdate } from './stored.ts'

/** What stands in the database for a value: the value itself, or sealed bytes. */
export type Body = Json | Uint8Array

export interface EncodedRow {
  readonly type: string
  readonly id: string
  readonly name: string
  readonly reflects: number
  readonly body: Body
}

export interface EncodedBatch {
  readonly updates: readonly StoredUpdate[]
  readonly acknowledged: readonly Acknowledged[]
  readonly docs: readonly DocPatch[]
  readonly rows: readonly EncodedRow[]
  readonly snapshots: readonly SnapshotWrite[]
  readonly folds: readonly FoldWrite[]
  readonly forks: readonly ForkWrite[]
  readonly quarantine: readonly QuarantineWrite[]
  readonly discards: readonly Discard[]
  readonly cursor: { readonly follows: string; readonly next: { readonly tag: string; readonly body: Body } } | null
  readonly values: readonly { readonly key: string; readonly body: Body }[]
  /** What keeps each document's name beside its key, where the key does not tell it; null where it does. */
  readonly labels: ReadonlyMap<string, Body> | null
  /** The epoch of the key that sealed it: where another is current by now it is not stored. Null where nothing is sealed. */
  readonly epoch: number | null
}

/** The batch as it is, each cursor with its tag. */
export function encodePlain(batch: Batch): EncodedBatch {
  const { updates, acknowledged, docs, rows, snapshots, folds, forks, quarantine, discards, cursor, state } = batch
  return {
    updates: (updates ?? []).map((update) => ({ ...update, bytes: trimmed(update.bytes) })),
    acknowledged: acknowledged ?? [],
    docs: docs ?? [],
    rows: (rows ?? []).map(({ type, id, name, reflects, value }) => ({ type, id, name, reflects, body: value })),
    snapshots: (snapshots ?? []).map((snapshot) => ({ ...snapshot, bytes: trimmed(snapshot.bytes) })),
    folds: (folds ?? []).map((fold) => ({ ...fold, bytes: trimmed(fold.bytes) })),
    forks: forks ?? [],
    quarantine: quarantine ?? [],
    discards: discards ?? [],
    cursor:
      cursor === undefined
        ? null
        : { follows: canonicalJson(cursor.follows), next: { tag: canonicalJson(cursor.next), body: cursor.next } },
    values: Object.entries(state ?? {}).map(([key, body]) => ({ key, body })),
    labels: null,
    epoch: null,
  }
}

/** Structured cloning keeps the whole buffer under a view, which may be a network frame with many updates. */
export const trimmed = (bytes: Uint8Array): Uint8Array => (bytes.byteLength === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes))
