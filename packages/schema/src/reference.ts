/**
 * References: what has become of the entities that a `reference()` field names.
 *
 * This package opens no documents; the app says where they are by `lookup`. A space of `@tidemark/client` does so by
 * itself, from the documents in memory and the rows of the others.
 */
import type { StandardSchemaV1 } from '@standard-schema/spec'
import { TidemarkError } from '@tidemark/base'
import * as Y from 'yjs'
import type { RegisterField } from './field.ts'
import type { Readings, ReadPlan } from './field-reading.ts'
import type { Life } from './life.ts'
import { latestPolicy } from './policy.ts'
import type { WriteOptions } from './writing.ts'

/** The part of a definition that a reference to it needs. */
export interface ReferenceTarget {
  readonly type: string
  life(doc: Y.Doc): Life
  restore(doc: Y.Doc, options?: WriteOptions): void
}

/** Who deleted an entity, when by that device's clock, in milliseconds since 1970, and why; empty without a reason. */
export interface Deletion {
  readonly user: string
  readonly at: number
  readonly reason: string
}

/** What an app knows of an entity whose document is not at hand. */
export interface KnownTarget {
  /** `null` when it is alive. */
  readonly deleted: Deletion | null
  /** Takes the deletion back. */
  restore(): void
}

/**
 * Finds an entity: its document, or what is known of it; `undefined` when this device has none, `null` when that is not
 * known yet.
 */
export type Lookup = (type: string, id: string) => Y.Doc | KnownTarget | undefined | null

/** What a reference points at. */
export interface ReferenceView {
  readonly field: string
  readonly type: string
  readonly id: string
  /** `absent`: this device has no such document; it may still exist elsewhere. `unknown`: not looked up, or not yet. */
  readonly status: 'present' | 'deleted' | 'absent' | 'unknown'
  /** Who deleted it, when and why. */
  readonly deleted: Deletion | null
  /** Restores a deleted target. @throws {TidemarkError} `client/not-found` when this device has no such document. */
  restore(): void
}

const idPattern = /^[A-Za-z0-9_-]{1,128}$/

const idSchema: StandardSchemaV1<string | null | undefined, string | null> = {
  '~standard': {
    version: 1,
    vendor: 'tidemark',
    validate: (value) => {
      if (value === undefined || value === null) return { value: null }
      return typeof value === 'string' && idPattern.test(value) ? { value } : { issues: [{ message: 'is not the id of a document' }] }
    },
  },
}

/**
 * A field with the id of another entity, or `null`; the latest write wins. `entity.references` says what has become of it.
 *
 * @throws {TidemarkError} `schema/definition` when `target` is no entity.
 */
export function reference(target: ReferenceTarget): RegisterField<string | null | undefined, string | null, string | null, 'free'> {
  if (typeof target?.type !== 'string' || typeof target.life !== 'function') {
    throw new TidemarkError('schema/definition', 'reference() takes an entity')
  }
  return Object.freeze({ kind: 'register', policy: latestPolicy, schema: idSchema, writes: 'free', target })
}

/** The references of an entity as its fields read now. */
export function readReferences(
  plan: ReadPlan,
  readings: Readings,
  lookup: Lookup | undefined,
  options: WriteOptions,
): readonly ReferenceView[] {
  const views: ReferenceView[] = []
  for (const [field, planned] of plan) {
    const { target } = planned.field
    const id = readings.get(field)?.plain
    if (target !== undefined && typeof id === 'string') views.push(viewOf(field, target, id, lookup, options))
  }
  return Object.freeze(views)
}

function viewOf(field: string, target: ReferenceTarget, id: string, lookup: Lookup | undefined, options: WriteOptions): ReferenceView {
  const { type } = target
  const find = (): KnownTarget | undefined | null => {
    const found = lookup === undefined ? null : lookup(type, id)
    return found instanceof Y.Doc ? targetIn(found, target, options) : found
  }
  const restore = (): void => {
    const now = find()
    if (!now) throw new TidemarkError('client/not-found', `${type}/${id} is not on this device`)
    now.restore()
  }
  const known = find()
  const missing = known === null ? 'unknown' : 'absent'
  const status = known ? (known.deleted === null ? 'present' : 'deleted') : missing
  return Object.freeze({ field, type, id, status, deleted: known?.deleted ?? null, restore })
}

function targetIn(doc: Y.Doc, target: ReferenceTarget, options: WriteOptions): KnownTarget {
  const life = target.life(doc)
  const deleted = life.status === 'alive' ? null : Object.freeze({ user: life.user, at: life.at, reason: life.reason })
  return { deleted, restore: () => target.restore(doc, options) }
}
