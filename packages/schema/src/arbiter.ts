/**
 * The arbiter of arbitrated fields: one writer that accepts or refuses what others propose.
 *
 * The relay is meant to be it, under a client id of its own, in the commit that takes the proposal; `arbitrate` is that
 * step over one document, and needs nothing but the document.
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
import type { Json } from './json.ts'
import { origins } from './origins.ts'
import type { Register } from './register.ts'
import { stampMs } from './stamp.ts'
import { validate } from './validator.ts'
import { appendEntry, createWriter, type WriteModel, type WriteOptions, type Writer } from './writing.ts'

/** Something that somebody wants. */
export interface Intent {
  /** The proposal's identity, for an arbiter that keeps a record of its own. */
  readonly id: string
  readonly field: string
  /** `undefined` clears the field. */
  readonly value: Json | undefined
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
      const proposal = inOrder(register?.heads ?? []).find((head) => head.k === 'propose')
      if (register === undefined || proposal === undefined) break
      answer(writer, register, proposal, judge(model, arbiter, register, proposal))
      answered++
    }
  }
  return answered
}

const currentOf = ({ heads }: Register): KnownEntry | undefined =>
  inOrder(heads)
    .filter((head) => head.k === 'accept')
    .at(-1)

function judge(model: WriteModel, arbiter: Arbiter, register: Register, proposal: KnownEntry): Verdict {
  const field = model.plan.get(proposal.f)?.field
  if (field !== undefined && proposal.v !== undefined && validate(field.schema, proposal.v).type !== 'valid') {
    return { accept: false, reason: 'the value does not fit its field' }
  }
  const { key, f, v, by, t } = proposal
  return arbiter({ id: key, field: f, value: v, current: currentOf(register)?.v, user: by, at: stampMs(t) })
}

function answer(writer: Writer, register: Register, proposal: KnownEntry, verdict: Verdict): void {
  const current = currentOf(register)
  const { f, i, v, by, t } = proposal
  const o = verdict.accept
    ? [i, ...register.heads.filter((head) => head.k === 'accept' || isRefusalOf(head, by)).map((head) => head.i)]
    : [i]
  const stands = verdict.accept ? v : current?.v
  const value = stands === undefined ? {} : { v: stands }
  const rejected = v === undefined ? { i, by, t } : { i, v, by, t }
  const draft = verdict.accept
    ? { f, k: 'accept' as const, o, ...value }
    : { f, k: 'refuse' as const, o, ...value, rej: [rejected], why: verdict.reason }
  writer.doc.transact(() => appendEntry(writer, draft, register), origins.arbitrate)
}

const isRefusalOf = (head: KnownEntry, user: string): boolean =>
  head.k === 'refuse' && (head.rej ?? []).every((rejected) => rejected.by === user)

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
