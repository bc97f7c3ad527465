import { isWithinMark } from './doc-record.ts'
import type { DocRecord, PendingDocument, StoredUpdate } from './local-store.ts'

/** Whether an update of the record's document is still pending. */
export const isPendingUpdate =
  (record: DocRecord) =>
  ({ writer, n, origin }: StoredUpdate): boolean =>
    origin === 'local' && isWithinMark(record, writer, n)

/** Sums up all pending documents, which come oldest first, and those that are only to be carried. */
export function pendingTotalsOf(
  documents: readonly PendingDocument[],
  carrying: readonly string[],
): { documents: number; bytes: number; sinceMs: number | null } {
  const updates = documents.flatMap((document) => document.updates)
  const bytes = updates.reduce((sum, update) => sum + update.bytes.byteLength, 0)
  const names = new Set([...documents.map((document) => document.record.name), ...carrying])
  return { documents: names.size, bytes, sinceMs: documents[0]?.record.pendingSinceMs ?? null }
}
