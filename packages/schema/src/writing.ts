/**
 * Writes register fields: everything is validated first, then one transaction appends one entry per field.
 *
 * Invariants
 * 1. A refusal throws before the transaction begins, so nothing has changed.
 * 2. A `latest` write supersedes every head of its field that the document holds.
 * 3. An entry's `i` is the dot of the struct that holds it: each entry is pushed alone, and its dot read just before.
 */
import { type Clock, systemClock, TidemarkError } from '@tidemark/base'
import * as Y from 'yjs'
import { createEntryReader, type Dot, type Entry, type EntryReader, entriesName, readRegisters } from './entry.ts'
import type { Fields } from './field.ts'
import type { Json } from './json.ts'
import { origins } from './origins.ts'
import { pruneField } from './prune.ts'
import { createStampClock, type StampClock } from './stamp.ts'
import { toStored } from './validator.ts'

/** Who writes, and by which time. */
export interface WriteOptions {
  /** User id that stands in each entry; empty by default. */
  readonly user?: string
  /** Time for a stamp clock of its own; ignored where `stamps` is given. */
  readonly clock?: Pick<Clock, 'now'>
  /** A stamp clock to share between documents, so that one device's writes are ordered across them. */
  readonly stamps?: StampClock
}

/** The part of an entity that writing needs. */
export interface WriteModel {
  readonly type: string
  readonly version: number
  readonly fields: Fields
}

/** Validated values by field; `undefined` clears the field. */
export type Changes = ReadonlyMap<string, Json | undefined>

/** Who writes, with all that is needed for it. */
export interface Writer {
  readonly user: string
  readonly stamps: StampClock
  readonly read: EntryReader
}

export const createWriter = (options: WriteOptions): Writer => ({
  user: options.user ?? '',
  stamps: options.stamps ?? createStampClock(options.clock ?? systemClock),
  read: createEntryReader(),
})

/** Validates `patch` as a whole. @throws {TidemarkError} `schema/…`, see `EntityDefinition`. */
export function checkPatch(model: WriteModel, patch: object): Changes {
  const changes = new Map<string, Json | undefined>()
  for (const [name, input] of Object.entries(patch)) {
    const field = Object.hasOwn(model.fields, name) ? model.fields[name] : undefined
    if (field === undefined) throw new TidemarkError('schema/unknown-field', `${model.type} has no field ${JSON.stringify(name)}`)
    if (field.kind !== 'register') {
      throw new TidemarkError('schema/invalid', `${name} is text: change it through shared.${name}, not by set()`)
    }
    changes.set(name, toStored(name, field, input))
  }
  return changes
}

/** Appends one entry per change, inside a transaction of the caller. */
export function writeChanges(model: WriteModel, doc: Y.Doc, changes: Changes, { user, stamps, read }: Writer): void {
  const array = doc.getArray<unknown>(entriesName)
  const registers = readRegisters(array, read)
  for (const [field, v] of changes) {
    const o = (registers.get(field)?.heads ?? []).map((head) => head.i)
    const i: Dot = [doc.clientID, Y.getState(doc.store, doc.clientID)]
    const entry: Entry = { i, f: field, ...(v === undefined ? {} : { v }), o, by: user, t: stamps.next(), k: 'set', s: model.version }
    array.push([entry])
    pruneField(doc, array, field, read)
  }
}

/** See `EntityDefinition.initialise`. */
export function initialiseEntity(model: WriteModel, doc: Y.Doc, init: object, options: WriteOptions): void {
  const given = Object.entries(init).filter(([, input]) => input !== undefined)
  const texts = given.filter(([name]) => Object.hasOwn(model.fields, name) && model.fields[name]?.kind === 'text')
  const changes = checkPatch(model, { ...required(model), ...Object.fromEntries(given.filter((item) => !texts.includes(item))) })
  for (const [name, content] of texts) {
    if (typeof content !== 'string') throw new TidemarkError('schema/invalid', `${name}: the first content of a text is a string`)
  }
  if (doc.getArray(entriesName).length > 0) {
    throw new TidemarkError('client/exists', `this ${model.type} was initialised before`)
  }
  const writer = createWriter(options)
  doc.transact(() => {
    writeChanges(model, doc, withoutCleared(changes), writer)
    for (const [name, content] of texts) doc.getText(name).insert(0, (content as string).toWellFormed())
  }, origins.initialise)
}

/** Every register field, so that a required one which is not given is refused by its own validator. */
const required = (model: WriteModel): Record<string, undefined> =>
  Object.fromEntries(Object.entries(model.fields).flatMap(([name, field]) => (field.kind === 'register' ? [[name, undefined]] : [])))

const withoutCleared = (changes: Changes): Changes => new Map([...changes].filter(([, value]) => value !== undefined))
