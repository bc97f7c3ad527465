/**
 * Runs the validators of an app around what is stored.
 *
 * Invariants
 * 1. What `toStored` returns is plain JSON that the validator accepts again and leaves as it is.
 * 2. Reading never throws: a validator that fails, throws or answers with a promise makes the value invalid.
 */

import type { StandardSchemaV1 } from '@standard-schema/spec'
import { TidemarkError } from '@tidemark/base'
import type { RegisterField } from './field.ts'
import { canonicalJson, type Json, toJson, utf8Bytes } from './json.ts'
import { limits } from './limits.ts'

/** What came of running a validator. */
export type Validation =
  | { readonly type: 'valid'; readonly value: unknown }
  | { readonly type: 'invalid'; readonly path: string; readonly message: string; readonly cause?: unknown }
  | { readonly type: 'asynchronous' }

/** Runs `schema` over `value`; whatever it does becomes a result. */
export function validate(schema: StandardSchemaV1, value: unknown): Validation {
  try {
    const result = schema['~standard'].validate(value)
    if (result instanceof Promise) {
      // reason: we refuse promises, so this one has no other taker, and its rejection would count as unhandled.
      result.catch(() => undefined)
      return { type: 'asynchronous' }
    }
    if (result.issues === undefined) return { type: 'valid', value: result.value }
    const [issue] = result.issues
    return { type: 'invalid', path: issuePath(issue), message: issue?.message ?? 'is refused by its validator' }
  } catch (error) {
    return { type: 'invalid', path: '', message: `the validator threw: ${String(error)}`, cause: error }
  }
}

function issuePath(issue: StandardSchemaV1.Issue | undefined): string {
  const keys = (issue?.path ?? []).map((part) => (typeof part === 'object' ? part.key : part))
  return keys.map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('')
}

/**
 * What is stored when `input` is set: JSON, or `undefined` when the field is cleared.
 *
 * @throws {TidemarkError} `schema/invalid` when the validator or the size limit refuses it, `schema/too-large` when it is
 * over the limit of a critical or arbitrated field, `schema/unstable` when its output is not plain JSON or not accepted as it is, `schema/definition` when the validator is asynchronous.
 */
export function toStored(name: string, field: RegisterField, input: unknown): Json | undefined {
  const output = accepted(name, field, input)
  if (input === undefined || output === undefined) {
    if (input !== undefined) accepted(name, field, undefined)
    return undefined
  }
  const copy = toJson(output)
  if (!copy.ok) throw new TidemarkError('schema/unstable', `${name}${copy.path}: the validated value ${copy.reason}`)
  checkSize(name, field, copy.value)
  const again = validate(field.schema, copy.value)
  if (again.type !== 'valid') {
    const reason = again.type === 'invalid' ? `${again.path}: ${again.message}` : ': the validator is asynchronous'
    throw new TidemarkError('schema/unstable', `${name}: the validated value is not valid again${reason}`)
  }
  if (!isSame(again.value, copy.value)) {
    throw new TidemarkError('schema/unstable', `${name}: validating the validated value changes it`)
  }
  return copy.value
}

/** @throws {TidemarkError} `schema/too-large`, `schema/invalid` */
function checkSize(name: string, field: RegisterField, value: Json): void {
  // Most values are short, or no text at all; a character takes six bytes at most.
  if (!isObject(value) && String(value).length * 6 + 2 <= limits.criticalBytes) return
  const bytes = utf8Bytes(canonicalJson(value))
  if (bytes > limits.criticalBytes && isWeighty(field)) {
    throw new TidemarkError('schema/too-large', `${name}: the value has ${bytes} bytes, more than ${limits.criticalBytes}`)
  }
  if (bytes > limits.valueBytes) {
    throw new TidemarkError('schema/invalid', `${name}: the value has ${bytes} bytes, more than ${limits.valueBytes}`)
  }
}

function isSame(output: unknown, stored: Json): boolean {
  if (output === stored) return true
  const copy = toJson(output)
  return copy.ok && canonicalJson(copy.value) === canonicalJson(stored)
}

const isObject = (value: Json): boolean => typeof value === 'object' && value !== null

/** Whether conflicts and answers keep every value of the field. */
const isWeighty = ({ policy }: RegisterField): boolean => policy.name === 'critical' || policy.name === 'arbitrated'

function accepted(name: string, field: RegisterField, input: unknown): unknown {
  const result = validate(field.schema, input)
  if (result.type === 'valid') return result.value
  if (result.type === 'asynchronous') {
    throw new TidemarkError('schema/definition', `${name}: validators must be synchronous, this one answered with a promise`)
  }
  throw new TidemarkError('schema/invalid', `${name}${result.path}: ${result.message}`, { cause: result.cause })
}
