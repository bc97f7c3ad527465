/**
 * Registers: the entries of each field, and those of them that nothing supersedes.
 *
 * What stands in the array may be older than the declaration, and values may still stand in a `Y.Map` of the stack that
 * the documents come from. Both are brought into today's fields here, while reading; nothing is rewritten.
 *
 * Invariants
 * 1. Heads are a pure function of the document's content: the same everywhere, whatever the reader's clock says.
 * 2. An entry supersedes within the fields that it reads as, never in others.
 * 3. Of several entries that claim one identity, the first in array order counts.
 */
import * as Y from 'yjs'
import { type Dot, dotKey, type EntryReader, entriesName, type KnownEntry } from './entry.ts'
import { isPlainObject, type Json, toJson } from './json.ts'

/** The entries of one field in array order, and those of them that nothing supersedes. */
export interface Register {
  readonly entries: readonly KnownEntry[]
  readonly heads: readonly KnownEntry[]
}

/** The registers of a document by field. */
export type Registers = ReadonlyMap<string, Register>

/**
 * Brings values of an older version of the entity into today's shape, one write at a time.
 *
 * It gets the fields that one write set, by name (`undefined` for a cleared one), and the version they were written
 * under; it returns today's fields. A pure function: it runs on every read, and on every replica alike.
 */
export type Upgrade = (values: Readonly<Record<string, Json | undefined>>, from: number) => Readonly<Record<string, Json | undefined>>

/** Where fields stand in a document that was made without Tidemark: keys of a root `Y.Map`. */
export interface Mapping {
  /** The name of the root `Y.Map`. */
  readonly map: string
  /** Its key for each field that is read from there. */
  readonly keys: Readonly<Record<string, string>>
}

/** How the entries of a document become registers. */
export interface RegisterModel {
  readonly version: number
  readonly upgrade: Upgrade | null
  readonly mapping: Mapping | null
}

/** Reads all registers of a document. */
export function readRegisters(model: RegisterModel, doc: Y.Doc, read: EntryReader): Registers {
  const byField = new Map<string, KnownEntry[]>()
  const named = new Map<string, Set<string>>()
  const seen = new Set<string>()
  for (const raw of doc.getArray<unknown>(entriesName).toArray()) {
    const entry = read(raw)
    if (entry === null || seen.has(entry.key)) continue
    seen.add(entry.key)
    for (const today of asToday(model, entry)) place(byField, named, today)
  }
  for (const entry of mappedEntries(model, doc)) place(byField, named, entry)
  const registers = new Map<string, Register>()
  for (const [field, entries] of byField) {
    const superseded = named.get(field)
    registers.set(field, { entries, heads: superseded ? entries.filter((entry) => !superseded.has(entry.key)) : entries })
  }
  return registers
}

function place(byField: Map<string, KnownEntry[]>, named: Map<string, Set<string>>, entry: KnownEntry): void {
  const entries = byField.get(entry.f)
  if (entries === undefined) byField.set(entry.f, [entry])
  else entries.push(entry)
  if (entry.names.length === 0) return
  const superseded = named.get(entry.f) ?? new Set<string>()
  if (superseded.size === 0) named.set(entry.f, superseded)
  for (const name of entry.names) superseded.add(name)
}

/** An entry as today's fields have it: itself, or what the declared upgrade makes of an older one. */
export const asToday = (model: RegisterModel, entry: KnownEntry): readonly KnownEntry[] =>
  model.upgrade === null || entry.s >= model.version || entry.f.startsWith('$') ? [entry] : upgradeEntry(model.upgrade, entry)

const upgradedEntries = new WeakMap<KnownEntry, WeakMap<Upgrade, readonly KnownEntry[]>>()

/** The entry as today's fields; an upgrade that throws leaves it as it is, to be reported as invalid. */
function upgradeEntry(upgrade: Upgrade, entry: KnownEntry): readonly KnownEntry[] {
  const cached = upgradedEntries.get(entry)?.get(upgrade)
  if (cached !== undefined) return cached
  const values = applyUpgrade(upgrade, entry.f, entry.v, entry.s)
  const bases = applyUpgrade(upgrade, entry.f, entry.b, entry.s)
  const upgraded = values === null ? [entry] : Object.keys(values).map((field) => reshaped(entry, field, values[field], bases?.[field]))
  upgradedEntries.set(entry, new WeakMap([[upgrade, upgraded]]))
  return upgraded
}

type Reshaped = { -readonly [K in keyof KnownEntry]: KnownEntry[K] }

function reshaped(entry: KnownEntry, field: string, value: Json | undefined, base: Json | undefined): KnownEntry {
  const { v: _v, b: _b, ...rest } = entry
  const shaped: Reshaped = { ...rest, f: field }
  if (value !== undefined) shaped.v = value
  if (base !== undefined && entry.b !== undefined) shaped.b = base
  return shaped
}

function applyUpgrade(upgrade: Upgrade, field: string, value: Json | undefined, from: number): Record<string, Json | undefined> | null {
  try {
    const result: unknown = upgrade(Object.freeze({ [field]: value }), from)
    if (!isPlainObject(result)) return null
    const shaped: Record<string, Json | undefined> = {}
    for (const [name, output] of Object.entries(result)) {
      const copy = output === undefined ? undefined : toJson(output)
      if (copy?.ok === false) return null
      shaped[name] = copy?.value
    }
    return shaped
  } catch {
    // reason: reading never throws; the entry stays as it was written, and its field reports what does not validate.
    return null
  }
}

/** The live items of a mapped `Y.Map`, each as an entry that nobody has superseded yet. */
export function mappedEntries({ mapping }: Pick<RegisterModel, 'mapping'>, doc: Y.Doc): KnownEntry[] {
  if (mapping === null) return []
  const map = doc.getMap(mapping.map)
  const entries: KnownEntry[] = []
  for (const [field, key] of Object.entries(mapping.keys)) {
    const item = (map as { readonly _map: ReadonlyMap<string, Y.Item> })._map.get(key)
    if (item === undefined || item.deleted) continue
    const content = item.content.getContent()
    const value = toJson(content[item.length - 1])
    const { client, clock } = item.lastId
    const i: Dot = [client, clock]
    if (value.ok) entries.push({ i, f: field, v: value.value, o: [], by: '', t: 0, k: 'set', s: 0, key: dotKey(i), names: [] })
  }
  return entries
}

/** Whether the document waits for structs or deletes that have not arrived. */
export const isWaiting = (doc: Y.Doc): boolean => doc.store.pendingStructs !== null || doc.store.pendingDs !== null

/** Whether the struct at `dot` was ever integrated here, deleted or not. */
export const isIntegrated = (doc: Y.Doc, dot: Dot): boolean => Y.getState(doc.store, dot[0]) > dot[1]
