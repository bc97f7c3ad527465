/**
 * Conflicts: what a person is shown of a critical field with several candidates, and the decision that ends it.
 *
 * Invariants
 * 1. A conflict is a pure function of the document: the same on every replica, candidates in the same order.
 * 2. A decision supersedes exactly the entries of the conflict that was shown; a candidate that came later stays one.
 * 3. A decision holds who, when and why, and every value that it rejected, in one struct.
 */
import { TidemarkError } from '@tidemark/base'
import type { Group } from './candidate.ts'
import { type DiffPart, diffText } from './diff.ts'
import type { EntryKind, KnownEntry, Rejected } from './entry.ts'
import type { FieldReading, PlannedField } from './field-reading.ts'
import { readEntryValue } from './field-reading.ts'
import type { Host } from './host.ts'
import { deepFreeze, type Json, utf8Bytes } from './json.ts'
import { limits } from './limits.ts'
import { sameJson } from './reading.ts'
import { stampMs } from './stamp.ts'
import { toStored } from './validator.ts'
import type { EntryDraft } from './writing.ts'

/** Somebody who set a value, and when by that device's clock, in milliseconds since 1970. */
export interface Author {
  readonly user: string
  readonly at: number
}

/** One of the values that stand side by side. */
export interface Candidate<T = unknown> {
  /** The least entry of the candidate, as `client.clock`; `decide({ choose })` takes the id of any of its entries. */
  readonly id: string
  /** The ids of all its entries. */
  readonly ids: readonly string[]
  /** As the field's validator reads it; `undefined` when it is cleared, or when `problem` says why it does not fit. */
  readonly value: T | undefined
  /** `decide` when a decision stands in it, `withdraw` when it is a value that came back. */
  readonly kind: EntryKind
  /** Who set it, in order of time. */
  readonly authors: readonly Author[]
  /** What it was based on; `undefined` when there was nothing. */
  readonly base: T | undefined
  /** Why the value does not fit its field; such a candidate cannot be chosen. */
  readonly problem: string | null
}

/** The choice of a decision: the id of a candidate, or a new value. */
export type Choice<T = unknown> = { readonly choose: string } | { readonly value: T }

/** What goes into the record beside the decision. */
export interface DecideOptions {
  /** Why; stands in the record. At most `limits.reasonBytes`. */
  readonly reason?: string
}

/** A critical field whose value a person has to decide. */
export interface Conflict<T = unknown, Name extends string = string> {
  readonly field: Name
  /** What the first candidate was based on; where `basesDiffer` each candidate shows its own. */
  readonly base: T | undefined
  readonly basesDiffer: boolean
  /** Two or more, ordered by their least stamp and dot. */
  readonly candidates: readonly Candidate<T>[]
  /** What readers get meanwhile; `undefined` without a provisional reading. */
  readonly provisional: T | undefined
  /** How many entries stand in it; above `limits.heads` there is a report too. */
  readonly heads: number
  /** Whether two or more of the candidates are decisions. */
  readonly isBetweenDecisions: boolean
  /**
   * Decides what was shown, for everybody.
   *
   * @throws {TidemarkError} `schema/invalid`, `schema/unstable` or `schema/too-large` for a value or reason that does
   * not fit or an unknown candidate; `schema/may-not-decide`, `schema/invariant`, `schema/deleted` or `client/closed`.
   * Nothing changed then.
   */
  decide(choice: Choice<T>, options?: DecideOptions): void
  /** What of the base a candidate changed, word by word; `null` unless both are text. */
  diff(candidate: string): readonly DiffPart[] | null
}

/** The conflict that `reading` shows, or `null` when it is settled. */
export const toConflict = (host: Host, planned: PlannedField, reading: FieldReading): Conflict | null =>
  planned.field.policy.name === 'critical' && reading.groups.length > 1 ? new ShownConflict(host, planned, reading) : null

class ShownConflict implements Conflict {
  readonly field: string
  readonly base: unknown
  readonly basesDiffer: boolean
  readonly candidates: readonly Candidate[]
  readonly provisional: unknown
  readonly heads: number
  readonly isBetweenDecisions: boolean
  readonly #host: Host
  readonly #planned: PlannedField
  readonly #reading: FieldReading
  readonly #own: KnownEntry[] = []

  constructor(host: Host, planned: PlannedField, reading: FieldReading) {
    this.#host = host
    this.#planned = planned
    this.#reading = reading
    this.field = planned.name
    this.candidates = Object.freeze(reading.groups.map((group) => toCandidate(planned, group)))
    this.base = this.candidates[0]?.base
    this.basesDiffer = reading.heads.some((head) => !sameJson(head.b, reading.groups[0]?.[0].b))
    this.provisional = reading.plain
    this.heads = reading.heads.length
    this.isBetweenDecisions = this.candidates.filter(({ kind }) => kind === 'decide').length > 1
    Object.freeze(this)
  }

  decide(choice: Choice, { reason }: DecideOptions = {}): void {
    const shown = [...this.#reading.heads, ...this.#own]
    this.#own.splice(0, this.#own.length, decide(this.#host, this.#planned, shown, choice, reason))
  }

  /** The decision as it would be written; see `decideAll`. */
  draft(choice: Choice, reason: string | undefined): EntryDraft {
    return draftDecision(this.#host, this.#planned, [...this.#reading.heads, ...this.#own], choice, reason)
  }

  diff(id: string): readonly DiffPart[] | null {
    const candidate = this.candidates.find(({ ids }) => ids.includes(id))
    if (typeof candidate?.value !== 'string' || typeof candidate.base !== 'string') return null
    return diffText(candidate.base, candidate.value)
  }
}

function toCandidate(planned: PlannedField, group: Group): Candidate {
  const [first] = group
  const { plain, invalid } = readEntryValue(planned, first)
  return deepFreeze({
    id: first.key,
    ids: group.map((head) => head.key),
    value: invalid === null ? plain : undefined,
    kind: group.some((head) => head.k === 'decide') ? ('decide' as const) : first.k,
    authors: group.map((head) => ({ user: head.by, at: stampMs(head.t) })),
    base: first.b === undefined ? undefined : readEntryValue(planned, { v: first.b }).plain,
    problem: invalid?.message ?? null,
  })
}

/** Writes a decision over the heads that were shown. */
export function decide(
  host: Host,
  planned: PlannedField,
  shown: readonly KnownEntry[],
  choice: Choice,
  reason: string | undefined,
): KnownEntry {
  const draft = draftDecision(host, planned, shown, choice, reason)
  return host.change(() => host.append(draft))
}

/** Decides each conflict for which `pick` gives a choice, all or none, in one transaction. */
export function decideAll(host: Host, conflicts: readonly Conflict[], pick: Pick, { reason }: DecideOptions): void {
  const drafts = conflicts.flatMap((conflict) => {
    const choice = pick(conflict)
    return choice === null || !(conflict instanceof ShownConflict) ? [] : [conflict.draft(choice, reason)]
  })
  if (drafts.length > 0) host.change(() => drafts.map((draft) => host.append(draft)))
}

/** The choice for a conflict, or `null` to leave it open. */
export type Pick = (conflict: Conflict) => Choice | null

function draftDecision(
  host: Host,
  planned: PlannedField,
  shown: readonly KnownEntry[],
  choice: Choice,
  reason: string | undefined,
): EntryDraft {
  const { name, field } = planned
  host.checkDecider(name)
  const why = checkReason(reason)
  const v = 'choose' in choice ? chosen(planned, shown, choice.choose) : toStored(name, field, choice.value)
  host.checkDraft(new Map([[name, v]]))
  const rej = shown.filter((head) => head.k !== 'withdraw' && !sameJson(head.v, v)).map(toRejected)
  const b = shown[0]?.b
  return {
    f: name,
    k: 'decide',
    o: shown.map((head) => head.i),
    rej,
    ...(v === undefined ? {} : { v }),
    ...(b === undefined ? {} : { b }),
    ...(why === undefined ? {} : { why }),
  }
}

function chosen({ name, field }: PlannedField, shown: readonly KnownEntry[], id: string): Json | undefined {
  const head = shown.find((one) => one.key === id)
  if (head === undefined)
    throw new TidemarkError('schema/invalid', `${name}: there is no candidate ${JSON.stringify(id)} in what was shown`)
  return head.v === undefined ? undefined : toStored(name, field, head.v)
}

function checkReason(reason: string | undefined): string | undefined {
  if (reason === undefined || reason === '') return undefined
  if (typeof reason !== 'string') throw new TidemarkError('schema/invalid', 'a reason is a string')
  const words = reason.toWellFormed()
  if (utf8Bytes(words) > limits.reasonBytes)
    throw new TidemarkError('schema/too-large', `the reason is longer than ${limits.reasonBytes} bytes`)
  return words
}

const toRejected = ({ i, v, by, t }: KnownEntry): Rejected => (v === undefined ? { i, by, t } : { i, v, by, t })
