/** Takes what belongs to no document and does not open out of the way: a page of folded rows, the cursor. */
import { cursorKey, type DocRow, type PageRow, type StateRow, toDocRow } from './idb-layout.ts'
import { resultOf } from './idb-request.ts'
import { rawBytes } from './raw-bytes.ts'
import { recordOf } from './record-shape.ts'
import type { DocRecord, QuarantinedRecord } from './stored.ts'

/**
 * Quarantines the page and leaves the row of every document behind: which rows it held cannot be told any more, and
 * all can be had again from their documents. Nothing happens where another tab has replaced the page meanwhile.
 */
export async function dropPage(transaction: IDBTransaction, { type, number, body }: PageRow, reason: string, atMs: number): Promise<void> {
  const pages = transaction.objectStore('pages')
  const now = await resultOf<PageRow | undefined>(pages.get([type, number]))
  if (now === undefined || !sameBytes(now.body, body)) return
  const docs = transaction.objectStore('docs')
  for (const row of await resultOf<DocRow[]>(docs.getAll())) {
    const record = intact(row)
    // A damaged record is the matter of whoever reads it: rewritten here it would lose its mark.
    if (record !== null) docs.put(toDocRow({ ...record, rowRevision: Math.min(record.rowRevision, record.revision - 1) }, row.label))
  }
  pages.delete([type, number])
  const kept: QuarantinedRecord = { name: '', part: { type, id: String(number) }, bytes: body, reason, atMs }
  transaction.objectStore('quarantine').add(kept)
}

/** Quarantines the cursor, unless it has moved on: the replica then catches up from the start. */
export async function dropCursor(transaction: IDBTransaction, row: StateRow, reason: string, atMs: number): Promise<void> {
  const state = transaction.objectStore('state')
  const now = await resultOf<StateRow | undefined>(state.get(cursorKey))
  if (now === undefined || !sameBytes(rawBytes(now), rawBytes(row))) return
  state.delete(cursorKey)
  const kept: QuarantinedRecord = { name: '', part: { type: '', id: cursorKey }, bytes: rawBytes(row), reason, atMs }
  transaction.objectStore('quarantine').add(kept)
}

function intact(row: DocRow): DocRecord | null {
  try {
    return recordOf(row)
  } catch {
    return null
  }
}

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && a.every((byte, i) => byte === b[i])
