/**
 * The declared parts of an entity: registers with a policy and a validator, and text.
 */

import type { StandardSchemaV1 } from '@standard-schema/spec'
import { TidemarkError } from '@tidemark/base'
import { latestPolicy, type Policy } from './policy.ts'

/** A field stored as entries, read by a policy. */
export interface RegisterField<Input = unknown, Output = unknown> {
  readonly kind: 'register'
  readonly policy: Policy
  readonly schema: StandardSchemaV1<Input, Output>
}

/** A field that is a root `Y.Text`. */
export interface TextField {
  readonly kind: 'text'
}

/** A field that is a root `Y.XmlFragment`. */
export interface RichTextField {
  readonly kind: 'richText'
}

export type Field = RegisterField | TextField | RichTextField

/** The fields of an entity by name. */
// reason: `any` because a validator's input is contravariant; no other type admits every register field.
// biome-ignore lint/suspicious/noExplicitAny: see above
export type Fields = Readonly<Record<string, RegisterField<any, any> | TextField | RichTextField>>

/**
 * A field of which the latest write wins: causal order first, the stamp only between writes that did not know of each other.
 *
 * `schema` is any synchronous validator that implements Standard Schema. What is stored is its output, which must be
 * plain JSON that it accepts again as it is. Defaults are applied when reading and never written. A field without
 * default or `.optional()` is required at create.
 *
 * @throws {TidemarkError} `schema/definition` when `schema` is no Standard Schema.
 */
export function latest<Schema extends StandardSchemaV1>(
  schema: Schema,
): RegisterField<StandardSchemaV1.InferInput<Schema>, StandardSchemaV1.InferOutput<Schema>> {
  const standard: unknown = (schema as Partial<StandardSchemaV1> | null | undefined)?.['~standard']
  if (typeof (standard as Partial<StandardSchemaV1.Props> | undefined)?.validate !== 'function') {
    throw new TidemarkError('schema/definition', 'latest() takes a validator that implements Standard Schema, such as z.string()')
  }
  return Object.freeze({ kind: 'register', policy: latestPolicy, schema }) as ReturnType<typeof latest<Schema>>
}

/** Plain text that several people can write at once: a root `Y.Text`. */
export const text = (): TextField => Object.freeze({ kind: 'text' })

/** Formatted text that several people can write at once: a root `Y.XmlFragment`, for ProseMirror, Tiptap and the like. */
export const richText = (): RichTextField => Object.freeze({ kind: 'richText' })
