/**
 * `defineEntity`: a type name, a version and fields become something that can be laid over any `Y.Doc`.
 *
 * Invariants
 * 1. A wrong declaration throws at the call, naming what is wrong.
 * 2. A definition is frozen and holds no state of any document.
 */
import { TidemarkError } from '@tidemark/base'
import type * as Y from 'yjs'
import { type Arbiter, arbitrateDocument } from './arbiter.ts'
import { type AttachedEntity, type AttachModel, type AttachOptions, attachEntity } from './attached.ts'
import { createEntryReader } from './entry.ts'
import type { Fields } from './field.ts'
import { initialiseEntity } from './initialise.ts'
import { checkDraft, type Invariant, type Invariants } from './invariant.ts'
import { canonicalJson, type Json, toJson } from './json.ts'
import { isDeleted, type Life, readLife, restoration } from './life.ts'
import { limits } from './limits.ts'
import { origins } from './origins.ts'
import { createReadPlan, readFields } from './reading.ts'
import { type Mapping, readRegisters, type Upgrade } from './register.ts'
import { readRow } from './row.ts'
import type { EntityInit, EntityPlain, EntityRow, ShownPatch } from './types.ts'
import { validate } from './validator.ts'
import { appendEntry, createWriter, type WriteOptions } from './writing.ts'

/** An entity: its declaration, and what can be done with it on a bare `Y.Doc`. */
export interface EntityDefinition<F extends Fields = Fields> {
  readonly type: string
  readonly version: number
  readonly fields: F
  /**
   * The typed entity over `doc`, which any provider may feed. Close it when it is no longer shown.
   *
   * @throws {TidemarkError} `schema/definition` when a root type of `doc` is in use as something else.
   */
  attach(doc: Y.Doc, options?: AttachOptions): AttachedEntity<F>
  /**
   * Writes the first values of a new document in one transaction. Fields with a default may be left out.
   *
   * @throws {TidemarkError} `schema/invalid`, `schema/unstable` or `schema/unknown-field`, and then nothing changed;
   * `client/exists` when `doc` has entries already.
   */
  initialise(doc: Y.Doc, init: EntityInit<F>, options?: WriteOptions): void
  /** The plain projection for lists. Cheap however large the text; invalid values are left out or read as their default. */
  row(doc: Y.Doc): EntityRow<F>
  /** Whether the entity in `doc` is deleted, and what others did to it without knowing. */
  life(doc: Y.Doc): Life
  /** Takes the deletion of the entity in `doc` back; nothing happens when it is alive. */
  restore(doc: Y.Doc, options?: WriteOptions): void
  /**
   * Answers every waiting proposal of arbitrated fields in `doc`; gives how many. For the relay, or whoever is the one
   * arbiter: two that do not know of each other would both answer.
   */
  arbitrate(doc: Y.Doc, arbiter: Arbiter, options?: WriteOptions): number
}

/** What `defineEntity` takes beside the type. */
export interface Declaration<F extends Fields> {
  /** Rises with every change of what stored values mean; stands in every entry. */
  readonly version: number
  readonly fields: F
  /** Rules over several fields by name: pure functions of the bare values. */
  readonly invariants?: Readonly<Record<string, Invariant<EntityPlain<F>, ShownPatch<F>>>>
  /** Brings values of older versions into today's fields; see `Upgrade`. */
  readonly upgrade?: Upgrade
  /** Where fields stand in documents of the stack that the app comes from; what stands there counts until it is superseded. */
  readonly mapping?: Mapping
}

/**
 * Declares an entity.
 *
 * `type` is the first part of document names: a lower-case letter, then up to 63 letters, digits and hyphens. Field
 * names begin with a letter and hold letters, digits and underscores; `$` begins what Tidemark keeps for itself.
 *
 * @throws {TidemarkError} `schema/definition` when anything of that is not so, or a default is not JSON or not fixed.
 */
export function defineEntity<const F extends Fields>(type: string, declaration: Declaration<F>): EntityDefinition<F> {
  checkType(type, declaration)
  const { version, upgrade = null, mapping = null, invariants = {} } = declaration
  const fields = Object.freeze({ ...declaration.fields })
  checkFieldNames(type, fields)
  checkRest(type, fields, { upgrade, mapping, invariants })
  const plan = createReadPlan(fields, readDefaults(type, fields))
  return createDefinition({ type, version, fields, plan, upgrade, mapping, invariants: Object.freeze({ ...invariants }) as Invariants })
}

function createDefinition<F extends Fields>(model: AttachModel & { readonly fields: F }): EntityDefinition<F> {
  // Entries never change, so that each is read once however often its document is projected.
  const read = createEntryReader()
  return Object.freeze({
    type: model.type,
    version: model.version,
    fields: model.fields,
    // reason: the parts below work on names and unknown values; the types of F are exact only here, at the rim.
    attach: (doc: Y.Doc, options: AttachOptions = {}) => attachEntity(model, doc, options) as unknown as AttachedEntity<F>,
    initialise: (doc: Y.Doc, init: EntityInit<F>, options: WriteOptions = {}) =>
      initialiseEntity(model, doc, init, options, (changes) =>
        checkDraft(model, model.invariants, readFields(model.plan, new Map()), changes),
      ),
    row: (doc: Y.Doc) => readRow(model, doc, read) as EntityRow<F>,
    life: (doc: Y.Doc) => readLife(model.fields, doc, readRegisters(model, doc, read)),
    restore: (doc: Y.Doc, options: WriteOptions = {}) => restore(model, doc, options),
    arbitrate: (doc: Y.Doc, arbiter: Arbiter, options: WriteOptions = {}) => arbitrateDocument(model, doc, arbiter, options),
  })
}

function restore(model: AttachModel, doc: Y.Doc, options: WriteOptions): void {
  const writer = createWriter(model, doc, options)
  const registers = writer.registers()
  if (!isDeleted(registers)) return
  const draft = restoration(registers)
  doc.transact(() => appendEntry(writer, draft, registers.get(draft.f)), origins.life)
}

const wrong = (message: string): TidemarkError => new TidemarkError('schema/definition', message)

function checkType(type: string, declaration: { readonly version: number; readonly fields: Fields }): void {
  if (typeof type !== 'string' || !/^[a-z][a-z0-9-]{0,63}$/.test(type)) {
    throw wrong(`the type ${JSON.stringify(type)} is not of the form [a-z][a-z0-9-]{0,63}`)
  }
  if (!Number.isSafeInteger(declaration?.version) || declaration.version < 1) throw wrong(`${type}: version must be a whole number from 1`)
  if (typeof declaration.fields !== 'object' || declaration.fields === null) throw wrong(`${type}: fields must be an object`)
}

function checkFieldNames(type: string, fields: Fields): void {
  const names = Object.keys(fields)
  if (names.length > limits.fields) throw wrong(`${type}: ${names.length} fields are more than ${limits.fields}`)
  for (const name of names) {
    if (name.startsWith('$')) throw wrong(`${type}.${name}: names that begin with $ are reserved`)
    if (!/^[a-zA-Z][a-zA-Z0-9_]{0,63}$/.test(name)) throw wrong(`${type}.${name}: a field name is a letter, then letters, digits or _`)
    if (!fieldKinds.includes(fields[name]?.kind ?? '')) {
      throw wrong(`${type}.${name}: a field is made by latest(), critical(), text() and the like`)
    }
  }
}

const fieldKinds = ['register', 'text', 'richText', 'set', 'counter', 'list']

function checkRest(
  type: string,
  fields: Fields,
  { upgrade, mapping, invariants }: { readonly upgrade: unknown; readonly mapping: Mapping | null; readonly invariants: object },
): void {
  if (upgrade !== null && typeof upgrade !== 'function') throw wrong(`${type}: upgrade must be a function`)
  if (mapping !== null && (typeof mapping.map !== 'string' || mapping.map.startsWith('$') || Object.hasOwn(fields, mapping.map))) {
    throw wrong(`${type}: mapping.map is the name of a root Y.Map that is no field`)
  }
  for (const name of Object.keys(mapping?.keys ?? {})) {
    if (fields[name]?.kind !== 'register') throw wrong(`${type}: mapping.keys.${name} is no field that is set as a whole`)
  }
  for (const [name, invariant] of Object.entries(invariants)) {
    const holds: unknown = typeof invariant === 'function' ? invariant : (invariant as { holds?: unknown } | null)?.holds
    if (typeof holds !== 'function') throw wrong(`${type}: the invariant ${name} is a function, or has one as holds`)
  }
}

/** The default of every field that has one; optional fields have `undefined`, required fields are absent. */
function readDefaults(type: string, fields: Fields): ReadonlyMap<string, Json | undefined> {
  const defaults = new Map<string, Json | undefined>()
  for (const [name, field] of Object.entries(fields)) {
    if (field.kind !== 'register') continue
    const first = validate(field.schema, undefined)
    if (first.type === 'asynchronous') throw wrong(`${type}.${name}: validators must be synchronous`)
    if (first.type === 'invalid') continue
    const second = validate(field.schema, undefined)
    const value = defaultValue(`${type}.${name}`, first.value)
    const repeated = second.type === 'valid' ? defaultValue(`${type}.${name}`, second.value) : null
    if (spelling(value) !== spelling(repeated)) throw wrong(`${type}.${name}: the default differs from one run to the next`)
    defaults.set(name, value)
  }
  return defaults
}

const spelling = (value: Json | undefined): string => (value === undefined ? '' : canonicalJson(value))

function defaultValue(where: string, value: unknown): Json | undefined {
  if (value === undefined) return undefined
  const copy = toJson(value)
  if (!copy.ok) throw wrong(`${where}${copy.path}: the default ${copy.reason}`)
  return copy.value
}
