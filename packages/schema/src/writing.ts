/**
 * Writes register fields: everything is validated first, then one transaction appends one entry per field.
 *
 * Invariants
 * 1. A refusal throws before the transaction begins, so nothing has changed.
 * 2. A `latest` or `merged` write supersedes every head of its field that the document holds; a critical one what was
 *    shown, and the heads of the same edit; a proposal one's own proposals that wait, and own refusals.
 * 3. An entry's `i` is the dot of the struct that holds it: each entry is pushed alone, and its dot read just before.
 */
import { type Clock, systemClock, TidemarkError } from '@tidemark/base'
import * as Y from 'yjs'
import { type ArrayEnd, createArrayEnd } from './array-end.ts'
import { type Basis, shownFor } from './basis.ts'
import { groupHeads, inOrder } from './candidate.ts'
import { createEntryReader, type Dot, dotKey, type Entry, type KnownEntry, madeEntry, type StoredEntry } from './entry.ts'
import type { Fields, RegisterField } from './field.ts'
import type { ReadPlan } from './field-reading.ts'
import type { Json } from './json.ts'
import { limits } from './limits.ts'
import type { CriticalPolicy } from './policy.ts'
import { carried, isKept, isKeptKind, pruneField } from './prune.ts'
import { readHeads, toBase } from './reading.ts'
import { isWaiting, type Register, type RegisterModel, type Registers, readRegisters } from './register.ts'
import type { RegisterIndex } from './register-index.ts'
import { createStampClock, type StampClock } from './stamp.ts'
import { toStored } from './validator.ts'

/** Who writes, and by which time. */
export interface WriteOptions {
  /** User id that stands in each entry; empty by default. */
  readonly user?: string
  /** Time for a stamp clock of its own; ignored where `stamps` is given. */
  readonly clock?: Pick<Clock, 'now'>
  /** A stamp clock to share between documents, so that one device's writes are ordered across them. */
  readonly stamps?: StampClock
  /** How many superseded entries a prune leaves of one field; `limits.keptEntries` by default. For tests. */
  readonly keptEntries?: number
}

/** The part of an entity that writing needs. */
export interface WriteModel extends RegisterModel {
  readonly type: string
  readonly fields: Fields
  readonly plan: ReadPlan
}

/** Validated values by field; `undefined` clears the field. */
export type Changes = ReadonlyMap<string, Json | undefined>

/** One document being written to, by one user. */
export interface Writer {
  readonly model: WriteModel
  readonly doc: Y.Doc
  readonly user: string
  readonly stamps: StampClock
  /** Told of each entry before it is appended. */
  readonly made: RegisterIndex['made']
  readonly keep: number
  readonly end: ArrayEnd
  /** The registers of the document at this moment. */
  readonly registers: () => Registers
}

/** A writer that has the registers from `index`; without one, by reading the whole array each time. */
export function createWriter(model: WriteModel, doc: Y.Doc, options: WriteOptions, index?: RegisterIndex): Writer {
  const read = createEntryReader()
  return {
    model,
    doc,
    user: options.user ?? '',
    stamps: options.stamps ?? createStampClock(options.clock ?? systemClock),
    keep: options.keptEntries ?? limits.keptEntries,
    end: createArrayEnd(doc),
    made: index?.made ?? (() => undefined),
    registers: index?.get ?? (() => readRegisters(model, doc, read)),
  }
}

/** The register field of that name. @throws {TidemarkError} `schema/unknown-field`, or `schema/invalid` when it is no register. */
export function registerField(model: WriteModel, name: string): RegisterField {
  const field = Object.hasOwn(model.fields, name) ? model.fields[name] : undefined
  if (field === undefined) throw new TidemarkError('schema/unknown-field', `${model.type} has no field ${JSON.stringify(name)}`)
  if (field.kind !== 'register') {
    const what = field.kind === 'text' || field.kind === 'richText' ? 'text' : `a ${field.kind}`
    throw new TidemarkError('schema/invalid', `${name} is ${what}: change it through shared.${name}, not by set()`)
  }
  return field
}

/** Validates `patch` as a whole. @throws {TidemarkError} `schema/…`, see `EntityDefinition`. */
export function checkPatch(model: WriteModel, patch: object): Changes {
  const changes = new Map<string, Json | undefined>()
  for (const [name, input] of Object.entries(patch)) changes.set(name, toStored(name, registerField(model, name), input))
  return changes
}

/** What one write names and is based on. */
export type Supersedes = Pick<Entry, 'o' | 'k'> & { readonly b?: Json }

/** What a person writes over: the last entry of the same edit by field, and the heads that stand or are shown. */
export interface WrittenOver {
  /** Named even when it is gone: a prune elsewhere may have removed it before what superseded it arrives here. */
  readonly own: ReadonlyMap<string, KnownEntry>
  readonly heads: (field: string) => readonly KnownEntry[]
}

/**
 * What a plain write to each field of `changes` supersedes.
 *
 * @throws {TidemarkError} `schema/no-basis`, `schema/in-conflict`
 */
export function planWrites(writer: Writer, changes: Changes, basis: Basis | null, over: WrittenOver): ReadonlyMap<string, Supersedes> {
  const plans = new Map<string, Supersedes>()
  for (const name of changes.keys()) plans.set(name, planWrite(writer, name, basis, over))
  return plans
}

function planWrite(writer: Writer, name: string, basis: Basis | null, over: WrittenOver): Supersedes {
  const { policy } = registerField(writer.model, name)
  if (policy.name === 'critical') {
    const shown = shownFor(writer.doc, name, basis)
    const own = over.own.get(name)
    const o = own === undefined ? shown.heads : distinct([...shown.heads, own.i])
    checkOwn(name, policy, over.heads(name), o.map(dotKey))
    return shown.value === undefined ? { k: 'set', o } : { k: 'set', o, b: shown.value }
  }
  const heads = writer.registers().get(name)?.heads ?? []
  const dots = (entries: readonly KnownEntry[]): Dot[] => entries.map((entry) => entry.i)
  if (policy.name === 'arbitrated') {
    const { v: held } = inOrder(heads).findLast((head) => head.k === 'accept') ?? {}
    const o = dots(heads.filter((head) => isOwnIntent(head, writer.user)))
    return held === undefined ? { k: 'propose', o } : { k: 'propose', o, b: held }
  }
  if (policy.name !== 'merged') return { k: 'set', o: dots(heads) }
  const planned = writer.model.plan.get(name)
  const base = planned === undefined || heads.length === 0 ? undefined : toBase(readHeads(planned, inOrder(heads)).plain)
  return base === undefined ? { k: 'set', o: dots(heads) } : { k: 'set', o: dots(heads), b: base }
}

/** What would go must be one candidate at most, also when it stands here under several heads. */
function checkOwn(name: string, policy: CriticalPolicy, heads: readonly KnownEntry[], names: readonly string[]): void {
  const going = heads.filter((head) => names.includes(head.key))
  if (going.length < 2 || groupHeads(inOrder(going), policy).length < 2) return
  throw new TidemarkError('schema/in-conflict', `${name} has several candidates that this would end; only a decision may`)
}

const isOwnIntent = (head: KnownEntry, user: string): boolean =>
  (head.k === 'propose' && head.by === user) || (head.k === 'refuse' && (head.rej ?? []).every((rejected) => rejected.by === user))

/** The dots, each once. */
export function distinct(dots: readonly Dot[]): Dot[] {
  const byKey = new Map(dots.map((dot) => [dotKey(dot), dot]))
  return [...byKey.values()]
}

/** An entry to be: everything but its identity, author, stamp and version. */
export type EntryDraft = Omit<Entry, 'i' | 'by' | 't' | 's'>

/** Appends one entry and prunes its field, inside a transaction of the caller. */
export function appendEntry(writer: Writer, draft: EntryDraft, register: Register | undefined): KnownEntry {
  const { model, doc, user, stamps, made, keep, end } = writer
  const waits = isWaiting(doc)
  const prunes = !waits && register !== undefined && countPassing(model, register) + 1 > 2 * keep
  // While the document waits, what is superseded here may still be what is shown.
  const chain = register !== undefined && !waits && (prunes || isKeptKind(draft.k)) ? carried(model, register) : []
  const o = chain.length === 0 ? draft.o : distinct([...draft.o, ...chain])
  const i: Dot = [doc.clientID, Y.getState(doc.store, doc.clientID)]
  const { k, ...rest } = draft
  const plain = { i, ...rest, o, by: user, t: stamps.next(), s: model.version }
  const raw: StoredEntry = k === 'set' ? plain : { ...plain, k }
  const entry = madeEntry(raw)
  made(raw, entry)
  end.append(raw)
  const after = prunes ? writer.registers().get(draft.f) : undefined
  if (after !== undefined) pruneField({ model, doc, register: after, keep, end })
  return entry
}

function countPassing(model: WriteModel, { entries }: Register): number {
  let count = 0
  for (const entry of entries) if (!isKept(model, entry)) count++
  return count
}

/** Appends one entry per change, inside a transaction of the caller. */
export function writeChanges(writer: Writer, changes: Changes, plans: ReadonlyMap<string, Supersedes>): KnownEntry[] {
  // One field's entry changes no other field's register.
  const registers = writer.registers()
  return [...changes].map(([f, v]) => {
    const { o, k, b } = plans.get(f) as Supersedes
    const draft: EntryDraft = { f, k, o, ...(v === undefined ? {} : { v }), ...(b === undefined ? {} : { b }) }
    return appendEntry(writer, draft, registers.get(f))
  })
}
