/**
 * `defineEntity`: a type name, a version and fields become something that can be laid over any `Y.Doc`.
 *
 * Invariants
 * 1. A wrong declaration throws at the call, naming what is wrong.
 * 2. A definition is frozen and holds no state of any document.
 */
import { TidemarkError } from '@tidemark/base'
import type * as Y from 'yjs'
import { type AttachedEntity, type AttachOptions, attachEntity } from './attached.ts'
import type { Fields } from './field.ts'
import { canonicalJson, type Json, toJson } from './json.ts'
import { limits } from './limits.ts'
import { createReadPlan, type ReadPlan } from './reading.ts'
import { readRow } from './row.ts'
import type { EntityInit, EntityRow } from './types.ts'
import { validate } from './validator.ts'
import { initialiseEntity, type WriteOptions } from './writing.ts'

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
}

/**
 * Declares an entity.
 *
 * `type` is the first part of document names: a lower-case letter, then up to 63 letters, digits and hyphens. Field
 * names begin with a letter and hold letters, digits and underscores; `$` begins what Tidemark keeps for itself.
 *
 * @throws {TidemarkError} `schema/definition` when anything of that is not so, or a default is not JSON or not fixed.
 */
export function defineEntity<const F extends Fields>(
  type: string,
  declaration: { readonly version: number; readonly fields: F },
): EntityDefinition<F> {
  checkType(type, declaration)
  const { version } = declaration
  const fields = Object.freeze({ ...declaration.fields })
  checkFieldNames(type, fields)
  const plan = createReadPlan(fields, readDefaults(type, fields))
  return createDefinition({ type, version, fields, plan })
}

/** What a definition is made of. */
export interface EntityModel {
  readonly type: string
  readonly version: number
  readonly fields: Fields
  readonly plan: ReadPlan
}

function createDefinition<F extends Fields>(model: EntityModel & { readonly fields: F }): EntityDefinition<F> {
  return Object.freeze({
    type: model.type,
    version: model.version,
    fields: model.fields,
    // reason: the parts below work on names and unknown values; the types of F are exact only here, at the rim.
    attach: (doc: Y.Doc, options: AttachOptions = {}) => attachEntity(model, doc, options) as AttachedEntity<F>,
    initialise: (doc: Y.Doc, init: EntityInit<F>, options: WriteOptions = {}) => initialiseEntity(model, doc, init, options),
    row: (doc: Y.Doc) => readRow(model, doc) as EntityRow<F>,
  })
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
    if (!['register', 'text', 'richText'].includes(fields[name]?.kind ?? '')) {
      throw wrong(`${type}.${name}: a field is made by latest(), text() or richText()`)
    }
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
