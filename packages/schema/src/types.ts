/** The types that follow from an entity's fields; nothing here exists at run time. */
import type * as Y from 'yjs'
import type { Fields, RegisterField, RichTextField, TextField } from './field.ts'

type Flat<T> = { [K in keyof T]: T[K] } & {}

type RegisterKey<F extends Fields> = { [K in keyof F]: F[K] extends RegisterField ? K : never }[keyof F]
type TextKey<F extends Fields> = { [K in keyof F]: F[K] extends TextField ? K : never }[keyof F]
type SharedKey<F extends Fields> = { [K in keyof F]: F[K] extends TextField | RichTextField ? K : never }[keyof F]

type Ends<T> = T extends RegisterField<infer I, infer O> ? { readonly input: I; readonly output: O } : never
type Input<T> = Ends<T>['input']
type Output<T> = Ends<T>['output']

type OptionalKey<F extends Fields> = { [K in RegisterKey<F>]: undefined extends Input<F[K]> ? K : never }[RegisterKey<F>]

/** The fields behind an entity definition, or the fields themselves. */
export type FieldsOf<E> = E extends { readonly fields: infer F extends Fields } ? F : E extends Fields ? E : never

/** What an entity reads as: the outputs of its validators, without text fields. */
export type EntityValue<E> = Flat<{ readonly [K in RegisterKey<FieldsOf<E>>]: Output<FieldsOf<E>[K]> }>

/** What `set` takes: any of the register fields, as the validators take them. */
export type EntityPatch<E> = Flat<{ readonly [K in RegisterKey<FieldsOf<E>>]?: Input<FieldsOf<E>[K]> }>

/** What `initialise` takes: every field without default, and plain text for `text()` fields. */
export type EntityInit<E> = Flat<
  { readonly [K in Exclude<RegisterKey<FieldsOf<E>>, OptionalKey<FieldsOf<E>>>]: Input<FieldsOf<E>[K]> } & {
    readonly [K in OptionalKey<FieldsOf<E>>]?: Input<FieldsOf<E>[K]>
  } & { readonly [K in TextKey<FieldsOf<E>>]?: string }
>

/** The plain projection for lists: the value, and the beginning of each text field as plain text. */
export type EntityRow<E> = Flat<EntityValue<E> & { readonly [K in SharedKey<FieldsOf<E>>]: string }>

/** The Yjs types of the text fields, for editor bindings. */
export type EntityShared<E> = Flat<{
  readonly [K in SharedKey<FieldsOf<E>>]: FieldsOf<E>[K] extends RichTextField ? Y.XmlFragment : Y.Text
}>
