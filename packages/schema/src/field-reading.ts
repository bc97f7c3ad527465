/**
 * What one field reads as, and how a stored value becomes a value of its field.
 *
 * Nothing here throws for what stands in a document: what does not validate is reported beside a fallback.
 */
import type { Group } from './candidate.ts'
import type { KnownEntry } from './entry.ts'
import type { RegisterField } from './field.ts'
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
  /** All heads in order; empty for collections. */
  readonly heads: readonly KnownEntry[]
  /** The candidates; more than one only says something on critical fields. */
  readonly groups: readonly Group[]
  /** What stands in `entity.value`. */
  readonly value: unknown
  /** The bare value, for invariants and bases; not to be used where `isOpen`. */
  readonly plain: unknown
  /** Whether a person, or the arbiter, has yet to settle it. */
  readonly isOpen: boolean
  readonly invalid: InvalidField | null
}

/** What every field reads as, by name. */
export type Readings = ReadonlyMap<string, FieldReading>

/** A register field, with what it reads as when nothing is stored. */
export interface PlannedField {
  readonly name: string
  readonly field: RegisterField
  readonly empty: FieldReading
}

/** The register fields of an entity by name. */
export type ReadPlan = ReadonlyMap<string, PlannedField>

/** A stored value as its field reads it. */
export interface BareReading {
  readonly plain: unknown
  readonly invalid: InvalidField | null
}

/** What the validator makes of the value of one entry. */
export function readEntryValue({ name, field, empty }: PlannedField, entry: { readonly v?: Json }): BareReading {
  if (entry.v === undefined) return { plain: empty.plain, invalid: empty.invalid }
  return readStored(name, field, empty.plain, entry.v)
}

/** What the validator makes of a stored value; `fallback` where it does not fit. */
export function readStored(name: string, { schema }: Pick<RegisterField, 'schema'>, fallback: unknown, stored: Json): BareReading {
  const result = validate(schema, stored)
  if (result.type === 'valid') return { plain: deepFreeze(result.value), invalid: null }
  const message = result.type === 'invalid' ? `${result.path}${result.path && ': '}${result.message}` : 'the validator is asynchronous'
  return { plain: fallback, invalid: Object.freeze({ field: name, stored: deepFreeze(stored), message }) }
}
