/**
 * Invariants: rules over several fields, checked on a draft before a write and again after every merge.
 *
 * Invariants of the invariants
 * 1. A rule that reads a field which is in conflict, or has no valid value, is not run: nobody knows the value yet.
 * 2. A write is refused only by a rule that reads a field which it changes. What a merge broke does not block the rest.
 * 3. A rule that throws does not hold. Nothing here throws in a render.
 */
import { TidemarkError } from '@tidemark/base'
import { type Basis, basisOf } from './basis.ts'
import type { Author } from './conflict.ts'
import { writePatch } from './edit.ts'
import type { FieldReading, Readings } from './field-reading.ts'
import { readEntryValue } from './field-reading.ts'
import type { Host } from './host.ts'
import { stampMs } from './stamp.ts'
import type { Changes, WriteModel } from './writing.ts'

/** A rule: a pure function of the bare values, or that with a proposal of how to mend it. */
export type Invariant<V = never, P = object> =
  | ((value: V) => boolean)
  | { readonly holds: (value: V) => boolean; readonly repair?: (value: V) => P }

/** A rule that the merge of valid writes broke. */
export interface Violation {
  /** The invariant's name. */
  readonly name: string
  /** The fields that it read, by name. */
  readonly fields: readonly string[]
  /** Who wrote what stands in them. */
  readonly authors: readonly (Author & { readonly field: string })[]
  /** Whether the invariant declares a repair. */
  readonly canRepair: boolean
  /**
   * Applies the declared repair, based on what was shown.
   *
   * @throws {TidemarkError} `schema/definition` when none is declared; otherwise as `edit.set`.
   */
  repair(): void
}

/** The rules of an entity by name. */
export type Invariants = Readonly<Record<string, Invariant>>

type Rule = { readonly holds: (value: unknown) => boolean; readonly repair?: (value: unknown) => object }

// reason: the declared functions take exactly typed values; here the values are built from readings by name.
const ruleOf = (invariant: Invariant): Rule => (typeof invariant === 'function' ? { holds: invariant as never } : (invariant as never))

type Outcome = { readonly result: 'holds' | 'broken' | 'skipped'; readonly fields: readonly string[]; readonly value: object }

/** Thrown into a rule that reads what nobody knows; made once, since a trace of the stack would cost more than the rule. */
const unknown = new Error('a field that this rule reads is not settled')

/** Runs one rule, noting which fields it reads; it stops at one that nobody knows. */
function run(rule: Rule, readings: Readings): Outcome {
  const fields = new Set<string>()
  let isSkipped = false
  const value = {}
  for (const [name, reading] of readings) {
    const get = (): unknown => {
      fields.add(name)
      if (!reading.isOpen && reading.invalid === null) return reading.plain
      isSkipped = true
      throw unknown
    }
    Object.defineProperty(value, name, { enumerable: true, get })
  }
  const holds = attempt(() => rule.holds(value))
  return { result: isSkipped ? 'skipped' : holds ? 'holds' : 'broken', fields: [...fields], value }
}

function attempt(run: () => boolean): boolean {
  try {
    return run() === true
  } catch {
    // reason: a rule that fails cannot be said to hold; what it read is reported, and a render goes on.
    return false
  }
}

/** @throws {TidemarkError} `schema/invariant` with the name of the first rule that `changes` would break. */
export function checkDraft(model: WriteModel, invariants: Invariants, readings: Readings, changes: Changes): void {
  if (changes.size === 0 || Object.keys(invariants).length === 0) return
  const draft = new Map(readings)
  for (const [name, v] of changes) {
    const planned = model.plan.get(name)
    if (planned === undefined || planned.field.policy.name === 'arbitrated') continue
    const { plain, invalid } = readEntryValue(planned, v === undefined ? {} : { v })
    draft.set(name, { ...planned.empty, plain, invalid, isOpen: false })
  }
  checkReadings(invariants, draft, new Set(changes.keys()))
}

/** As `checkDraft`, over readings that are drafted already. */
export function checkReadings(invariants: Invariants, draft: Readings, changed: ReadonlySet<string>): void {
  for (const [name, invariant] of Object.entries(invariants)) {
    const { result, fields } = run(ruleOf(invariant), draft)
    if (result !== 'broken' || !fields.some((field) => changed.has(field))) continue
    throw new TidemarkError('schema/invariant', `${name} would not hold any more; it reads ${fields.join(', ')}`)
  }
}

/** The rules that do not hold; those of `previous` stay whose fields read as before. */
export function readViolations(
  host: Host,
  invariants: Invariants,
  readings: Readings,
  previous: readonly Violation[],
): readonly Violation[] {
  const violations: Violation[] = []
  for (const [name, invariant] of Object.entries(invariants)) {
    const rule = ruleOf(invariant)
    const { result, fields, value } = run(rule, readings)
    if (result !== 'broken') continue
    const known = previous.find((one) => one.name === name)
    const isSame = known instanceof Broken && known.reads(readings, fields)
    violations.push(isSame ? known : new Broken(host, name, rule, fields, readings, value))
  }
  return violations
}

/** How many rules do not hold. */
export const countBroken = (invariants: Invariants, readings: Readings): number =>
  Object.values(invariants).filter((invariant) => run(ruleOf(invariant), readings).result === 'broken').length

class Broken implements Violation {
  readonly name: string
  readonly fields: readonly string[]
  readonly authors: readonly (Author & { readonly field: string })[]
  readonly canRepair: boolean
  readonly #host: Host
  readonly #rule: Rule
  readonly #basis: Basis
  readonly #read: readonly (FieldReading | undefined)[]
  readonly #value: object

  constructor(host: Host, name: string, rule: Rule, fields: readonly string[], readings: Readings, value: object) {
    this.name = name
    this.fields = Object.freeze(fields)
    this.authors = Object.freeze(
      fields.flatMap((field) => (readings.get(field)?.heads ?? []).map((head) => ({ field, user: head.by, at: stampMs(head.t) }))),
    )
    this.canRepair = rule.repair !== undefined
    this.#host = host
    this.#rule = rule
    this.#basis = basisOf(host.writer.model.plan, readings)
    this.#read = fields.map((field) => readings.get(field))
    this.#value = value
    Object.freeze(this)
  }

  reads(readings: Readings, fields: readonly string[]): boolean {
    return fields.length === this.fields.length && fields.every((field, index) => readings.get(field) === this.#read[index])
  }

  repair(): void {
    if (this.#rule.repair === undefined) throw new TidemarkError('schema/definition', `the invariant ${this.name} declares no repair`)
    writePatch(this.#host, this.#rule.repair(this.#value), this.#basis)
  }
}
