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
 * 5. Whoever has the write that pruned also has what names each removed entry (`covered`). Yjs lets a replica have the
 *    write, and so the removal, without a third write that superseded the removed one; the value would be missing there
 *    until that arrives. Past `limits.uncoveredEntries` this rule yields, so that a field stays bounded whatever happens.
 */
import * as Y from 'yjs'
import type { ArrayEnd } from './array-end.ts'
import { type Dot, dotKey, type EntryKind, type KnownEntry } from './entry.ts'
import { limits } from './limits.ts'
import { isIntegrated, isWaiting, type Register, type RegisterModel } from './register.ts'

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

/** What one prune works on. */
export interface Pruning {
  readonly model: RegisterModel
  readonly doc: Y.Doc
  /** The field as it stands with the write that prunes. */
  readonly register: Register
  /** How many entries stay, beside those that always do. */
  readonly keep: number
  readonly end: ArrayEnd
}

/** Prunes one field; call it inside the transaction that wrote to it. Returns how many entries went. */
export function pruneField({ model, doc, register, keep, end }: Pruning): number {
  if (isWaiting(doc)) return 0
  const present = new Map(register.entries.map((entry) => [entry.key, entry]))
  const namers = new Map<string, KnownEntry[]>()
  for (const entry of present.values()) {
    for (const name of entry.names) {
      const known = namers.get(name)
      if (known === undefined) namers.set(name, [entry])
      else known.push(entry)
    }
  }
  const passing = new Map<string, KnownEntry>()
  for (const entry of register.entries) if (!isKept(model, entry)) passing.set(entry.key, entry)
  let left = passing.size
  const { places, covered } = placesOf(doc, end, passing)
  const isCovered = left > limits.uncoveredEntries ? () => true : ([client, clock]: Dot) => (covered.get(client) ?? -1) >= clock
  const covering = (key: string): readonly KnownEntry[] => (namers.get(key) ?? []).filter((namer) => isCovered(namer.i))
  const stays = (entry: KnownEntry): boolean => isKept(model, entry) || !namers.has(entry.key)
  const settled = (dot: Dot): boolean => {
    const entry = present.get(dotKey(dot))
    if (entry === undefined) return isIntegrated(doc, dot)
    return isKept(model, entry) && covering(entry.key).some(stays)
  }

  const removed: Dot[] = []
  for (const entry of places.reverse()) {
    if (left <= keep) break
    if (stays(entry) || !entry.o.every(settled) || covering(entry.key).length === 0) continue
    present.delete(entry.key)
    removed.push(entry.i)
    left--
  }
  end.remove(removed)
  return removed.length
}

interface Places {
  /** The entries that were looked for, from the right; one that does not stand at its own dot is not found. */
  readonly places: KnownEntry[]
  /**
   * By client the clock up to which whoever has the last own struct must have everything: what Yjs integrates before it.
   * Items left of all the places are not looked at, so it may say less than is so, never more.
   */
  readonly covered: ReadonlyMap<number, number>
}

/** Walks the array from its end until every one of `wanted` is found. */
function placesOf(doc: Y.Doc, end: ArrayEnd, wanted: ReadonlyMap<string, KnownEntry>): Places {
  const covered = new Map([[doc.clientID, Y.getState(doc.store, doc.clientID) - 1]])
  const cover = (id: Y.ID | null): void => {
    if (id !== null && (covered.get(id.client) ?? -1) < id.clock) covered.set(id.client, id.clock)
  }
  const places: KnownEntry[] = []
  for (let item = end.item(); item !== null && places.length < wanted.size; item = item.left) {
    if ((covered.get(item.id.client) ?? -1) >= item.id.clock) {
      cover(item.origin)
      cover(item.rightOrigin)
    }
    if (item.deleted || !item.countable) continue
    for (let offset = item.length - 1; offset >= 0; offset--) {
      const entry = wanted.get(dotKey([item.id.client, item.id.clock + offset]))
      if (entry !== undefined) places.push(entry)
    }
  }
  return { places, covered }
}
