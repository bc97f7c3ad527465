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
import { type Basis, shownFor } from './basis.ts'
import { groupHeads, inOrder } from './candidate.ts'
import { createEntryReader, type Dot, dotKey, type Entry, type EntryReader, entriesName, type KnownEntry } from './entry.ts'
import type { Fields, RegisterField } from './field.ts'
import type { ReadPlan } from './field-reading.ts'
import type { Json } from './json.ts'
import { limits } from './limits.ts'
import type { CriticalPolicy } from './policy.ts'
import { carried, isKept, isKeptKind, pruneField } from './prune.ts'
import { readHeads, toBase } from './reading.ts'
import { isWaiting, type Register, type RegisterModel, type Registers, readRegisters } from './register.ts'
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
  readonly read: EntryReader
  readonly keep: number
  /** The registers as they were last read, until an entry is appended here or a transaction changed the array. */
  readonly known: { registers: Registers | null; length: number }
}

export const createWriter = (model: WriteModel, doc: Y.Doc, options: WriteOptions, read = createEntryReader()): Writer => ({
  model,
  doc,
  user: options.user ?? '',
  stamps: options.stamps ?? createStampClock(options.clock ?? systemClock),
  read,
  keep: options.keptEntries ?? limits.keptEntries,
  known: { registers: null, length: 0 },
})

/** The registers of the document at this moment. */
export function registersOf({ model, doc, read, known }: Writer): Registers {
  const { length } = doc.getArray(entriesName)
  if (known.registers === null || known.length !== length || model.mapping !== null) {
    known.registers = readRegisters(model, doc, read)
    known.length = length
  }
  return known.registers
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

/**
 * What a plain write to each field of `changes` supersedes; `own` is the last entry of the same edit by field. That is
 * named even when it is gone: a prune elsewhere may have removed it before what superseded it arrives here.
 *
 * @throws {TidemarkError} `schema/no-basis`, `schema/in-conflict`
 */
export function planWrites(
  writer: Writer,
  changes: Changes,
  basis: Basis | null,
  own: ReadonlyMap<string, KnownEntry>,
): ReadonlyMap<string, Supersedes> {
  const registers = registersOf(writer)
  const plans = new Map<string, Supersedes>()
  for (const name of changes.keys()) {
    const heads = registers.get(name)?.heads ?? []
    plans.set(name, planWrite(writer, name, heads, basis, own.get(name)))
  }
  return plans
}

function planWrite(
  writer: Writer,
  name: string,
  heads: readonly KnownEntry[],
  basis: Basis | null,
  own: KnownEntry | undefined,
): Supersedes {
  const { policy } = registerField(writer.model, name)
  const dots = (entries: readonly KnownEntry[]): Dot[] => entries.map((entry) => entry.i)
  if (policy.name === 'critical') {
    const shown = shownFor(writer.doc, name, basis)
    const o = own === undefined ? shown.heads : distinct([...shown.heads, own.i])
    checkOwn(name, policy, heads, o.map(dotKey))
    return shown.value === undefined ? { k: 'set', o } : { k: 'set', o, b: shown.value }
  }
  if (policy.name === 'arbitrated') return { k: 'propose', o: dots(heads.filter((head) => isOwnIntent(head, writer.user))) }
  if (policy.name !== 'merged') return { k: 'set', o: dots(heads) }
  const planned = writer.model.plan.get(name)
  const base = planned === undefined || heads.length === 0 ? undefined : toBase(readHeads(planned, inOrder(heads)).plain)
  return base === undefined ? { k: 'set', o: dots(heads) } : { k: 'set', o: dots(heads), b: base }
}

/** What would go must be one candidate at most, also when it stands here under several heads. */
function checkOwn(name: string, policy: CriticalPolicy, heads: readonly KnownEntry[], names: readonly string[]): void {
  const going = heads.filter((head) => names.includes(head.key))
  if (groupHeads(inOrder(going), policy).length < 2) return
  throw new TidemarkError('schema/in-conflict', `${name} has several candidates that this would end; only a decision may`)
}

const isOwnIntent = (head: KnownEntry, user: string): boolean =>
  (head.k === 'propose' && head.by === user) || (head.k === 'refuse' && (head.rej ?? []).every((rejected) => rejected.by === user))

export function distinct(dots: readonly Dot[]): Dot[] {
  const byKey = new Map(dots.map((dot) => [dotKey(dot), dot]))
  return [...byKey.values()]
}

/** An entry to be: everything but its identity, author, stamp and version. */
export type EntryDraft = Omit<Entry, 'i' | 'by' | 't' | 's'>

/** Appends one entry and prunes its field, inside a transaction of the caller. */
export function appendEntry(writer: Writer, draft: EntryDraft, register: Register | undefined): KnownEntry {
  const { model, doc, user, stamps, read, keep } = writer
  const array = doc.getArray<unknown>(entriesName)
  const passing = register === undefined ? 0 : register.entries.filter((entry) => !isKept(model, entry)).length
  const waits = isWaiting(doc)
  const prunes = passing + 1 > 2 * keep && !waits
  // While the document waits, what is superseded here may still be what is shown.
  const chain = register !== undefined && !waits && (prunes || isKeptKind(draft.k)) ? carried(model, register) : []
  const { f, v, b, o, k, ...rest } = draft
  const raw: Entry = {
    i: [doc.clientID, Y.getState(doc.store, doc.clientID)],
    f,
    ...(v === undefined ? {} : { v }),
    ...(b === undefined ? {} : { b }),
    o: distinct([...o, ...chain]),
    by: user,
    t: stamps.next(),
    k,
    s: model.version,
    ...rest,
  }
  array.push([raw])
  writer.known.registers = null
  if (prunes) pruneField({ model, doc, read, field: f, keep })
  return read(raw) as KnownEntry
}

/** Appends one entry per change, inside a transaction of the caller. */
export function writeChanges(writer: Writer, changes: Changes, plans: ReadonlyMap<string, Supersedes>): KnownEntry[] {
  // One field's entry changes no other field's register.
  const registers = registersOf(writer)
  return [...changes].map(([f, v]) => {
    const { o, k, b } = plans.get(f) as Supersedes
    const draft: EntryDraft = { f, k, o, ...(v === undefined ? {} : { v }), ...(b === undefined ? {} : { b }) }
    return appendEntry(writer, draft, registers.get(f))
  })
}
