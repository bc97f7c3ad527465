/** The guard file: what a relay must know of an app's entities to watch over their entries. */
import { TidemarkError } from '@tidemark/base'
import type { Fields } from './field.ts'
import { isPlainObject } from './json.ts'
import type { Policy } from './policy.ts'

/** Plain JSON, to be written to a file and given to the relay. */
export interface GuardFile {
  readonly format: 1
  /** By entity type, which is the first part of document names. */
  readonly entities: Readonly<Record<string, GuardRules>>
}

/** The fields of one entity that are watched over. */
export interface GuardRules {
  readonly critical: readonly string[]
  readonly arbitrated: readonly string[]
  /** Of the critical ones those in which only the latest stands of what one user set; none in files that do not say. */
  readonly latestOfAuthor?: readonly string[]
}

/** The guard file of an app's entities: their critical fields, and those that only the arbiter answers. */
export function guardFile(entities: readonly { readonly type: string; readonly fields: Fields }[]): GuardFile {
  const namesOf = (fields: Fields, is: (policy: Policy) => boolean): string[] =>
    Object.entries(fields).flatMap(([name, field]) => (field.kind === 'register' && is(field.policy) ? [name] : []))
  const rows = entities.map(({ type, fields }): [string, GuardRules] => {
    const latestOfAuthor = namesOf(fields, (policy) => policy.name === 'critical' && policy.sameAuthor === 'latest')
    const critical = namesOf(fields, ({ name }) => name === 'critical')
    const arbitrated = namesOf(fields, ({ name }) => name === 'arbitrated')
    return [type, { critical, arbitrated, ...(latestOfAuthor.length === 0 ? {} : { latestOfAuthor }) }]
  })
  return { format: 1, entities: Object.fromEntries(rows) }
}

/** @throws {TidemarkError} `schema/definition` when `value` is no guard file of this format. */
export function parseGuardFile(value: unknown): GuardFile {
  const { format, entities } = isPlainObject(value) ? value : {}
  if (format !== 1) throw new TidemarkError('schema/definition', `a guard file has format 1, not ${JSON.stringify(format)}`)
  if (!isPlainObject(entities)) throw new TidemarkError('schema/definition', 'a guard file has its entities by type')
  const rows = Object.entries(entities).map(([type, rules]): [string, GuardRules] => {
    const { critical, arbitrated, latestOfAuthor = [] } = isPlainObject(rules) ? rules : {}
    if (isNames(critical) && isNames(arbitrated) && isNames(latestOfAuthor)) return [type, { critical, arbitrated, latestOfAuthor }]
    throw new TidemarkError('schema/definition', `the entity ${type} of a guard file has its critical and its arbitrated fields`)
  })
  return { format, entities: Object.fromEntries(rows) }
}

const isNames = (value: unknown): value is readonly string[] => Array.isArray(value) && value.every((name) => typeof name === 'string')
