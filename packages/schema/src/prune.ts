/**
 * Removes superseded entries of a field, so that a field that is set ten thousand times stays small.
 *
 * Invariants
 * 1. Nothing is removed while the document has pending structs or deletes.
 * 2. An entry goes only when it is superseded and every entry that it supersedes itself is gone and integrated.
 *    Otherwise an old value that arrives late would find nobody who names it, and come back as a ghost.
 * 3. Decisions, withdrawals, deletes and restores stay for ever: they are the record. So do entries that this build
 *    does not understand, and entries of an older version where an `upgrade` reads them.
 * 4. What stays and is superseded is named by something that stays too, or by a head. An entry that supersedes a decision
 *    could never go by rule 2, and nothing after it either; so the write that prunes, and every entry that stays, also
 *    names what stayed before it (`carried`). Those are superseded already; naming them again changes no head.
 * 5. Whoever has the write that pruned also has what names each removed entry (`coveredBy`). Yjs lets a replica have the
 *    write, and so the removal, without a third write that superseded the removed one; the value would be missing there
 *    until that arrives. Past `limits.uncoveredEntries` this rule yields, so that a field stays bounded whatever happens.
 */
import * as Y from 'yjs'
import { type Dot, dotKey, type EntryKind, type EntryReader, entriesName, type KnownEntry } from './entry.ts'
import { limits } from './limits.ts'
import { isIntegrated, isWaiting, mappedEntries, type Register, type RegisterModel } from './register.ts'

const keptKinds: ReadonlySet<EntryKind> = new Set<EntryKind>(['decide', 'withdraw', 'delete', 'restore'])

/** Whether entries of this kind are the record, which is never pruned. */
export const isKeptKind = (kind: EntryKind): boolean => keptKinds.has(kind)

/** Whether `entry` stays whatever supersedes it. */
export const isKept = (model: RegisterModel, entry: KnownEntry): boolean =>
  isKeptKind(entry.k) || entry.s === 0 || (model.upgrade !== null && entry.s < model.version)

/** Superseded entries that stay and that nothing that stays names: the next write that stays, or prunes, names them. */
export function carried(model: RegisterModel, register: Register): Dot[] {
  const kept = register.entries.filter((entry) => isKept(model, entry))
  if (kept.length === 0) return []
  const named = new Set(kept.flatMap((entry) => entry.names))
  const heads = new Set(register.heads.map((head) => head.key))
  return kept.filter((entry) => !named.has(entry.key) && !heads.has(entry.key)).map((entry) => entry.i)
}

export interface Pruning {
  readonly model: RegisterModel
  readonly doc: Y.Doc
  readonly read: EntryReader
  readonly field: string
  /** How many entries stay, beside those that always do. */
  readonly keep: number
}

/** Prunes one field; call it inside the transaction that wrote to it. Returns how many entries went. */
export function pruneField({ model, doc, read, field, keep }: Pruning): number {
  if (isWaiting(doc)) return 0
  const array = doc.getArray<unknown>(entriesName)
  const places = array.toArray().map(read)
  const present = new Map<string, KnownEntry>()
  const namers = new Map<string, KnownEntry[]>()
  for (const entry of [...places, ...mappedEntries(model, doc)]) {
    if (entry === null || entry.f !== field || present.has(entry.key)) continue
    present.set(entry.key, entry)
    for (const name of entry.names) namers.set(name, [...(namers.get(name) ?? []), entry])
  }
  let left = [...present.values()].filter((entry) => !isKept(model, entry)).length
  const isCovered = left > limits.uncoveredEntries ? () => true : coveredBy(doc, array)
  const covering = (dot: Dot): readonly KnownEntry[] => (namers.get(dotKey(dot)) ?? []).filter((namer) => isCovered(namer.i))
  const stays = (entry: KnownEntry): boolean => isKept(model, entry) || !namers.has(entry.key)
  const settled = (dot: Dot): boolean => {
    const entry = present.get(dotKey(dot))
    if (entry === undefined) return isIntegrated(doc, dot)
    return isKept(model, entry) && covering(dot).some(stays)
  }

  const removed: number[] = []
  for (const [index, entry] of places.entries()) {
    if (left <= keep) break
    if (entry === null || present.get(entry.key) !== entry || stays(entry) || !entry.o.every(settled)) continue
    if (covering(entry.i).length === 0) continue
    present.delete(entry.key)
    removed.push(index)
    left--
  }
  removeAll(array, removed)
  return removed.length
}

/** Whether a replica that has the last own struct must have the one at a dot: what Yjs integrates before it. */
function coveredBy(doc: Y.Doc, array: Y.Array<unknown>): (dot: Dot) => boolean {
  const covered = new Map([[doc.clientID, Y.getState(doc.store, doc.clientID) - 1]])
  const cover = (id: Y.ID | null): void => {
    if (id !== null && (covered.get(id.client) ?? -1) < id.clock) covered.set(id.client, id.clock)
  }
  const items: Y.Item[] = []
  for (let item = array._start; item !== null; item = item.right) items.push(item)
  for (const item of items.reverse()) {
    if ((covered.get(item.id.client) ?? -1) < item.id.clock) continue
    cover(item.origin)
    cover(item.rightOrigin)
  }
  return ([client, clock]) => (covered.get(client) ?? -1) >= clock
}

/** Removes the items at `indices`, which rise, run by run from the right. */
function removeAll(array: Y.Array<unknown>, indices: readonly number[]): void {
  let end = indices.length
  while (end > 0) {
    let start = end - 1
    while (start > 0 && (indices[start - 1] as number) === (indices[start] as number) - 1) start--
    array.delete(indices[start] as number, end - start)
    end = start
  }
}
