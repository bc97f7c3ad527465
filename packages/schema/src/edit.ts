/**
 * An edit: the snapshot that a person is shown when a form opens, and the writes that are based on it.
 *
 * Invariants
 * 1. Its writes to critical fields supersede what was shown when it opened, and its own earlier writes; never what
 *    arrived since. So five saves of one form are one candidate, and what came meanwhile is a conflict.
 * 2. A plain write never ends a conflict.
 */
import { TidemarkError } from '@tidemark/base'
import { type Basis, basisOf } from './basis.ts'
import { groupHeads, inOrder } from './candidate.ts'
import { dotKey, type KnownEntry } from './entry.ts'
import type { Fields } from './field.ts'
import type { Host } from './host.ts'
import type { Json } from './json.ts'
import { needsBasis } from './policy.ts'
import { toValue } from './reading.ts'
import type { CriticalName, EntityValue, ShownPatch } from './types.ts'
import { setStep } from './undo-field.ts'
import { type Changes, checkPatch, type EntryDraft, planWrites, registerField, writeChanges } from './writing.ts'

/** The writes of one form. */
export interface Edit<F extends Fields = Fields> {
  /** What the person was shown when the edit opened. */
  readonly value: EntityValue<F>
  /** The same as plain JSON, for a draft that must outlive this page. */
  readonly basis: Basis
  /**
   * Sets fields, all or none, in one transaction.
   *
   * @throws {TidemarkError} `schema/in-conflict` for a critical field that was shown in conflict; otherwise as `entity.set`.
   */
  set(patch: ShownPatch<F>): void
  /**
   * Takes one's own value of a critical field back: what it was based on returns if nothing else stands.
   *
   * Own is what this edit wrote, and what was shown of the same signed-in user.
   *
   * @throws {TidemarkError} `schema/not-yours` when nothing of one's own stands; `schema/in-conflict` when several
   * candidates are one's own, which only a decision may end.
   */
  withdraw(field: CriticalName<F>): void
}

/** Opens an edit on what is shown now. */
export const createEdit = (host: Host): Edit => new FormEdit(host)

class FormEdit implements Edit {
  readonly value: Readonly<Record<string, unknown>>
  readonly basis: Basis
  readonly #host: Host
  readonly #own = new Map<string, KnownEntry>()
  readonly #ownKeys = new Set<string>()

  constructor(host: Host) {
    this.#host = host
    this.value = toValue(host.readings())
    this.basis = basisOf(host.writer.model.plan, host.readings())
  }

  set(patch: object): void {
    for (const entry of writePatch(this.#host, patch, this.basis, this.#own)) this.#note(entry)
  }

  withdraw(field: string): void {
    const { writer } = this.#host
    if (!needsBasis(registerField(writer.model, field).policy)) {
      throw new TidemarkError('schema/invalid', `${field} is not critical: set it again, or undo`)
    }
    const shown = new Set((this.basis[field]?.heads ?? []).map(dotKey))
    const isOwn = (head: KnownEntry): boolean =>
      head.k === 'set' && (this.#ownKeys.has(head.key) || (shown.has(head.key) && writer.user !== '' && head.by === writer.user))
    this.#note(withdraw(this.#host, field, isOwn))
  }

  #note(entry: KnownEntry): void {
    this.#own.set(entry.f, entry)
    this.#ownKeys.add(entry.key)
  }
}

/** The last entry of an edit by field. */
export type OwnEntries = ReadonlyMap<string, KnownEntry>

/** Validates, checks and writes `patch`; gives the entries that were written. */
export function writePatch(host: Host, patch: object, basis: Basis | null, own: OwnEntries = new Map()): readonly KnownEntry[] {
  const { writer } = host
  const changes: Changes = checkPatch(writer.model, patch)
  if (changes.size === 0) return []
  const plans = planWrites(writer, changes, basis, { own, heads: host.heads })
  host.checkDraft(changes)
  const before = new Map([...changes.keys()].map((field) => [field, host.heads(field)]))
  const entries = host.change(() => writeChanges(writer, changes, plans))
  if (entries.some((entry) => entry.k === 'set')) host.done(setStep(host, entries, before))
  return entries
}

/** Takes own heads of one candidate back. */
function withdraw(host: Host, field: string, isOwn: (head: KnownEntry) => boolean): KnownEntry {
  const own = inOrder(host.heads(field).filter(isOwn))
  const [first] = own
  if (first === undefined) throw new TidemarkError('schema/not-yours', `nothing of yours stands in ${field}`)
  if (groupHeads(own, { sameAuthor: null, equalIsConflict: false }).length > 1) {
    throw new TidemarkError('schema/in-conflict', `several of the candidates of ${field} are yours; only a decision may end them`)
  }
  const draft = withdrawal(field, own, first.b)
  return host.change(() => host.append(draft))
}

function withdrawal(field: string, own: readonly KnownEntry[], base: Json | undefined): EntryDraft {
  const draft: EntryDraft = { f: field, k: 'withdraw', o: own.map((head) => head.i) }
  return base === undefined ? draft : { ...draft, v: base, b: base }
}
