/**
 * Reads the fields of an entity out of its entries and collections.
 *
 * Invariants
 * 1. A value is what the validator makes of the stored one, frozen; a stored value that does not validate reads as the
 *    field's default, or as `undefined`, and is reported.
 * 2. Nothing here throws for what stands in a document.
 * 3. A reading is kept as long as its heads are the same, so its identity tells whether anything changed.
 */
import { readArbitrated } from './arbitrated-reading.ts'
import { type Group, groupHeads, inOrder, standingHeads } from './candidate.ts'
import type { KnownEntry } from './entry.ts'
import type { ArbitratedValue, CriticalValue, Fields, RegisterField } from './field.ts'
import {
  type BareReading,
  type FieldReading,
  type InvalidField,
  type PlannedField,
  type Readings,
  type ReadPlan,
  readEntryValue,
  readStored,
} from './field-reading.ts'
import { canonicalJson, deepFreeze, type Json, toJson } from './json.ts'
import type { CriticalPolicy, MergedPolicy } from './policy.ts'
import type { Registers } from './register.ts'

/** The register fields with what each reads as while nothing is stored. */
export function createReadPlan(fields: Fields, defaults: ReadonlyMap<string, Json | undefined>): ReadPlan {
  const plan = new Map<string, PlannedField>()
  for (const [name, field] of Object.entries(fields)) {
    if (field.kind !== 'register') continue
    const isArbitrated = field.policy.name === 'arbitrated'
    const invalid =
      defaults.has(name) || isArbitrated ? null : Object.freeze({ field: name, stored: undefined, message: 'has no value yet' })
    const plain = deepFreeze(defaults.get(name))
    const empty = Object.freeze({ heads: [], groups: [], value: shape(field, plain, invalid), plain, isOpen: isArbitrated, invalid })
    plan.set(name, { name, field, empty })
  }
  return plan
}

/** Reads every register field; a reading of `previous` is kept where the field still has the same heads. */
export function readFields(plan: ReadPlan, registers: Registers, previous?: Readings): Map<string, FieldReading> {
  const readings = new Map<string, FieldReading>()
  for (const [name, planned] of plan) {
    const heads = inOrder(registers.get(name)?.heads ?? [])
    const known = previous?.get(name)
    readings.set(name, known !== undefined && sameHeads(known.heads, heads) ? known : readHeads(planned, heads))
  }
  return readings
}

const sameHeads = (a: readonly KnownEntry[], b: readonly KnownEntry[]): boolean =>
  a.length === b.length && a.every((head, index) => head === b[index])

/** Reads one field from its heads, which are in order. */
export function readHeads(planned: PlannedField, heads: readonly KnownEntry[]): FieldReading {
  if (heads.length === 0) return planned.empty
  const { policy } = planned.field
  if (policy.name === 'critical') return readCritical(planned, policy, heads)
  if (policy.name === 'arbitrated') return readArbitrated(planned, heads)
  const standing = standingHeads(heads)
  const groups = groupHeads(heads, { sameAuthor: null, equalIsConflict: false })
  if (policy.name === 'merged' && groups.length > 1) return readMerged(planned, policy, heads, groups)
  const bare = readEntryValue(planned, standing[standing.length - 1] as KnownEntry)
  return { heads, groups, value: bare.plain, plain: bare.plain, isOpen: false, invalid: bare.invalid }
}

function readCritical(planned: PlannedField, policy: CriticalPolicy, heads: readonly KnownEntry[]): FieldReading {
  const groups = groupHeads(heads, policy)
  const [first, ...more] = groups as readonly [Group, ...Group[]]
  if (more.length === 0) {
    const { plain, invalid } = readEntryValue(planned, first[0])
    return { heads, groups, value: shape(planned.field, plain, invalid), plain, isOpen: false, invalid }
  }
  const plain = provisionalValue(planned, policy, groups)
  if (policy.provisional !== null) return { heads, groups, value: plain, plain, isOpen: true, invalid: null }
  const read = groups.map((group) => readEntryValue(planned, group[0])).filter(({ invalid }) => invalid === null)
  const value: CriticalValue<unknown> = Object.freeze({ status: 'conflict', values: Object.freeze(read.map((one) => one.plain)) })
  return { heads, groups, value, plain, isOpen: true, invalid: null }
}

function provisionalValue(planned: PlannedField, policy: CriticalPolicy, groups: readonly Group[]): unknown {
  if (policy.provisional === 'latest') {
    const newest = inOrder(groups.flat()).at(-1) as KnownEntry
    return readEntryValue(planned, newest).plain
  }
  const base = groups[0]?.[0].b
  return policy.provisional === 'base' && base !== undefined ? readEntryValue(planned, { v: base }).plain : undefined
}

/** How a settled value of the field stands in `value`. */
function shape(field: RegisterField, plain: unknown, invalid: InvalidField | null): unknown {
  const { policy } = field
  if (policy.name === 'arbitrated') {
    const unset: ArbitratedValue<unknown> = { status: 'unset', value: undefined, proposed: [], refused: [] }
    return deepFreeze(unset)
  }
  if (policy.name !== 'critical' || policy.provisional !== null) return plain
  const value: CriticalValue<unknown> = invalid === null ? { status: 'settled', value: plain } : { status: 'invalid' }
  return Object.freeze(value)
}

function readMerged(planned: PlannedField, policy: MergedPolicy, heads: readonly KnownEntry[], groups: readonly Group[]): FieldReading {
  const newest = standingHeads(heads).at(-1) as KnownEntry
  const read = groups.map((group) => readEntryValue(planned, group[0])).filter(({ invalid }) => invalid === null)
  const b = groups[0]?.[0].b
  const base = b === undefined ? undefined : readEntryValue(planned, { v: b })
  const bare = mergeValues(planned, policy, base?.invalid === null ? base.plain : undefined, read) ?? readEntryValue(planned, newest)
  const invalid = bare.invalid
  return { heads, groups, value: bare.plain, plain: bare.plain, isOpen: false, invalid }
}

/** The merged value, or `null` where the latest must do; what does not merge is reported. */
function mergeValues(planned: PlannedField, policy: MergedPolicy, base: unknown, read: readonly BareReading[]): BareReading | null {
  const values = read.map(({ plain }) => plain)
  if (values.length === 0) return null
  const fallback = values.at(-1)
  const failed = (message: string): BareReading => ({
    plain: fallback,
    invalid: Object.freeze({ field: planned.name, stored: undefined, message }),
  })
  try {
    const copy = toJson(policy.merge(base, Object.freeze(values)))
    if (!copy.ok) return failed(`the merged value ${copy.reason}`)
    const result = readStored(planned.name, planned.field, fallback, copy.value)
    return result.invalid === null ? result : { plain: fallback, invalid: result.invalid }
  } catch (error) {
    // reason: the function is the app's; a render must not fail over it, so the failure is reported with the field.
    return failed(`the merge function threw: ${String(error)}`)
  }
}

/** The stored spelling of a plain value, for `b`; `undefined` where there is none. */
export function toBase(plain: unknown): Json | undefined {
  if (plain === undefined) return undefined
  const copy = toJson(plain)
  return copy.ok ? copy.value : undefined
}

/** The readings as one frozen object by field name. */
export function toValue(readings: Readings): Readonly<Record<string, unknown>> {
  const value: Record<string, unknown> = {}
  for (const [name, reading] of readings) value[name] = reading.value
  return Object.freeze(value)
}

/** The fields whose stored value does not fit, in the order in which they are declared. */
export function toInvalid(readings: Readings): readonly InvalidField[] {
  const invalid: InvalidField[] = []
  for (const reading of readings.values()) if (reading.invalid !== null) invalid.push(reading.invalid)
  return Object.freeze(invalid)
}

/** Whether two stored values are the same, `undefined` included. */
export const sameJson = (a: Json | undefined, b: Json | undefined): boolean =>
  a === undefined || b === undefined ? a === b : canonicalJson(a) === canonicalJson(b)
