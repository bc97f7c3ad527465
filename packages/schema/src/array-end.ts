/**
 * The end of the array of entries, and appending there without walking the array.
 *
 * `Y.Array.push` starts at its last search marker, and somebody else's change removes those; then it passes every entry
 * that was ever pruned. The last entry that was written here is near the end; from there it is a few steps.
 */
import * as Y from 'yjs'
import { type Dot, entriesName, type StoredEntry } from './entry.ts'

/** The end of one document's array of entries. */
export interface ArrayEnd {
  /** The last item, whether or not it is deleted. */
  item(): Y.Item | null
  /** What `array.push([entry])` does; only inside a transaction. `entry` has the next own dot. */
  append(entry: StoredEntry): void
  /** Removes the items at `dots`, which rise within a client; only inside a transaction. */
  remove(dots: readonly Dot[]): void
}

/** The end of the array of entries in `doc`. */
export function createArrayEnd(doc: Y.Doc): ArrayEnd {
  let last: Dot | null = null
  const item = (): Y.Item | null => {
    // Found by its dot each time, since Yjs merges items and leaves the old objects behind.
    const known = last === null ? null : Y.getItem(doc.store, Y.createID(last[0], last[1]))
    let end = known instanceof Y.Item ? known : doc.getArray(entriesName)._start
    while (end !== null && end.right !== null) end = end.right
    return end
  }
  return {
    item,
    append: (entry) => {
      const [client, clock] = entry.i
      const left = item()
      const array = doc.getArray<unknown>(entriesName)
      const struct = new Y.Item(Y.createID(client, clock), left, left?.lastId ?? null, null, null, array, null, new Y.ContentAny([entry]))
      doc.transact((transaction) => struct.integrate(transaction, 0))
      last = entry.i
    },
    remove: (dots) => doc.transact((transaction) => removeAll(transaction, doc.getArray(entriesName), dots)),
  }
}

/** What `array.delete` does for each, without walking there; runs of one client go at once. */
function removeAll(transaction: Y.Transaction, array: Y.Array<unknown>, dots: readonly Dot[]): void {
  const { store } = transaction.doc
  for (let index = 0; index < dots.length; ) {
    const [client, first] = dots[index] as Dot
    let length = 1
    while (dots[index + length]?.[0] === client && dots[index + length]?.[1] === first + length) length++
    Y.getItemCleanEnd(transaction, store, Y.createID(client, first + length - 1))
    for (let clock = first; clock < first + length; ) {
      const item = Y.getItemCleanStart(transaction, Y.createID(client, clock))
      item.delete(transaction)
      clock += item.length
    }
    index += length
  }
  // They count items from the left; the next reader by index begins without them.
  const markers = array._searchMarker
  if (markers !== null) markers.length = 0
}
