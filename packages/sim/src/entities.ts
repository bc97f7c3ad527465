/**
 * What is simulated: entities, with values for their fields.
 *
 * Values are found by trial: of a pool of plain values those that the field's validator accepts as they are.
 * An app with validators that refuse the whole pool names its own.
 */
import { defineEntity, type EntityDefinition, entriesName, type Fields, latest, richText, text } from '@tidemark/schema'
import type { Json } from '@tidemark/store'
import type { Dice } from './dice.ts'

/** An entity with what people do to it. */
export interface SimulatedEntity {
  readonly definition: EntityDefinition
  /** Register fields with values that they accept; two or more each. */
  readonly values: ReadonlyMap<string, readonly Json[]>
  readonly texts: readonly string[]
  readonly richTexts: readonly string[]
}

/** Values by `type.field`, for fields whose validator accepts none that are found by trial. */
export type FieldValues = Readonly<Record<string, readonly Json[]>>

const pool: readonly Json[] = [
  ...['low', 'high', 'open', 'done', 'a', 'Roof', 'Roof, north', 'wet after rain', 'ändern 漢字 🌊', ''],
  ...[0, 1, 2, 3, 7, 42, -1, 0.5],
  ...[true, false, null],
  ...[[], ['x'], ['x', 'y'], [1, 2]],
  ...[{}, { x: 1 }],
  ...['2026-03-01', '2026-03-02', 'ann@example.org', 'https://example.org/', 'https://example.org/b'],
]

export function simulatedEntity(definition: EntityDefinition, named: FieldValues = {}): SimulatedEntity {
  const values = new Map<string, readonly Json[]>()
  for (const [field, declared] of Object.entries(definition.fields as Fields)) {
    if (declared.kind !== 'register') continue
    const own = (named[`${definition.type}.${field}`] ?? pool).filter((value) => isAccepted(declared.schema, value))
    values.set(field, own)
  }
  const ofKind = (kind: 'text' | 'richText'): string[] =>
    Object.entries(definition.fields)
      .filter(([, field]) => field.kind === kind)
      .map(([field]) => field)
  return { definition, values, texts: ofKind('text'), richTexts: ofKind('richText') }
}

/**
 * A few fields with values, as `set` takes them; all of them for `create`.
 *
 * @throws {TypeError} when a field accepts fewer than two of its values as they are: nothing could be drawn.
 */
export function drawPatch(entity: SimulatedEntity, dice: Dice, isAll: boolean): Record<string, Json> {
  const fields = [...entity.values.keys()]
  if (fields.length === 0) return {}
  const first = dice.pick(fields)
  const chosen = isAll ? fields : fields.filter((field) => field === first || dice.chance(0.2))
  return Object.fromEntries(chosen.map((field) => [field, dice.pick(valuesOf(entity, field))]))
}

function valuesOf({ definition, values }: SimulatedEntity, field: string): readonly Json[] {
  const accepted = values.get(field) ?? []
  if (accepted.length >= 2) return accepted
  throw new TypeError(`name values for ${definition.type}.${field}: its validator accepts fewer than two as they are`)
}

interface Validator {
  readonly '~standard': { readonly validate: (value: unknown) => unknown }
}

function isAccepted(schema: Validator, value: Json): boolean {
  const result = schema['~standard'].validate(value)
  if (result instanceof Promise || typeof result !== 'object' || result === null || 'issues' in result) return false
  return JSON.stringify((result as { value?: unknown }).value) === JSON.stringify(value)
}

const accepts = <T extends Json>(test: (value: unknown) => boolean) => ({
  '~standard': {
    version: 1 as const,
    vendor: 'tidemark-sim',
    validate: (value: unknown) => (test(value) ? { value: value as T } : { issues: [{ message: 'not a value of this field' }] }),
  },
})

/** What is simulated when nothing else is named: registers, plain text and rich text. */
export const SimReport = defineEntity('report', {
  version: 1,
  fields: {
    title: latest(accepts<string>((value) => typeof value === 'string' && value.length <= 200)),
    severity: latest(accepts<string>((value) => value === 'low' || value === 'high')),
    reading: latest(accepts<number>((value) => typeof value === 'number')),
    notes: text(),
    body: richText(),
  },
})

/** The roots of an entity's document that are compared. */
export const rootsOf = (definition: EntityDefinition): Map<string, 'array' | 'text' | 'xml'> => {
  const roots = new Map<string, 'array' | 'text' | 'xml'>([[entriesName, 'array']])
  for (const [field, { kind }] of Object.entries(definition.fields)) {
    if (kind === 'text') roots.set(field, 'text')
    if (kind === 'richText') roots.set(field, 'xml')
  }
  return roots
}
