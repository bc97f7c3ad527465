/**
 * The arbiter of arbitrated fields: one writer that accepts or refuses what others propose.
 *
 * The relay is it, under a client id of its own; it has no document, and makes its answer of `intentOf` and `answerTo`.
 * `arbitrate` is that step over one document, and needs nothing but the document.
 *
 * Invariants
 * 1. An intent is its entry's dot: it is answered once, however often it arrives, and also across restarts, since
 *    what has an answer is named by that answer.
 * 2. Intents are answered in the order of their stamps, each against what was accepted before it.
 * 3. An arbiter that throws answers nothing: the intent waits, and what was answered before it stands.
 */
import type * as Y from 'yjs'
import { inOrder } from './candidate.ts'
import type { KnownEntry } from './entry.ts'
import { canonicalJson, type Json } from './json.ts'
import { origins } from './origins.ts'
import type { Register } from './register.ts'
import { stampMs } from './stamp.ts'
import { validate } from './validator.ts'
import { appendEntry, createWriter, type EntryDraft, type WriteModel, type WriteOptions, type Writer } from './writing.ts'

/** Something that somebody wants. */
export interface Intent {
  /** The proposal's identity, for an arbiter that keeps a record of its own. */
  readonly id: string
  readonly field: string
  /** `undefined` clears the field. */
  readonly value: Json | undefined
  /** What held where it was proposed, as far as that was known there. */
  readonly base: Json | undefined
  /** What holds now. */
  readonly current: Json | undefined
  readonly user: string
  readonly at: number
}

/** The answer to an intent. */
export type Verdict = { readonly accept: true } | { readonly accept: false; readonly reason: string }

/** The port of the arbiter: a synchronous judgement, which may keep records of its own. */
export type Arbiter = (intent: Intent) => Verdict

/** Answers every proposal in `doc` that waits; gives how many. */
export function arbitrateDocument(model: WriteModel, doc: Y.Doc, arbiter: Arbiter, options: WriteOptions): number {
  const writer = createWriter(model, doc, options)
  let answered = 0
  for (const [field, planned] of model.plan) {
    if (planned.field.policy.name !== 'arbitrated') continue
    for (;;) {
      const register = writer.registers().get(field)
      const proposal = firstProposal(register?.heads ?? [])
      if (register === undefined || proposal === undefined) break
      answer(writer, register, proposal, judge(model, arbiter, register, proposal))
      answered++
    }
  }
  return answered
}

const currentOf = (heads: readonly KnownEntry[]): KnownEntry | undefined =>
  inOrder(heads)
    .filter((head) => head.k === 'accept')
    .at(-1)

/** The intent that waits longest among the heads of an arbitrated field, or `undefined`. */
export const firstProposal = (heads: Iterable<KnownEntry>): KnownEntry | undefined =>
  inOrder([...heads].filter((head) => head.k === 'propose'))[0]

/** What an arbiter is asked about a proposal, by the heads of its field. */
export function intentOf({ key, f, v, b, by, t }: KnownEntry, heads: readonly KnownEntry[]): Intent {
  return { id: key, field: f, value: v, base: b, current: currentOf(heads)?.v, user: by, at: stampMs(t) }
}

function judge(model: WriteModel, arbiter: Arbiter, register: Register, proposal: KnownEntry): Verdict {
  const field = model.plan.get(proposal.f)?.field
  if (field !== undefined && proposal.v !== undefined && validate(field.schema, proposal.v).type !== 'valid') {
    return { accept: false, reason: 'the value does not fit its field' }
  }
  return arbiter(intentOf(proposal, register.heads))
}

/** The entry that answers a proposal, by the heads of its field: accepted, or refused with what holds and the reason. */
export function answerTo({ f, i, v, by, t }: KnownEntry, heads: readonly KnownEntry[], verdict: Verdict): EntryDraft {
  const current = currentOf(heads)
  const o = verdict.accept ? [i, ...heads.filter((head) => head.k === 'accept' || isRefusalOf(head, by)).map((head) => head.i)] : [i]
  const stands = verdict.accept ? v : current?.v
  const value = stands === undefined ? {} : { v: stands }
  const rejected = v === undefined ? { i, by, t } : { i, v, by, t }
  return verdict.accept ? { f, k: 'accept', o, ...value } : { f, k: 'refuse', o, ...value, rej: [rejected], why: verdict.reason }
}

function answer(writer: Writer, register: Register, proposal: KnownEntry, verdict: Verdict): void {
  const draft = answerTo(proposal, register.heads, verdict)
  writer.doc.transact(() => appendEntry(writer, draft, register), origins.arbitrate)
}

const isRefusalOf = (head: KnownEntry, user: string): boolean =>
  head.k === 'refuse' && (head.rej ?? []).every((rejected) => rejected.by === user)

/**
 * The arbiter of a relay that is given none: an intent is accepted when what holds is still what its author was shown, so of
 * those who want the same thing at once the first to arrive gets it.
 */
export const unchangedArbiter: Arbiter = ({ base, current }) =>
  isSame(base, current) ? { accept: true } : { accept: false, reason: 'it has changed meanwhile' }

const isSame = (a: Json | undefined, b: Json | undefined): boolean =>
  a === undefined || b === undefined ? a === b : canonicalJson(a) === canonicalJson(b)

/** An arbiter that lets each value be taken once per field, for tests and single-process use. */
export function createUniqueArbiter(): Arbiter {
  const taken = new Map<string, string>()
  return ({ id, field, value }) => {
    const key = `${field}\0${JSON.stringify(value)}`
    const owner = taken.get(key)
    if (owner !== undefined && owner !== id) return { accept: false, reason: 'it is taken' }
    taken.set(key, id)
    return { accept: true }
  }
}
