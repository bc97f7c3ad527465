/**
 * Reads the register fields of an entity out of its entries.
 *
 * Invariants
 * 1. A value is what the validator makes of the stored one, frozen; a stored value that does not validate reads as the
 *    field's default, or as `undefined`, and is reported.
 * 2. Nothing here throws for what stands in a document.
 */
import type { Entry, Register } from './entry.ts'
import type { Fields, RegisterField } from './field.ts'
import { deepFreeze, type Json } from './json.ts'
import { validate } from './validator.ts'

/** A field whose stored value does not validate, or that has none though it is required. */
export interface InvalidField {
  readonly field: string
  /** What is stored; `undefined` when nothing is. */
  readonly stored: Json | undefined
  readonly message: string
}

/** What one field reads as. */
export interface FieldReading {
  /** The entry it was read from, or `null`. */
  readonly entry: Entry | null
  readonly value: unknown
  readonly invalid: InvalidField | null
}

export type Readings = ReadonlyMap<string, FieldReading>

/** The register fields of an entity, with what each reads as when nothing is stored. */
export type ReadPlan = ReadonlyMap<string, { readonly field: RegisterField; readonly empty: FieldReading }>

export function createReadPlan(fields: Fields, defaults: ReadonlyMap<string, Json | undefined>): ReadPlan {
  const plan = new Map<string, { field: RegisterField; empty: FieldReading }>()
  for (const [name, field] of Object.entries(fields)) {
    if (field.kind !== 'register') continue
    const invalid = defaults.has(name) ? null : Object.freeze({ field: name, stored: undefined, message: 'has no value yet' })
    plan.set(name, { field, empty: Object.freeze({ entry: null, value: deepFreeze(defaults.get(name)), invalid }) })
  }
  return plan
}

/** Reads every field; a reading of `previous` is kept where the field still reads from the same entry. */
export function readFields(plan: ReadPlan, registers: ReadonlyMap<string, Register>, previous?: Readings): Readings {
  const readings = new Map<string, FieldReading>()
  for (const [name, { field, empty }] of plan) {
    const entry = field.policy.read(registers.get(name)?.heads ?? [])
    const known = previous?.get(name)
    readings.set(name, known !== undefined && known.entry === entry ? known : readField(name, field, empty, entry))
  }
  return readings
}

function readField(name: string, field: RegisterField, empty: FieldReading, entry: Entry | null): FieldReading {
  if (entry === null) return empty
  if (entry.v === undefined) return { ...empty, entry }
  const result = validate(field.schema, entry.v)
  if (result.type === 'valid') return { entry, value: deepFreeze(result.value), invalid: null }
  const message = result.type === 'invalid' ? `${result.path}${result.path && ': '}${result.message}` : 'the validator is asynchronous'
  return { entry, value: empty.value, invalid: Object.freeze({ field: name, stored: deepFreeze(entry.v), message }) }
}

/** The readings as one frozen object by field name. */
export function toValue(readings: Readings): Readonly<Record<string, unknown>> {
  const value: Record<string, unknown> = {}
  for (const [name, reading] of readings) value[name] = reading.value
  return Object.freeze(value)
}

export const toInvalid = (readings: Readings): readonly InvalidField[] =>
  Object.freeze([...readings.values()].flatMap((reading) => (reading.invalid === null ? [] : [reading.invalid])))
