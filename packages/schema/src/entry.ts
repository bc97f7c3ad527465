/**
 * Entries: how the value of a register field is stored. This is the final format.
 *
 * All fields but text live in one root `Y.Array` per document, `$entries`. Each write appends an entry that
 * names the entries it supersedes; what is named by none is a head, and a field's policy reads its heads.
 *
 * Invariants
 * 1. `i` is the Yjs dot of the very struct that holds the entry, so it is unique and can be tested against a
 *    state vector. Dots compare as numbers.
 * 2. An entry never changes. Entries of other builds and from hostile hands are skipped, never touched, never thrown over.
 * 3. Heads are a pure function of the array's content: the same everywhere, whatever the reader's clock says.
 */
import type * as Y from 'yjs'
import { isPlainObject, type Json, toJson } from './json.ts'
import { isStamp } from './stamp.ts'

/** The root type that holds the entries of a document. */
export const entriesName = '$entries'

/** Where a struct stands: its client, and its clock there. */
export type Dot = readonly [client: number, clock: number]

/** One surviving value of a register field. The short keys are stored with each entry. */
export interface Entry {
  /** Identity. */
  readonly i: Dot
  /** Field. */
  readonly f: string
  /** Value; absent means that the field was cleared. */
  readonly v?: Json
  /** What it supersedes. */
  readonly o: readonly Dot[]
  /** User id of the author; empty when nobody is signed in. */
  readonly by: string
  /** Stamp. */
  readonly t: number
  /** Kind. */
  readonly k: 'set'
  /** Version of the schema it was written under. */
  readonly s: number
}

/** The entries of one field in array order, and those of them that nothing supersedes. */
export interface Register {
  readonly entries: readonly Entry[]
  readonly heads: readonly Entry[]
}

export const dotKey = (dot: Dot): string => `${dot[0]}.${dot[1]}`

/** Order by stamp, then by dot: total, and the same everywhere. */
export const compareEntries = (a: Entry, b: Entry): number => a.t - b.t || a.i[0] - b.i[0] || a.i[1] - b.i[1]

/** Reads what stands in the array: an entry that this build understands, or `null`. */
export function readEntry(raw: unknown): Entry | null {
  if (!isPlainObject(raw)) return null
  const { i, f, v, o, by, t, k, s } = raw
  if (k !== 'set' || typeof f !== 'string' || typeof by !== 'string') return null
  if (!isDot(i) || !Array.isArray(o) || !o.every(isDot) || !isStamp(t) || !isStamp(s)) return null
  if (v === undefined) return { i, f, o, by, t, k, s }
  const value = toJson(v)
  return value.ok ? { i, f, v: value.value, o, by, t, k, s } : null
}

const isDot = (value: unknown): value is Dot => Array.isArray(value) && value.length === 2 && value.every(isStamp)

/** Turns what stands in the array into an entry, or `null`. */
export type EntryReader = (raw: unknown) => Entry | null

/** Reads all registers of a document. Of several entries that claim one identity, the first in array order counts. */
export function readRegisters(array: Y.Array<unknown>, read: EntryReader = readEntry): ReadonlyMap<string, Register> {
  const byField = new Map<string, Entry[]>()
  const seen = new Set<string>()
  const superseded = new Set<string>()
  for (const raw of array.toArray()) {
    const entry = read(raw)
    if (entry === null || seen.has(dotKey(entry.i))) continue
    seen.add(dotKey(entry.i))
    for (const dot of entry.o) superseded.add(dotKey(dot))
    const entries = byField.get(entry.f)
    if (entries === undefined) byField.set(entry.f, [entry])
    else entries.push(entry)
  }
  const registers = new Map<string, Register>()
  for (const [field, entries] of byField) {
    registers.set(field, { entries, heads: entries.filter((entry) => !superseded.has(dotKey(entry.i))) })
  }
  return registers
}

/** A `readEntry` that looks at each stored object once; entries never change. */
export function createEntryReader(): EntryReader {
  const known = new WeakMap<object, Entry | null>()
  return (raw) => {
    if (typeof raw !== 'object' || raw === null) return null
    const cached = known.get(raw)
    if (cached !== undefined) return cached
    const entry = readEntry(raw)
    known.set(raw, entry)
    return entry
  }
}
