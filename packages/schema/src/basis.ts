/**
 * Bases: what a person was shown of the critical fields, so that a write supersedes that and nothing else.
 *
 * What a replica happens to hold is no basis: a value may have arrived a moment before the write and never been drawn.
 * A basis is plain JSON, so that a draft which outlives a reload can keep it.
 */
import { TidemarkError } from '@tidemark/base'
import type * as Y from 'yjs'
import { type Dot, isDot } from './entry.ts'
import type { Readings, ReadPlan } from './field-reading.ts'
import type { Json } from './json.ts'
import { needsBasis } from './policy.ts'
import { isIntegrated } from './register.ts'

/** What was shown of one critical field. */
export interface ShownField {
  /** The entries that stood there. */
  readonly heads: readonly Dot[]
  /** How many candidates they were. */
  readonly candidates: number
  /** The stored value, where there was exactly one. */
  readonly value?: Json
}

/** What was shown of an entity's critical fields, by name. */
export type Basis = Readonly<Record<string, ShownField>>

/** The basis of what stands in `readings`. */
export function basisOf(plan: ReadPlan, readings: Readings): Basis {
  const basis: Record<string, ShownField> = {}
  for (const [name, { field }] of plan) {
    const reading = readings.get(name)
    if (!needsBasis(field.policy) || reading === undefined) continue
    const value = reading.groups.length === 1 ? reading.groups[0]?.[0].v : undefined
    const shown = { heads: reading.heads.map((head) => head.i), candidates: reading.groups.length }
    basis[name] = Object.freeze(value === undefined ? shown : { ...shown, value })
  }
  return Object.freeze(basis)
}

/**
 * What `basis` says of a field, for a plain write.
 *
 * @throws {TidemarkError} `schema/no-basis` when it says nothing, or is of another document; `schema/in-conflict` when
 * the write would supersede two or more candidates, which only a decision may.
 */
export function shownFor(doc: Y.Doc, field: string, basis: Basis | null): ShownField {
  const shown = basis !== null && Object.hasOwn(basis, field) ? basis[field] : undefined
  if (shown === undefined || !Array.isArray(shown.heads) || !shown.heads.every(isDot)) {
    throw new TidemarkError('schema/no-basis', `${field} is critical: set it through edit(), or with the basis that the person was shown`)
  }
  if (!shown.heads.every((dot) => isIntegrated(doc, dot))) {
    throw new TidemarkError('schema/no-basis', `the basis of ${field} was taken of another document`)
  }
  if (shown.candidates > 1) {
    throw new TidemarkError('schema/in-conflict', `${field} was shown in conflict, with ${shown.candidates} candidates`)
  }
  return shown
}
