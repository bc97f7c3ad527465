/**
 * The declared parts of an entity: registers with a policy and a validator, collections, and text.
 */

import type { StandardSchemaV1 } from '@standard-schema/spec'
import { TidemarkError } from '@tidemark/base'
import { arbitratedPolicy, type CriticalPolicy, latestPolicy, type Policy, type Provisional } from './policy.ts'
import type { ReferenceTarget } from './reference.ts'

/**
 * A field stored as entries, read by a policy.
 *
 * `Reads` is what it reads as in `value`, `Writes` whether `set` takes it as it is or only with what was shown.
 */
export interface RegisterField<Input = unknown, Output = unknown, Reads = Output, Writes extends 'free' | 'shown' = 'free' | 'shown'> {
  readonly kind: 'register'
  readonly policy: Policy
  readonly schema: StandardSchemaV1<Input, Output>
  readonly writes: Writes
  /** The entity that the value is an id of, for `reference()`. */
  readonly target?: ReferenceTarget
  /** For the type checker only; never there. */
  readonly '~reads'?: Reads
}

/** A field that is a root `Y.Text`. */
export interface TextField {
  readonly kind: 'text'
}

/** A field that is a root `Y.XmlFragment`. */
export interface RichTextField {
  readonly kind: 'richText'
}

/** A field that is a set of values, in a root `Y.Array`. */
export interface SetField<Input = unknown, Output = unknown> {
  readonly kind: 'set'
  readonly schema: StandardSchemaV1<Input, Output>
}

/** A field that counts, in a root `Y.Array`. */
export interface CounterField {
  readonly kind: 'counter'
}

/** A field that is an ordered list of values, a root `Y.Array`. */
export interface ListField<Input = unknown, Output = unknown> {
  readonly kind: 'list'
  readonly schema: StandardSchemaV1<Input, Output>
}

/** Any declared part of an entity. */
export type Field = RegisterField | TextField | RichTextField | SetField | CounterField | ListField

/** The fields of an entity by name. */
export type Fields = Readonly<
  // reason: `any` because a validator's input is contravariant; no other type admits every field with a validator.
  // biome-ignore lint/suspicious/noExplicitAny: see above
  Record<string, RegisterField<any, any, any, any> | TextField | RichTextField | SetField<any, any> | CounterField | ListField<any, any>>
>

type In<S extends StandardSchemaV1> = StandardSchemaV1.InferInput<S>
type Out<S extends StandardSchemaV1> = StandardSchemaV1.InferOutput<S>

/**
 * A field of which the latest write wins: causal order first, the stamp only between writes that did not know of each other.
 *
 * `schema` is any synchronous validator that implements Standard Schema. What is stored is its output, which must be
 * plain JSON that it accepts again as it is. Defaults are applied when reading and never written. A field without
 * default or `.optional()` is required at create.
 *
 * @throws {TidemarkError} `schema/definition` when `schema` is no Standard Schema.
 */
export const latest = <S extends StandardSchemaV1>(schema: S): RegisterField<In<S>, Out<S>, Out<S>, 'free'> =>
  register('latest', schema, latestPolicy, 'free')

/**
 * A field of which a pure function makes one value out of several that were set independently.
 *
 * `merge` gets the value that they were based on (`undefined` when there was none) and the values, each once and in the
 * same order on every replica. It must be pure, and need not care for order only if it gives the same for any. What it
 * gives is validated like a stored value; if it throws or does not fit, the latest value is read and the field reported.
 *
 * @throws {TidemarkError} `schema/definition` when `schema` is no Standard Schema or `merge` no function.
 */
export function merged<S extends StandardSchemaV1>(
  schema: S,
  merge: (base: Out<S> | undefined, values: readonly Out<S>[]) => Out<S>,
): RegisterField<In<S>, Out<S>, Out<S>, 'free'> {
  if (typeof merge !== 'function') throw new TidemarkError('schema/definition', 'merged() takes a validator and a function')
  const policy: Policy = Object.freeze({ name: 'merged', merge: merge as (base: unknown, values: readonly unknown[]) => unknown })
  return register('merged', schema, policy, 'free')
}

/** What a critical field without provisional reading reads as: a value only when it is one. */
export type CriticalValue<T> =
  | { readonly status: 'settled'; readonly value: T }
  | { readonly status: 'conflict'; readonly values: readonly T[] }
  /** Nothing that fits is stored yet; `invalid` says why. */
  | { readonly status: 'invalid' }

/** How a critical field reads while it is open, and which values count as several. */
export interface CriticalOptions<P extends Provisional = Provisional> {
  /**
   * What is read while the field is in conflict: the `latest` candidate, the `base` that they were set on, or `none`.
   * Without this option a reader gets `CriticalValue` and cannot take an open value for a settled one.
   */
  readonly provisional?: P
  /** `latest`: of several values that one signed-in user set on several devices, only that user's latest is a candidate. */
  readonly sameAuthor?: 'latest'
  /** Equal values that were set independently are a conflict too, as for approvals that must be counted. */
  readonly equalIsConflict?: boolean
}

/**
 * A field in which no value is lost silently: values that were set independently stand side by side until a person decides.
 *
 * It is set through `entity.edit()`, or with an explicit basis, so that a write supersedes what the person was shown and
 * nothing else. A value takes at most `limits.criticalBytes`.
 *
 * @throws {TidemarkError} `schema/definition` when `schema` is no Standard Schema.
 */
export function critical<S extends StandardSchemaV1>(
  schema: S,
  options: CriticalOptions<'latest' | 'base'> & { readonly provisional: 'latest' | 'base' },
): RegisterField<In<S>, Out<S>, Out<S>, 'shown'>
export function critical<S extends StandardSchemaV1>(
  schema: S,
  options: CriticalOptions<'none'> & { readonly provisional: 'none' },
): RegisterField<In<S>, Out<S>, Out<S> | undefined, 'shown'>
export function critical<S extends StandardSchemaV1>(
  schema: S,
  options?: Omit<CriticalOptions, 'provisional'>,
): RegisterField<In<S>, Out<S>, CriticalValue<Out<S>>, 'shown'>
export function critical<S extends StandardSchemaV1>(
  schema: S,
  options: CriticalOptions = {},
): RegisterField<In<S>, Out<S>, unknown, 'shown'> {
  const { provisional = null, sameAuthor = null, equalIsConflict = false } = options
  if (![null, 'latest', 'base', 'none'].includes(provisional) || ![null, 'latest'].includes(sameAuthor)) {
    throw new TidemarkError('schema/definition', "critical() knows provisional: 'latest', 'base' or 'none', and sameAuthor: 'latest'")
  }
  const policy: CriticalPolicy = Object.freeze({ name: 'critical', provisional, sameAuthor, equalIsConflict })
  return register('critical', schema, policy, 'shown')
}

/** What an arbitrated field reads as. */
export interface ArbitratedValue<T> {
  /** `proposed` while an intent waits, `refused` when the last was not taken, `unset` before the first was accepted. */
  readonly status: 'unset' | 'settled' | 'proposed' | 'refused'
  /** What was accepted last: the only value that holds. */
  readonly value: T | undefined
  /** The intents that wait for an answer, in order. */
  readonly proposed: readonly { readonly id: string; readonly value: T | undefined; readonly user: string; readonly at: number }[]
  /** The intents that were refused since, with the arbiter's reason. */
  readonly refused: readonly {
    readonly id: string
    readonly value: T | undefined
    readonly user: string
    readonly at: number
    readonly reason: string
  }[]
}

/**
 * A field in which optimism is unsafe: `set` proposes, and one arbiter (the relay) accepts or refuses.
 *
 * For what must be unique, paid, sent or limited. Until the answer is here, readers get `proposed` and the value that
 * holds. A value takes at most `limits.criticalBytes`.
 *
 * @throws {TidemarkError} `schema/definition` when `schema` is no Standard Schema.
 */
export const arbitrated = <S extends StandardSchemaV1>(schema: S): RegisterField<In<S>, Out<S>, ArbitratedValue<Out<S>>, 'free'> =>
  register('arbitrated', schema, arbitratedPolicy, 'free')

/**
 * A set of values, where adding and removing are done through `shared`: an add wins over a removal that did not know of it.
 *
 * @throws {TidemarkError} `schema/definition` when `schema` is no Standard Schema.
 */
export const setOf = <S extends StandardSchemaV1>(schema: S): SetField<In<S>, Out<S>> =>
  Object.freeze({ kind: 'set', schema: checkSchema('setOf', schema) as StandardSchemaV1<In<S>, Out<S>> })

/** A number that several people add to at once; what each adds counts exactly once. */
export const counter = (): CounterField => Object.freeze({ kind: 'counter' })

/**
 * An ordered list of values, changed through `shared`.
 *
 * @throws {TidemarkError} `schema/definition` when `schema` is no Standard Schema.
 */
export const list = <S extends StandardSchemaV1>(schema: S): ListField<In<S>, Out<S>> =>
  Object.freeze({ kind: 'list', schema: checkSchema('list', schema) as StandardSchemaV1<In<S>, Out<S>> })

/**
 * Plain text that several people can write at once: a root `Y.Text`.
 *
 * Positions count UTF-16 units. Keep `insert`, `delete` and `format` off the middle of a surrogate pair, as editors do: Yjs
 * shows the halves as U+FFFD, and a `format` that ends there and changes nothing does so on its own replica alone.
 */
export const text = (): TextField => Object.freeze({ kind: 'text' })

/**
 * Formatted text that several people can write at once: a root `Y.XmlFragment`, for ProseMirror, Tiptap and the like.
 *
 * For positions see `text`.
 */
export const richText = (): RichTextField => Object.freeze({ kind: 'richText' })

function register<S extends StandardSchemaV1, Reads, Writes extends 'free' | 'shown'>(
  name: string,
  schema: S,
  policy: Policy,
  writes: Writes,
): RegisterField<In<S>, Out<S>, Reads, Writes> {
  // reason: StandardSchemaV1<In, Out> is what `schema` is; TypeScript does not see through the conditional types.
  return Object.freeze({ kind: 'register', policy, schema: checkSchema(name, schema) as StandardSchemaV1<In<S>, Out<S>>, writes })
}

function checkSchema(name: string, schema: StandardSchemaV1): StandardSchemaV1 {
  const standard: unknown = (schema as Partial<StandardSchemaV1> | null | undefined)?.['~standard']
  if (typeof (standard as Partial<StandardSchemaV1.Props> | undefined)?.validate !== 'function') {
    throw new TidemarkError('schema/definition', `${name}() takes a validator that implements Standard Schema, such as z.string()`)
  }
  return schema
}
