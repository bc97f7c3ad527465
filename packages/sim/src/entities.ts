/**
 * What is simulated: entities, with values for their fields.
 *
 * Values are found by trial: of a pool of plain values those that the field's validator accepts as they are.
 * An app with validators that refuse the whole pool names its own.
 */
import { type EntityDefinition, entriesName, type Fields } from '@tidemark/schema'
import type { Json } from '@tidemark/store'
import type { Dice } from './dice.ts'

/** Fields that take values, with values that they accept; two or more each. */
export type ValuesByField = ReadonlyMap<string, readonly Json[]>

/** An entity with what people do to it: its fields by what is done with them. */
export interface SimulatedEntity {
  readonly definition: EntityDefinition
  /** Register fields that are set as they are. */
  readonly free: ValuesByField
  /** Register fields that are set through a form. */
  readonly critical: ValuesByField
  /** Register fields in which values are proposed, and the relay answers. */
  readonly arbitrated: ValuesByField
  readonly sets: ValuesByField
  readonly lists: ValuesByField
  readonly counters: readonly string[]
  readonly texts: readonly string[]
  readonly richTexts: readonly string[]
}

/** Values by `type.field`, for fields whose validator accepts none that are found by trial. */
export type FieldValues = Readonly<Record<string, readonly Json[]>>

const pool: readonly Json[] = [
  ...['low', 'high', 'open', 'done', 'yes', 'no', 'a', 'Roof', 'Roof, north', 'wet after rain', 'ändern 漢字 🌊', ''],
  ...[0, 1, 2, 3, 7, 42, -1, 0.5],
  ...[true, false, null],
  ...[[], ['x'], ['x', 'y'], [1, 2]],
  ...[{}, { x: 1 }],
  ...['2026-03-01', '2026-03-02', 'ann@example.org', 'https://example.org/', 'https://example.org/b'],
]

type Declared = Fields[string]
type Valued = Extract<Declared, { readonly schema: unknown }>

const isArbitrated = (field: Valued): boolean => field.kind === 'register' && field.policy.name === 'arbitrated'

export function simulatedEntity(definition: EntityDefinition, named: FieldValues = {}): SimulatedEntity {
  const fields = Object.entries(definition.fields as Fields)
  const names = (kind: Declared['kind']): string[] => fields.filter(([, field]) => field.kind === kind).map(([name]) => name)
  const values = (matches: (field: Valued) => boolean): ValuesByField =>
    new Map(
      fields.flatMap(([name, field]) => {
        if (!('schema' in field) || !matches(field)) return []
        const { schema } = field
        return [[name, (named[`${definition.type}.${name}`] ?? pool).filter((value) => isAccepted(schema, value))] as const]
      }),
    )
  return {
    definition,
    free: values((field) => field.kind === 'register' && field.writes === 'free' && !isArbitrated(field)),
    critical: values((field) => field.kind === 'register' && field.writes === 'shown'),
    arbitrated: values(isArbitrated),
    sets: values((field) => field.kind === 'set'),
    lists: values((field) => field.kind === 'list'),
    counters: names('counter'),
    texts: names('text'),
    richTexts: names('richText'),
  }
}

/** Values for all register fields that must have one, as `create` takes them. */
export function drawInit(entity: SimulatedEntity, dice: Dice): Record<string, Json> {
  return { ...drawFields(entity, entity.free, dice, true), ...drawFields(entity, entity.critical, dice, true) }
}

/** A few of `fields` with values, as `set` takes them; `{}` when there are none. */
export const drawPatch = (entity: SimulatedEntity, fields: ValuesByField, dice: Dice): Record<string, Json> =>
  drawFields(entity, fields, dice, false)

function drawFields(entity: SimulatedEntity, fields: ValuesByField, dice: Dice, isAll: boolean): Record<string, Json> {
  const names = [...fields.keys()]
  if (names.length === 0) return {}
  const first = dice.pick(names)
  const chosen = isAll ? names : names.filter((name) => name === first || dice.chance(0.2))
  return Object.fromEntries(chosen.map((name) => [name, drawValue(entity, fields, name, dice)]))
}

/** @throws {TypeError} when the field accepts fewer than two of its values as they are: nothing could be drawn. */
export function drawValue({ definition }: SimulatedEntity, fields: ValuesByField, name: string, dice: Dice): Json {
  const accepted = fields.get(name) ?? []
  if (accepted.length >= 2) return dice.pick(accepted)
  throw new TypeError(`name values for ${definition.type}.${name}: its validator accepts fewer than two as they are`)
}

interface Validator {
  readonly '~standard': { readonly validate: (value: unknown) => unknown }
}

function isAccepted(schema: Validator, value: Json): boolean {
  const result = schema['~standard'].validate(value)
  if (result instanceof Promise || typeof result !== 'object' || result === null || 'issues' in result) return false
  return JSON.stringify((result as { value?: unknown }).value) === JSON.stringify(value)
}

/** The roots of an entity's document that are compared. */
export const rootsOf = (definition: EntityDefinition): Map<string, 'array' | 'text' | 'xml'> => {
  const roots = new Map<string, 'array' | 'text' | 'xml'>([[entriesName, 'array']])
  for (const [field, { kind }] of Object.entries(definition.fields)) {
    if (kind === 'text') roots.set(field, 'text')
    else if (kind === 'richText') roots.set(field, 'xml')
    else if (kind !== 'register') roots.set(field, 'array')
  }
  return roots
}
