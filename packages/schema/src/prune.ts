/**
 * Removes superseded entries of a field, so that a field that is set ten thousand times stays small.
 *
 * Invariants
 * 1. Nothing is removed while the document has pending structs or deletes.
 * 2. An entry goes only when it is superseded and every entry that it supersedes itself is gone and integrated.
 *    Otherwise an old value that arrives late would find nobody who names it, and come back as a ghost.
 * 3. Entries that this build does not understand stay.
 */
import * as Y from 'yjs'
import { type Dot, dotKey, type Entry, type EntryReader } from './entry.ts'
import { limits } from './limits.ts'

/** Whether the document waits for structs or deletes that have not arrived. */
export const isWaiting = (doc: Y.Doc): boolean => doc.store.pendingStructs !== null || doc.store.pendingDs !== null

/** Prunes one field; call it inside the transaction that wrote to it. Returns how many entries went. */
export function pruneField(doc: Y.Doc, array: Y.Array<unknown>, field: string, read: EntryReader): number {
  if (isWaiting(doc)) return 0
  const places = array.toArray().map(read)
  let left = places.filter((entry) => entry?.f === field).length
  if (left <= 2 * limits.keptEntries) return 0

  const present = new Set<string>()
  const superseded = new Set<string>()
  for (const entry of places) {
    if (entry === null) continue
    present.add(dotKey(entry.i))
    for (const dot of entry.o) superseded.add(dotKey(dot))
  }
  const gone = (dot: Dot): boolean => !present.has(dotKey(dot)) && Y.getState(doc.store, dot[0]) > dot[1]
  const removable = (entry: Entry): boolean => superseded.has(dotKey(entry.i)) && entry.o.every(gone)

  const removed: number[] = []
  for (const [index, entry] of places.entries()) {
    if (left <= limits.keptEntries) break
    if (entry === null || entry.f !== field || !removable(entry)) continue
    present.delete(dotKey(entry.i))
    removed.push(index)
    left--
  }
  for (const index of removed.reverse()) array.delete(index, 1)
  return removed.length
}
