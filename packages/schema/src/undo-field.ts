/**
 * Undoing a write to register fields: a new write of what stood before, or a withdrawal where others stand beside it.
 *
 * Invariants
 * 1. Entries are never removed to undo them; `$entries` is in no `Y.UndoManager`.
 * 2. What others have superseded since is theirs now, and not undone.
 * 3. What a step wrote to bring a value back stands in for the entry that first held it, so that the step before can
 *    go on from there.
 * 4. A plain write of an undo never ends a conflict: it supersedes one's own head only.
 */
import { inOrder, standingHeads } from './candidate.ts'
import type { KnownEntry } from './entry.ts'
import type { Host } from './host.ts'
import type { Json } from './json.ts'
import { needsBasis } from './policy.ts'
import { sameJson } from './reading.ts'
import type { UndoStep } from './undo.ts'
import type { EntryDraft } from './writing.ts'

interface Written {
  readonly entry: KnownEntry
  /** What stood in the field before; `null` when nothing did. */
  readonly before: KnownEntry | null
}

/** The step that undoes `entries`, which were just written over the heads `before`. */
export function setStep(host: Host, entries: readonly KnownEntry[], before: ReadonlyMap<string, readonly KnownEntry[]>): UndoStep {
  const written = entries
    .filter((entry) => entry.k === 'set')
    .map((entry): Written => ({ entry, before: replaced(entry, before.get(entry.f) ?? []) }))
  return step(host, written)
}

/** Of the heads that `entry` superseded, the one that was read. */
const replaced = (entry: KnownEntry, heads: readonly KnownEntry[]): KnownEntry | null =>
  standingHeads(inOrder(heads.filter((head) => entry.names.includes(head.key)))).at(-1) ?? null

const step = (host: Host, written: readonly Written[]): UndoStep => ({ undo: () => undoAll(host, written) })

/** The entry that holds now what `entry` held. */
function standIn(host: Host, entry: KnownEntry): KnownEntry {
  const next = host.standIns.get(entry.key)
  return next === undefined ? entry : standIn(host, next)
}

function undoAll(host: Host, written: readonly Written[]): UndoStep | null {
  const standing = written
    .map(({ entry, before }): Written => ({ entry: standIn(host, entry), before }))
    .filter(({ entry }) => host.register(entry.f)?.heads.some((head) => head.key === entry.key) === true)
  if (standing.length === 0) return null
  const drafts = standing.map((one) => draftFor(host, one))
  host.checkDraft(new Map(drafts.flatMap((draft) => (draft.k === 'set' ? [[draft.f, draft.v] as const] : []))))
  const entries = host.change(() => drafts.map((draft) => host.append(draft)))
  for (const [index, entry] of entries.entries()) {
    const before = standing[index]?.before
    if (entry.k === 'set' && before) host.standIns.set(before.key, entry)
  }
  return step(
    host,
    entries.map((entry, index) => ({ entry, before: standing[index]?.entry ?? null })),
  )
}

function draftFor(host: Host, { entry, before }: Written): EntryDraft {
  const heads = host.register(entry.f)?.heads ?? []
  const hasOthers = heads.some((head) => head.key !== entry.key && head.k !== 'withdraw' && !sameJson(head.v, entry.v))
  const isOwnReturn = before !== null && entry.k === 'withdraw'
  const policy = host.writer.model.plan.get(entry.f)?.field.policy
  const base = policy !== undefined && needsBasis(policy) ? entry.b : (entry.b ?? before?.v)
  if (hasOthers && !isOwnReturn) return shaped(entry, 'withdraw', base, base)
  return shaped(entry, 'set', before?.v, base)
}

const shaped = (entry: KnownEntry, k: 'set' | 'withdraw', v: Json | undefined, b: Json | undefined): EntryDraft => ({
  f: entry.f,
  k,
  o: [entry.i],
  ...(v === undefined ? {} : { v }),
  ...(b === undefined ? {} : { b }),
})
