/** Takes a page of folded rows that does not open out of the way. */
import { newRecord } from './doc-record.ts'
import { type DocRow, type PageRow, toDocRow } from './idb-layout.ts'
import { resultOf } from './idb-request.ts'
import { salvaged } from './record-shape.ts'
import type { QuarantinedRecord } from './stored.ts'

/**
 * Quarantines the page and leaves the row of every document behind: which rows it held cannot be told any more, and
 * all can be had again from their documents.
 */
export async function dropPage(transaction: IDBTransaction, { type, number, body }: PageRow, reason: string, atMs: number): Promise<void> {
  const docs = transaction.objectStore('docs')
  const rows = await resultOf<DocRow[]>(docs.getAll())
  for (const row of rows) {
    const { record } = salvaged(row)
    docs.put(toDocRow({ ...newRecord(row.name), ...record, rowRevision: Math.min(record.rowRevision, record.revision - 1) }, row.label))
  }
  transaction.objectStore('pages').delete([type, number])
  const kept: QuarantinedRecord = { name: '', part: { type, id: String(number) }, bytes: body, reason, atMs }
  transaction.objectStore('quarantine').add(kept)
}
