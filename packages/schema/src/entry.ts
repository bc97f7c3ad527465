/**
 * Entries: how the value of a register field is stored. This is the final format.
 *
 * All fields but text, lists, sets and counters live in one root `Y.Array` per document, `$entries`. Each write appends
 * an entry that names the entries it supersedes; what is named by none is a head, and a field's policy reads its heads.
 *
 * Invariants
 * 1. `i` is the Yjs dot of the very struct that holds the entry, so it is unique and can be tested against a
 *    state vector. Dots compare as numbers.
 * 2. An entry never changes. Entries of other builds and from hostile hands are skipped, never touched, never thrown over.
 * 3. Reading an entry shares nothing that a caller could change, and costs once: entries are known by their stored object.
 */
import { isPlainObject, type Json, toJson } from './json.ts'
import { isStamp } from './stamp.ts'

/** The root type that holds the entries of a document. */
export const entriesName = '$entries'

/** The field under which deletes and restores of the whole entity stand. */
export const lifeField = '$life'

/** Where a struct stands: its client, and its clock there. */
export type Dot = readonly [client: number, clock: number]

/**
 * What an entry is: a plain write, a decision of a conflict, the author taking a write back, the end and return of the
 * entity, and of an arbitrated field the intent and the two answers.
 */
export type EntryKind = 'set' | 'decide' | 'withdraw' | 'delete' | 'restore' | 'propose' | 'accept' | 'refuse'

/** A value that a decision or an answer rejected, as it stood. */
export interface Rejected {
  readonly i: Dot
  readonly v?: Json
  readonly by: string
  readonly t: number
}

/** One surviving value of a register field. The short keys are stored with each entry. */
export interface Entry {
  /** Identity. */
  readonly i: Dot
  /** Field. */
  readonly f: string
  /** Value; absent means that the field was cleared. */
  readonly v?: Json
  /** On critical, merged and arbitrated fields the value that the write was based on; absent when there was none. */
  readonly b?: Json
  /** What it supersedes. */
  readonly o: readonly Dot[]
  /** User id of the author; empty when nobody is signed in. */
  readonly by: string
  /** Stamp. */
  readonly t: number
  /** Kind; a stored entry without one is a plain write, `set`. */
  readonly k: EntryKind
  /** Version of the schema it was written under. */
  readonly s: number
  /** On decisions and refusals: what was rejected. */
  readonly rej?: readonly Rejected[]
  /** On decisions, refusals and deletes: the reason that was given. */
  readonly why?: string
  /** On deletes: the heads that the person was shown. */
  readonly seen?: readonly Dot[]
  /** On deletes: the state vector of the document then. */
  readonly sv?: Uint8Array
}

/** An entry as it is stored: most are plain writes, which do not say so. */
export type StoredEntry = Omit<Entry, 'k'> & { readonly k?: EntryKind }

/** An entry as readers keep it, with the spelling of its dots. */
export interface KnownEntry extends Entry {
  readonly key: string
  /** `o`, spelled. */
  readonly names: readonly string[]
}

/** The spelling of a dot, by which entries are known. */
export const dotKey = (dot: Dot): string => `${dot[0]}.${dot[1]}`

/** Order by stamp, then by dot: total, and the same everywhere. */
export const compareEntries = (a: Entry, b: Entry): number => a.t - b.t || a.i[0] - b.i[0] || a.i[1] - b.i[1]

const kinds: ReadonlySet<unknown> = new Set<EntryKind>(['set', 'decide', 'withdraw', 'delete', 'restore', 'propose', 'accept', 'refuse'])

/** Reads what stands in the array: an entry that this build understands, or `null`. */
export function readEntry(raw: unknown): KnownEntry | null {
  if (!isPlainObject(raw)) return null
  const { i, f, o, by, t, k = 'set', s } = raw
  if (!kinds.has(k) || typeof f !== 'string' || typeof by !== 'string') return null
  if (!isDot(i) || !isDots(o) || !isStamp(t) || !isStamp(s)) return null
  const rest = readRest(raw)
  if (rest === null) return null
  const names = o.map(dotKey)
  return { i, f, ...rest, o, by, t, k: k as EntryKind, s, key: dotKey(i), names }
}

type Rest = Pick<Entry, 'v' | 'b' | 'rej' | 'why' | 'seen' | 'sv'>

function readRest({ v, b, rej, why, seen, sv }: Readonly<Record<string, unknown>>): Rest | null {
  const rest: { -readonly [K in keyof Rest]: Rest[K] } = {}
  if (v !== undefined) {
    const value = toJson(v)
    if (!value.ok) return null
    rest.v = value.value
  }
  if (b !== undefined) {
    const base = toJson(b)
    if (!base.ok) return null
    rest.b = base.value
  }
  if (rej !== undefined) {
    if (!Array.isArray(rej)) return null
    const rejected = rej.map(readRejected)
    if (rejected.includes(null)) return null
    rest.rej = rejected as Rejected[]
  }
  if (typeof why === 'string') rest.why = why
  if (seen !== undefined) {
    if (!isDots(seen)) return null
    rest.seen = seen
  }
  if (sv instanceof Uint8Array) rest.sv = sv
  return rest
}

function readRejected(raw: unknown): Rejected | null {
  if (!isPlainObject(raw) || !isDot(raw.i) || typeof raw.by !== 'string' || !isStamp(raw.t)) return null
  const { i, by, t } = raw
  if (raw.v === undefined) return { i, by, t }
  const value = toJson(raw.v)
  return value.ok ? { i, v: value.value, by, t } : null
}

/** Whether `value` can be a dot at all. */
export const isDot = (value: unknown): value is Dot => Array.isArray(value) && value.length === 2 && value.every(isStamp)

const isDots = (value: unknown): value is readonly Dot[] => Array.isArray(value) && value.every(isDot)

/** An entry that was made here just now, as its readers will know it. */
export function madeEntry(raw: StoredEntry): KnownEntry {
  // What could be shared and changed is copied, as in reading.
  if (raw.k !== undefined || isObject(raw.v) || isObject(raw.b)) return readEntry(raw) as KnownEntry
  return { ...raw, k: 'set', key: dotKey(raw.i), names: raw.o.map(dotKey) }
}

const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null

/** Reads a stored object as an entry. */
export type EntryReader = (raw: unknown) => KnownEntry | null

/** A `readEntry` that looks at each stored object once; entries never change. */
export function createEntryReader(): EntryReader {
  const known = new WeakMap<object, KnownEntry | null>()
  return (raw) => {
    if (typeof raw !== 'object' || raw === null) return null
    const cached = known.get(raw)
    if (cached !== undefined) return cached
    const entry = readEntry(raw)
    known.set(raw, entry)
    return entry
  }
}
