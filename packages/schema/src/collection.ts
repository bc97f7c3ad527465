/**
 * Sets, counters and lists: fields that several people change at once without choosing between whole values.
 *
 * Each is a root `Y.Array` of its own, by field name, of plain values, so any Yjs client can read it.
 *
 * Invariants
 * 1. A set's add wins over a removal that did not know of it: adding writes the value anew and removes what it replaces.
 * 2. A counter has one running total per document object (`c` is its client id), written by that one alone; the value is
 *    their sum, so what each adds counts exactly once. A client id is never used twice, so nobody shares a total.
 * 3. Items that do not validate are passed over and reported.
 */
import { TidemarkError } from '@tidemark/base'
import type * as Y from 'yjs'
import type { CounterField, ListField, RegisterField, SetField } from './field.ts'
import type { FieldReading, InvalidField } from './field-reading.ts'
import { readStored } from './field-reading.ts'
import type { Host } from './host.ts'
import { canonicalJson, isPlainObject, type Json, toJson } from './json.ts'
import { limits } from './limits.ts'
import { latestPolicy } from './policy.ts'
import type { UndoStep } from './undo.ts'
import { toStored } from './validator.ts'

/** A field in a root `Y.Array` of its own. */
export type CollectionField = SetField | CounterField | ListField

/** Changes a set. */
export interface SetHandle<Input = unknown, Output = unknown> {
  /** @throws {TidemarkError} `schema/invalid`, `schema/unstable`, `schema/too-large`, `schema/invariant`, `schema/deleted`. */
  add(value: Input): void
  /** Removes the value; whoever adds it at the same time keeps it. */
  delete(value: Output): void
}

/** Changes a counter. */
export interface CounterHandle {
  /** Adds a finite number; negative ones count down. @throws {TidemarkError} as `SetHandle.add`. */
  add(amount: number): void
}

/** Changes a list. */
export interface ListHandle<Input = unknown, Output = unknown> {
  readonly length: number
  /** Inserts before `index`, counted over all items. @throws {TidemarkError} as `SetHandle.add`. */
  insert(index: number, values: readonly Input[]): void
  push(...values: readonly Input[]): void
  delete(index: number, count?: number): void
  /** The index of the first item that equals `value`, or -1. */
  indexOf(value: Output): number
}

/** Reads a collection as `value` shows it. */
export function readCollection(name: string, field: CollectionField, array: Y.Array<unknown>): FieldReading {
  if (field.kind === 'counter') {
    const value = [...totals(array).values()].reduce((sum, total) => sum + total, 0)
    return { heads: [], groups: [], value, plain: value, isOpen: false, invalid: null }
  }
  let invalid: InvalidField | null = null
  const values: unknown[] = []
  for (const stored of field.kind === 'set' ? members(array).values() : array.toArray()) {
    const copy = toJson(stored)
    const read = readStored(name, field, undefined, copy.ok ? copy.value : null)
    if (copy.ok && read.invalid === null) values.push(read.plain)
    else invalid ??= read.invalid ?? Object.freeze({ field: name, stored: undefined, message: 'an item is not plain JSON' })
  }
  Object.freeze(values)
  return { heads: [], groups: [], value: values, plain: values, isOpen: false, invalid }
}

/** The members of a set by their spelling, in that order: the same on every replica. */
function members(array: Y.Array<unknown>): Map<string, Json> {
  const found = new Map<string, Json>()
  for (const raw of array.toArray()) {
    const copy = toJson(raw)
    if (copy.ok) found.set(canonicalJson(copy.value), copy.value)
  }
  return new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** The running totals of a counter by client id. */
function totals(array: Y.Array<unknown>): Map<number, number> {
  const found = new Map<number, number>()
  for (const raw of array.toArray()) {
    if (isPlainObject(raw) && typeof raw.c === 'number' && typeof raw.n === 'number' && Number.isFinite(raw.n)) found.set(raw.c, raw.n)
  }
  return found
}

/** What a handle works on. `check` refuses a change that would break an invariant. */
export interface CollectionContext {
  readonly name: string
  readonly array: Y.Array<unknown>
  readonly host: Host
  readonly check: (value: unknown) => void
  /** Ends the capture of text, so that the change is an undo step of its own. */
  readonly stop: () => void
}

/** What `shared` gives for a collection. */
export function createHandle(context: CollectionContext, field: CollectionField): SetHandle | CounterHandle | ListHandle {
  if (field.kind === 'counter') return createCounter(context)
  return field.kind === 'set' ? createSet(context, field) : createList(context, field)
}

const asRegister = ({ schema }: { readonly schema: RegisterField['schema'] }): RegisterField => ({
  kind: 'register',
  policy: latestPolicy,
  schema,
  writes: 'free',
})

function storedItem(name: string, field: SetField | ListField, value: unknown): Json {
  const stored = toStored(name, asRegister(field), value)
  if (stored === undefined) throw new TidemarkError('schema/invalid', `${name}: an item cannot be undefined`)
  return stored
}

function createSet(context: CollectionContext, field: SetField): SetHandle {
  const { name, array, host, check } = context
  const places = (spelling: string): number[] =>
    array.toArray().flatMap((raw, index) => {
      const copy = toJson(raw)
      return copy.ok && canonicalJson(copy.value) === spelling ? [index] : []
    })
  const removeAt = (indices: readonly number[]): void => {
    for (const index of [...indices].reverse()) array.delete(index, 1)
  }
  const put = (stored: Json): void => {
    const replaced = places(canonicalJson(stored))
    array.push([stored])
    removeAt(replaced)
  }
  const drop = (stored: Json): boolean => {
    const found = places(canonicalJson(stored))
    removeAt(found)
    return found.length > 0
  }
  const undoPut = (stored: Json): UndoStep => ({ undo: () => (host.change(() => drop(stored)) ? undoDrop(stored) : null) })
  const undoDrop = (stored: Json): UndoStep => ({
    undo: () => {
      host.change(() => put(stored))
      return undoPut(stored)
    },
  })
  return Object.freeze({
    add: (input: unknown) => {
      const stored = storedItem(name, field, input)
      const now = members(array)
      const isNew = !now.has(canonicalJson(stored))
      if (isNew && now.size >= limits.items) throw new TidemarkError('schema/too-large', `${name} has ${limits.items} items already`)
      check([...now.values(), ...(isNew ? [stored] : [])])
      host.change(() => put(stored))
      if (isNew) host.done(undoPut(stored))
    },
    delete: (value: unknown) => {
      const copy = toJson(value)
      if (!copy.ok || places(canonicalJson(copy.value)).length === 0) return
      const spelling = canonicalJson(copy.value)
      check([...members(array)].flatMap(([key, member]) => (key === spelling ? [] : [member])))
      host.change(() => drop(copy.value))
      host.done(undoDrop(copy.value))
    },
  })
}

function createCounter({ name, array, host, check }: CollectionContext): CounterHandle {
  const addTotal = (amount: number): void => {
    const { clientID } = host.writer.doc
    const n = (totals(array).get(clientID) ?? 0) + amount
    const places = array.toArray().flatMap((raw, index) => (isPlainObject(raw) && raw.c === clientID ? [index] : []))
    array.push([{ c: clientID, n }])
    for (const index of places.reverse()) array.delete(index, 1)
  }
  const undoAdd = (amount: number): UndoStep => ({
    undo: () => {
      host.change(() => addTotal(-amount))
      return undoAdd(-amount)
    },
  })
  return Object.freeze({
    add: (amount: number) => {
      if (!Number.isFinite(amount)) throw new TidemarkError('schema/invalid', `${name}: ${String(amount)} cannot be added`)
      if (amount === 0) return
      check([...totals(array).values()].reduce((sum, total) => sum + total, amount))
      host.change(() => addTotal(amount))
      host.done(undoAdd(amount))
    },
  })
}

function createList({ name, array, host, check, stop }: CollectionContext, field: ListField): ListHandle {
  const change = (run: () => void): void => {
    stop()
    host.change(run)
    stop()
  }
  const insert = (index: number, values: readonly unknown[]): void => {
    const stored = values.map((value) => storedItem(name, field, value))
    if (!Number.isInteger(index) || index < 0 || index > array.length) {
      throw new TidemarkError('schema/invalid', `${name}: there is no place ${index} in ${array.length} items`)
    }
    if (array.length + stored.length > limits.items) throw new TidemarkError('schema/too-large', `${name} takes ${limits.items} items`)
    if (stored.length === 0) return
    check(array.toArray().toSpliced(index, 0, ...stored))
    change(() => array.insert(index, stored))
  }
  return Object.freeze({
    get length() {
      return array.length
    },
    insert,
    push: (...values: readonly unknown[]) => insert(array.length, values),
    delete: (index: number, count = 1) => {
      if (!Number.isInteger(index) || index < 0 || count < 0 || index + count > array.length) {
        throw new TidemarkError('schema/invalid', `${name}: there are no ${count} items from ${index} on`)
      }
      if (count === 0) return
      check(array.toArray().toSpliced(index, count))
      change(() => array.delete(index, count))
    },
    indexOf: (value: unknown) => {
      const copy = toJson(value)
      if (!copy.ok) return -1
      const spelling = canonicalJson(copy.value)
      return array.toArray().findIndex((raw) => {
        const item = toJson(raw)
        return item.ok && canonicalJson(item.value) === spelling
      })
    },
  })
}
