/**
 * The life of an entity: deleted, restored, and edited by somebody who did not know that it was deleted.
 *
 * Invariants
 * 1. Deleting removes nothing. The delete is an entry that says which heads the person was shown, and how far the
 *    document had come; a restore is an entry that supersedes it.
 * 2. A head that no standing delete has seen, and content past the state vectors of all of them, is an edit while deleted.
 * 3. Between a delete and a restore that did not know of each other the restore stands: nothing is hidden by chance.
 *
 * It does not see that text was removed while deleted: Yjs gives removals no clock.
 */
import * as Y from 'yjs'
import { inOrder } from './candidate.ts'
import type { Author } from './conflict.ts'
import { type Dot, dotKey, type KnownEntry, lifeField } from './entry.ts'
import type { Fields } from './field.ts'
import { deepFreeze } from './json.ts'
import type { Registers } from './register.ts'
import { collectionRoot, textRoot } from './roots.ts'
import { stampMs } from './stamp.ts'
import type { EntryDraft } from './writing.ts'

/** What somebody did to a deleted entity without knowing of the deletion. */
export interface LateEdit {
  readonly field: string
  /** `value` for a field of entries, `content` for text, lists, sets and counters. */
  readonly kind: 'value' | 'content'
  /** Who; unknown for content. */
  readonly authors: readonly Author[]
}

/** Whether an entity is alive. */
export type Life =
  | { readonly status: 'alive' }
  | {
      readonly status: 'deleted'
      readonly user: string
      readonly at: number
      readonly reason: string
      /** Not empty: restore it, or delete it again to confirm. */
      readonly edits: readonly LateEdit[]
    }

const alive: Life = Object.freeze({ status: 'alive' })

/** The deletes that stand; none when a restore stands beside them. */
function standingDeletes(registers: Registers): readonly KnownEntry[] {
  const heads = inOrder(registers.get(lifeField)?.heads ?? [])
  return heads.some((head) => head.k === 'restore') ? [] : heads.filter((head) => head.k === 'delete')
}

/** Whether a delete stands. */
export const isDeleted = (registers: Registers): boolean => standingDeletes(registers).length > 0

/** Whether the entity is alive, and what was done to it since by those who did not know that it was deleted. */
export function readLife(fields: Fields, doc: Y.Doc, registers: Registers): Life {
  const deletes = standingDeletes(registers)
  const last = deletes.at(-1)
  if (last === undefined) return alive
  const edits = [...lateValues(deletes, registers), ...lateContent(fields, doc, deletes)]
  return deepFreeze({ status: 'deleted' as const, user: last.by, at: stampMs(last.t), reason: last.why ?? '', edits })
}

function lateValues(deletes: readonly KnownEntry[], registers: Registers): LateEdit[] {
  const seen = new Set(deletes.flatMap((entry) => (entry.seen ?? []).map(dotKey)))
  const edits: LateEdit[] = []
  for (const [field, { heads }] of registers) {
    const late = field.startsWith('$') ? [] : inOrder(heads.filter((head) => !seen.has(head.key)))
    if (late.length > 0) edits.push({ field, kind: 'value', authors: late.map((head) => ({ user: head.by, at: stampMs(head.t) })) })
  }
  return edits.sort((a, b) => (a.field < b.field ? -1 : 1))
}

function lateContent(fields: Fields, doc: Y.Doc, deletes: readonly KnownEntry[]): LateEdit[] {
  const roots = new Map<unknown, string>()
  for (const [name, field] of Object.entries(fields)) {
    const root = textRoot(doc, name, field) ?? collectionRoot(doc, name, field)
    if (root !== null) roots.set(root, name)
  }
  const vectors = deletes.map(vectorOf)
  const late = new Set<string>()
  for (const [client, structs] of doc.store.clients) {
    const known = Math.max(...vectors.map((vector) => vector.get(client) ?? 0))
    for (let index = structs.length - 1; index >= 0; index--) {
      const struct = structs[index] as Y.Item | Y.GC
      if (struct.id.clock + struct.length <= known) break
      const field = struct instanceof Y.Item && !struct.deleted ? roots.get(rootOf(struct)) : undefined
      if (field !== undefined) late.add(field)
    }
  }
  return [...late].sort().map((field) => ({ field, kind: 'content', authors: [] }))
}

function vectorOf({ sv }: KnownEntry): ReadonlyMap<number, number> {
  try {
    return sv === undefined ? new Map() : Y.decodeStateVector(sv)
  } catch {
    // reason: the bytes are somebody else's; what they do not cover counts as unseen, so nothing is hidden.
    return new Map()
  }
}

function rootOf(item: Y.Item): unknown {
  let type = item.parent as Y.AbstractType<unknown>
  while (type._item !== null) type = type._item.parent as Y.AbstractType<unknown>
  return type
}

const lifeHeads = (registers: Registers): Dot[] => (registers.get(lifeField)?.heads ?? []).map((head) => head.i)

/** The delete of what is shown: `heads` are all that the person saw. */
export function deletion(doc: Y.Doc, registers: Registers, heads: readonly KnownEntry[], why: string | undefined): EntryDraft {
  const seen = heads.map((head) => head.i)
  const draft: EntryDraft = { f: lifeField, k: 'delete', o: lifeHeads(registers), seen, sv: Y.encodeStateVector(doc) }
  return why === undefined ? draft : { ...draft, why }
}

/** The restore of everything that was deleted so far. */
export const restoration = (registers: Registers): EntryDraft => ({ f: lifeField, k: 'restore', o: lifeHeads(registers) })
