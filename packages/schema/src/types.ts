/** The types that follow from an entity's fields; nothing here exists at run time. */
import type * as Y from 'yjs'
import type { CounterHandle, ListHandle, SetHandle } from './collection.ts'
import type { Conflict } from './conflict.ts'
import type { Decision } from './decision.ts'
import type { ArbitratedValue, CounterField, Fields, ListField, RegisterField, RichTextField, SetField, TextField } from './field.ts'

type Flat<T> = { [K in keyof T]: T[K] } & {}

type KeyOf<F extends Fields, Kind> = { [K in keyof F]: F[K] extends Kind ? K : never }[keyof F]
// biome-ignore lint/suspicious/noExplicitAny: reason: any register, whatever its validator takes and gives.
type RegisterKey<F extends Fields> = KeyOf<F, RegisterField<any, any, any, any>>
// biome-ignore lint/suspicious/noExplicitAny: reason: as above
type FreeKey<F extends Fields> = KeyOf<F, RegisterField<any, any, any, 'free'>>
// biome-ignore lint/suspicious/noExplicitAny: reason: as above
type CriticalKey<F extends Fields> = KeyOf<F, RegisterField<any, any, any, 'shown'>>
type TextKey<F extends Fields> = KeyOf<F, TextField>
type TextLikeKey<F extends Fields> = KeyOf<F, TextField | RichTextField>
// biome-ignore lint/suspicious/noExplicitAny: reason: as above
type CollectionKey<F extends Fields> = KeyOf<F, SetField<any, any> | CounterField | ListField<any, any>>

type Ends<T> =
  // biome-ignore lint/suspicious/noExplicitAny: reason: as above
  T extends RegisterField<infer I, infer O, infer R, any> ? { readonly input: I; readonly output: O; readonly reads: R } : never
type Input<T> = Ends<T>['input']
type Output<T> = Ends<T>['output']
type Reads<T> = Ends<T>['reads']

type Collected<T> = T extends SetField<infer _I, infer O> ? readonly O[] : T extends ListField<infer _I, infer O> ? readonly O[] : number

type OptionalKey<F extends Fields> = {
  [K in RegisterKey<F>]: undefined extends Input<F[K]> ? K : Reads<F[K]> extends ArbitratedValue<unknown> ? K : never
}[RegisterKey<F>]

/** The fields behind an entity definition, or the fields themselves. */
export type FieldsOf<E> = E extends { readonly fields: infer F extends Fields } ? F : E extends Fields ? E : never

/** What an entity reads as: registers as their policy reads them, sets, counters and lists; without text fields. */
export type EntityValue<E> = Flat<
  { readonly [K in RegisterKey<FieldsOf<E>>]: Reads<FieldsOf<E>[K]> } & {
    readonly [K in CollectionKey<FieldsOf<E>>]: Collected<FieldsOf<E>[K]>
  }
>

/** The bare values that invariants see. */
export type EntityPlain<E> = Flat<
  { readonly [K in RegisterKey<FieldsOf<E>>]: Output<FieldsOf<E>[K]> } & {
    readonly [K in CollectionKey<FieldsOf<E>>]: Collected<FieldsOf<E>[K]>
  }
>

/** What `set` takes without a basis: any of the register fields that are not critical, as the validators take them. */
export type EntityPatch<E> = Flat<{ readonly [K in FreeKey<FieldsOf<E>>]?: Input<FieldsOf<E>[K]> }>

/** What a write takes that says what the person was shown: any of the register fields. */
export type ShownPatch<E> = Flat<{ readonly [K in RegisterKey<FieldsOf<E>>]?: Input<FieldsOf<E>[K]> }>

/** The names of the critical fields. */
export type CriticalName<E> = CriticalKey<FieldsOf<E>> & string

/** A conflict of any critical field, with the types of that field. */
export type EntityConflict<E> = string extends keyof FieldsOf<E>
  ? Conflict
  : { [K in CriticalName<E>]: Conflict<Output<FieldsOf<E>[K]>, K> }[CriticalName<E>]

/** A decision of any critical field, with the types of that field. */
export type EntityDecision<E> = string extends keyof FieldsOf<E>
  ? Decision
  : { [K in CriticalName<E>]: Decision<Output<FieldsOf<E>[K]>, K> }[CriticalName<E>]

/** What `initialise` takes: every field without default, and plain text for `text()` fields. */
export type EntityInit<E> = Flat<
  { readonly [K in Exclude<RegisterKey<FieldsOf<E>>, OptionalKey<FieldsOf<E>>>]: Input<FieldsOf<E>[K]> } & {
    readonly [K in OptionalKey<FieldsOf<E>>]?: Input<FieldsOf<E>[K]>
  } & { readonly [K in TextKey<FieldsOf<E>>]?: string }
>

/** What a row says beside the fields; absent where there is nothing to say. Field names cannot begin with `$`. */
export interface RowMarks {
  /** How many fields are in conflict. */
  readonly $conflicts?: number
  /** How many invariants do not hold. */
  readonly $violations?: number
  /** The entity is deleted; `edited` when somebody went on without knowing. */
  readonly $deleted?: { readonly user: string; readonly at: number; readonly reason: string; readonly edited: boolean }
}

/** The plain projection for lists: the value, the beginning of each text field as plain text, and the marks. */
export type EntityRow<E> = Flat<EntityValue<E> & { readonly [K in TextLikeKey<FieldsOf<E>>]: string } & RowMarks>

type Shared<T> = T extends RichTextField
  ? Y.XmlFragment
  : T extends TextField
    ? Y.Text
    : T extends SetField<infer I, infer O>
      ? SetHandle<I, O>
      : T extends ListField<infer I, infer O>
        ? ListHandle<I, O>
        : CounterHandle

/** What is changed in place: the Yjs types of the text fields, for editor bindings, and the handles of sets, counters and lists. */
export type EntityShared<E> = Flat<{
  readonly [K in TextLikeKey<FieldsOf<E>> | CollectionKey<FieldsOf<E>>]: Shared<FieldsOf<E>[K]>
}>
