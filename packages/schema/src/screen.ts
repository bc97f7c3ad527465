/**
 * What is shown of an attached entity, kept up with its document.
 *
 * Invariants
 * 1. Everything shown comes from one pass over the document, so its parts never contradict one another.
 * 2. While the document waits, every field stays as it was, plus what was written here since: own entries supersede what
 *    they name among the heads that were shown.
 * 3. Each part keeps its reference until it changes.
 */
import { createObservable, guarded, type Observable } from '@tidemark/base'
import type * as Y from 'yjs'
import { inOrder } from './candidate.ts'
import { readCollection } from './collection.ts'
import { type Conflict, toConflict } from './conflict.ts'
import { type Decision, toDecision } from './decision.ts'
import { compareEntries, entriesName, type KnownEntry, lifeField } from './entry.ts'
import type { FieldReading, InvalidField, Readings } from './field-reading.ts'
import type { Host } from './host.ts'
import { type Invariants, readViolations, type Violation } from './invariant.ts'
import { type Life, readLife } from './life.ts'
import { limits } from './limits.ts'
import { needsBasis, type Policy } from './policy.ts'
import { readFields, readHeads, toInvalid, toValue } from './reading.ts'
import type { ReferenceView } from './reference.ts'
import { isWaiting, type Registers } from './register.ts'
import type { Roots } from './roots.ts'

/** Something that people should look at, though nothing is broken. */
export interface Report {
  /** `many-heads`: somebody writes a critical field without reading it; `decideAll` settles many at once. */
  readonly code: 'many-heads'
  readonly field: string
  readonly heads: number
}

/** Everything that is shown at one moment. */
export interface Shown {
  readonly value: Readonly<Record<string, unknown>>
  readonly syncing: boolean
  readonly invalid: readonly InvalidField[]
  readonly conflicts: readonly Conflict[]
  readonly decisions: readonly Decision[]
  readonly violations: readonly Violation[]
  readonly life: Life
  readonly reports: readonly Report[]
}

/** What is shown, with what only this package needs of it. */
export interface Screen extends Observable<Shown> {
  readonly readings: () => Readings
  /** What the references read as now. */
  references(): readonly ReferenceView[]
  /** Tells listeners if a reference reads differently than when it was last looked at. */
  lookAgain(): void
  close(): void
}

/** Reads what `host` shows now, and follows its document until `close`. */
export const createScreen = (host: Host, invariants: Invariants, roots: Roots): Screen => new DocumentScreen(host, invariants, roots)

class DocumentScreen implements Screen {
  readonly get: () => Shown
  readonly subscribe: (listener: () => void) => () => void
  readonly readings: () => Readings
  readonly #host: Host
  readonly #invariants: Invariants
  readonly #roots: Roots
  readonly #shown
  readonly #conflicts = new WeakMap<FieldReading, Conflict | null>()
  readonly #decisions = new WeakMap<KnownEntry, { readonly reading: FieldReading; readonly decision: Decision }>()
  #readings: Map<string, FieldReading>
  #references: readonly ReferenceView[] = Object.freeze([])
  /** Whether the last transaction deleted or restored the entity here, while the document waited. */
  #hasOwnLife = false

  constructor(host: Host, invariants: Invariants, roots: Roots) {
    this.#host = host
    this.#invariants = invariants
    this.#roots = roots
    const { model, doc } = host.writer
    const registers = this.#registers()
    this.#readings = readFields(model.plan, registers)
    for (const name of roots.collections.keys()) this.#readCollection(name)
    this.readings = () => this.#readings
    this.#shown = createObservable<Shown>(this.#toShown(null, registers, isWaiting(doc)))
    this.get = this.#shown.get
    this.subscribe = this.#shown.subscribe
    doc.on('afterTransaction', this.#afterTransaction)
  }

  references(): readonly ReferenceView[] {
    const now = this.#host.references()
    if (!sameText(now, this.#references)) this.#references = now
    return this.#references
  }

  lookAgain(): void {
    const before = this.#references
    if (this.references() === before) return
    const shown = this.get()
    this.#shown.set({ ...shown, value: Object.freeze({ ...shown.value }) })
  }

  close(): void {
    this.#host.writer.doc.off('afterTransaction', this.#afterTransaction)
  }

  readonly #afterTransaction = (transaction: Y.Transaction): void => guarded(() => this.#refresh(transaction))

  #refresh(transaction: Y.Transaction): void {
    const { doc, model } = this.#host.writer
    const before = this.get()
    const waiting = isWaiting(doc)
    const changed = transaction.changed as ReadonlyMap<unknown, unknown>
    const entriesChanged = changed.has(doc.getArray(entriesName)) || (model.mapping !== null && changed.has(doc.getMap(model.mapping.map)))
    const collections = [...this.#roots.collections].flatMap(([name, array]) => (changed.has(array) ? [name] : []))
    const settles = before.syncing && !waiting
    const isMute = !entriesChanged && collections.length === 0 && before.life.status === 'alive'
    if (isMute && waiting === before.syncing) return
    const registers = this.#registers()
    if (waiting) this.#overlay(transaction, registers, collections)
    else {
      const next = readFields(model.plan, registers, this.#readings)
      for (const name of this.#roots.collections.keys()) next.set(name, this.#readings.get(name) as FieldReading)
      this.#readings = next
      for (const name of settles ? this.#roots.collections.keys() : collections) this.#readCollection(name)
    }
    this.#shown.set(this.#toShown(before, registers, waiting))
  }

  #registers(): Registers {
    const { writer } = this.#host
    const registers = writer.registers()
    for (const { heads } of registers.values()) for (const head of heads) writer.stamps.adopt(head.t)
    return registers
  }

  #readCollection(name: string): void {
    const field = this.#host.writer.model.fields[name]
    const array = this.#roots.collections.get(name)
    if (array === undefined || (field?.kind !== 'set' && field?.kind !== 'counter' && field?.kind !== 'list')) return
    this.#readings.set(name, readCollection(name, field, array))
  }

  /** The stable readings, with what this transaction wrote here laid over them. */
  #overlay(transaction: Y.Transaction, registers: Registers, collections: readonly string[]): void {
    const { doc, model } = this.#host.writer
    this.#hasOwnLife = false
    if (!transaction.local) return
    this.#readings = new Map(this.#readings)
    for (const name of collections) this.#readCollection(name)
    const since = transaction.beforeState.get(doc.clientID) ?? 0
    this.#hasOwnLife = registers.get(lifeField)?.entries.some(({ i }) => i[0] === doc.clientID && i[1] >= since) ?? false
    for (const [name, planned] of model.plan) {
      const own = registers.get(name)?.entries.filter(({ i }) => i[0] === doc.clientID && i[1] >= since) ?? []
      if (own.length === 0) continue
      const named = new Set(own.flatMap((entry) => entry.names))
      // A latest or merged write had all heads before it, also those that are not shown yet.
      const shown = isChosen(planned.field.policy) ? [] : (this.#readings.get(name)?.heads ?? [])
      const heads = [...shown, ...own].filter((entry) => !named.has(entry.key))
      this.#readings.set(name, readHeads(planned, inOrder(heads)))
    }
  }

  #toShown(before: Shown | null, registers: Registers, syncing: boolean): Shown {
    const { host, readings } = { host: this.#host, readings: this.#readings }
    const { model, doc } = host.writer
    const next: Shown = {
      value: toValue(readings),
      syncing,
      invalid: toInvalid(readings),
      conflicts: kept(before?.conflicts, this.#toConflicts()),
      decisions: this.#toDecisions(before?.decisions ?? [], registers),
      violations: [],
      life: before !== null && syncing && !this.#hasOwnLife ? before.life : readLife(model.fields, doc, registers),
      reports: this.#toReports(),
    }
    const isAlive = next.life.status === 'alive'
    const violations = isAlive ? kept(before?.violations, readViolations(host, this.#invariants, readings, before?.violations ?? [])) : []
    return before === null ? { ...next, violations } : unchangedOr(before, { ...next, violations })
  }

  #toConflicts(): readonly Conflict[] {
    const conflicts: Conflict[] = []
    for (const [name, reading] of this.#readings) {
      const planned = reading.isOpen ? this.#host.writer.model.plan.get(name) : undefined
      if (planned === undefined) continue
      const conflict = this.#conflicts.get(reading) ?? toConflict(this.#host, planned, reading)
      this.#conflicts.set(reading, conflict)
      if (conflict !== null) conflicts.push(conflict)
    }
    return conflicts
  }

  #toDecisions(before: readonly Decision[], registers: Registers): readonly Decision[] {
    const entries: KnownEntry[] = []
    for (const register of registers.values()) for (const entry of register.entries) if (entry.k === 'decide') entries.push(entry)
    return kept(
      before,
      entries.sort(compareEntries).flatMap((entry) => this.#toDecision(entry)),
    )
  }

  #toDecision(entry: KnownEntry): Decision[] {
    const planned = this.#host.writer.model.plan.get(entry.f)
    const reading = this.#readings.get(entry.f)
    if (planned === undefined || reading === undefined) return []
    const known = this.#decisions.get(entry)
    const stands = reading.heads.includes(entry)
    if (known !== undefined && (known.reading === reading || !(stands || known.decision.stands))) return [known.decision]
    const decision = toDecision(this.#host, planned, entry, reading.heads, reading.isOpen)
    this.#decisions.set(entry, { reading, decision })
    return [decision]
  }

  #toReports(): readonly Report[] {
    const reports: Report[] = []
    for (const [field, { heads }] of this.#readings) {
      const policy = heads.length > limits.heads ? this.#host.writer.model.plan.get(field)?.field.policy : undefined
      if (policy !== undefined && needsBasis(policy)) reports.push(Object.freeze({ code: 'many-heads', field, heads: heads.length }))
    }
    return reports
  }
}

const isChosen = ({ name }: Policy): boolean => name === 'latest' || name === 'merged'

/** `next`, or `before` where it has the same elements. */
const kept = <T>(before: readonly T[] | undefined, next: readonly T[]): readonly T[] =>
  before !== undefined && before.length === next.length && next.every((one, index) => one === before[index]) ? before : Object.freeze(next)

const sameText = (a: unknown, b: unknown): boolean => a === b || JSON.stringify(a) === JSON.stringify(b)

/** `next` with every part that is as before, or `before` itself when all of them are. */
function unchangedOr(before: Shown, next: Shown): Shown {
  const value = sameParts(before.value, next.value) ? before.value : next.value
  const invalid =
    before.invalid.length + next.invalid.length === 0 || sameText(before.invalid, next.invalid) ? before.invalid : next.invalid
  const life = sameText(before.life, next.life) ? before.life : next.life
  const reports =
    before.reports.length + next.reports.length === 0 || sameText(before.reports, next.reports) ? before.reports : next.reports
  const merged: Shown = { ...next, value, invalid, life, reports }
  const isSame = (Object.keys(merged) as (keyof Shown)[]).every((part) => merged[part] === before[part])
  if (isSame) return before
  return merged.value === before.value ? { ...merged, value: Object.freeze({ ...merged.value }) } : merged
}

const sameParts = (a: Readonly<Record<string, unknown>>, b: Readonly<Record<string, unknown>>): boolean =>
  Object.keys(b).every((name) => a[name] === b[name])
