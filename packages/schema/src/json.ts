/**
 * Plain JSON: what a field may hold, and the one spelling in which two values are compared.
 *
 * Why it exists: Yjs stores by reference and encodes more than JSON, not always back to what it was
 * (`undefined`, half surrogate pairs, the key `__proto__`); what is stored must read the same on every replica.
 *
 * Invariants
 * 1. `toJson` shares nothing with its argument.
 * 2. Equal values have equal canonical text: keys sorted, no spaces, -0 written as 0.
 */
import { limits } from './limits.ts'

/** A value that reads the same on every replica. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/** A copy as plain JSON, or where and why the value is none. */
export type JsonCopy = { readonly ok: true; readonly value: Json } | { readonly ok: false; readonly path: string; readonly reason: string }

/** Copies `value` as plain JSON; properties that are `undefined` are left out. */
export function toJson(value: unknown): JsonCopy {
  try {
    return { ok: true, value: copy(value, '', 0) }
  } catch (error) {
    if (error instanceof NotJson) return { ok: false, path: error.path, reason: error.reason }
    // reason: a getter or proxy of the caller's value threw; for us that is just not plain JSON.
    return { ok: false, path: '', reason: `cannot be read (${String(error)})` }
  }
}

class NotJson {
  readonly path: string
  readonly reason: string

  constructor(path: string, reason: string) {
    this.path = path
    this.reason = reason
  }
}

function copy(value: unknown, path: string, depth: number): Json {
  if (value === null || typeof value === 'boolean') return value
  if (typeof value === 'string') {
    if (!value.isWellFormed()) throw new NotJson(path, 'holds half of a surrogate pair')
    return value
  }
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new NotJson(path, `is ${value}`)
    return value === 0 ? 0 : value
  }
  if (typeof value !== 'object') throw new NotJson(path, `is of type ${typeof value}`)
  if (depth >= limits.valueDepth) throw new NotJson(path, `is nested deeper than ${limits.valueDepth}`)
  return Array.isArray(value) ? copyArray(value, path, depth) : copyObject(value, path, depth)
}

function copyArray(value: readonly unknown[], path: string, depth: number): Json {
  const items: Json[] = []
  for (let index = 0; index < value.length; index++) items.push(copy(value[index], `${path}[${index}]`, depth + 1))
  return items
}

function copyObject(value: object, path: string, depth: number): Json {
  if (!isPlainObject(value)) throw new NotJson(path, `is ${className(value)}`)
  const properties: Record<string, Json> = {}
  for (const [key, item] of Object.entries(value)) {
    if (key === '__proto__' || !key.isWellFormed()) throw new NotJson(path, `has the key ${JSON.stringify(key)}`)
    if (item !== undefined) properties[key] = copy(item, `${path}.${key}`, depth + 1)
  }
  return properties
}

const className = (value: object): string => `a ${(value.constructor as { name?: string } | undefined)?.name ?? 'special object'}`

/** Whether `value` is an object without a class of its own. */
export function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/** The one spelling of `value`, for comparison and for its size. */
export function canonicalJson(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const properties = value as Readonly<Record<string, Json>>
  const keys = Object.keys(properties).sort()
  return `{${keys.map((key) => `${JSON.stringify(key)}:${canonicalJson(properties[key] as Json)}`).join(',')}}`
}

/** The size of `text` in UTF-8. */
export function utf8Bytes(text: string): number {
  let bytes = 0
  for (const character of text) {
    const point = character.codePointAt(0) as number
    bytes += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4
  }
  return bytes
}

/** Freezes plain arrays and objects all the way down and returns `value`. */
export function deepFreeze<T>(value: T, depth = 0): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value) || depth > limits.valueDepth) return value
  for (const item of Object.values(value)) deepFreeze(item, depth + 1)
  return Object.freeze(value)
}
