/** The guard file: what a relay must know of an app's entities to watch over their entries. */
import type { Fields } from './field.ts'

/** Plain JSON, to be written to a file and given to the relay. */
export interface GuardFile {
  readonly format: 1
  /** By entity type, which is the first part of document names. */
  readonly entities: Readonly<Record<string, { readonly critical: readonly string[]; readonly arbitrated: readonly string[] }>>
}

/** The guard file of an app's entities: their critical fields, and those that only the arbiter answers. */
export function guardFile(entities: readonly { readonly type: string; readonly fields: Fields }[]): GuardFile {
  const namesOf = (fields: Fields, policy: string): string[] =>
    Object.entries(fields).flatMap(([name, field]) => (field.kind === 'register' && field.policy.name === policy ? [name] : []))
  const rows = entities.map(({ type, fields }): [string, GuardFile['entities'][string]] => [
    type,
    { critical: namesOf(fields, 'critical'), arbitrated: namesOf(fields, 'arbitrated') },
  ])
  return { format: 1, entities: Object.fromEntries(rows) }
}
