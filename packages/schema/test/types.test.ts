/** What must and must not compile; `tsc` is the judge, the test below only keeps the file from being empty. */
import { expect, expectTypeOf, test } from 'vitest'
import type * as Y from 'yjs'
import { z } from 'zod'
import {
  defineEntity,
  type EntityDefinition,
  type EntityInit,
  type EntityPatch,
  type EntityRow,
  type EntityShared,
  type EntityValue,
  latest,
  type RowMarks,
  richText,
  text,
} from '../src/index.ts'
import { newDoc } from './notation.ts'

const Report = defineEntity('report', {
  version: 1,
  fields: {
    title: latest(z.string()),
    size: latest(z.number().default(1)),
    note: latest(z.string().optional()),
    level: latest(z.enum(['low', 'high'])),
    body: richText(),
    log: text(),
  },
})

test('types follow the validators exactly', () => {
  type Value = { readonly title: string; readonly size: number; readonly note: string | undefined; readonly level: 'low' | 'high' }
  type Row = Value & { readonly body: string; readonly log: string }
  expectTypeOf<EntityValue<typeof Report>>().toEqualTypeOf<Value>()
  expectTypeOf<EntityPatch<typeof Report>>().toEqualTypeOf<{
    readonly title?: string
    readonly size?: number | undefined
    readonly note?: string | undefined
    readonly level?: 'low' | 'high'
  }>()
  expectTypeOf<EntityInit<typeof Report>>().toEqualTypeOf<{
    readonly title: string
    readonly level: 'low' | 'high'
    readonly size?: number | undefined
    readonly note?: string | undefined
    readonly log?: string
  }>()
  expectTypeOf<EntityRow<typeof Report>>().toEqualTypeOf<{ [K in keyof (Row & RowMarks)]: (Row & RowMarks)[K] }>()
  expectTypeOf<EntityShared<typeof Report>>().toEqualTypeOf<{ readonly body: Y.XmlFragment; readonly log: Y.Text }>()
  const any: EntityDefinition = Report
  const several: readonly EntityDefinition[] = [Report, defineEntity('other', { version: 1, fields: {} })]
  expect([any, several]).toHaveLength(2)
})

test('wrong code does not compile', () => {
  const entity = Report.attach(newDoc())
  const wrong = [
    // @ts-expect-error a title is a string
    () => entity.set({ title: 1 }),
    // @ts-expect-error a required field cannot be cleared
    () => entity.set({ title: undefined }),
    // @ts-expect-error no such field
    () => entity.set({ colour: 'red' }),
    // @ts-expect-error text is changed through shared
    () => entity.set({ body: 'x' }),
    // @ts-expect-error one of two words
    () => entity.set({ level: 'middle' }),
    // @ts-expect-error a value is read-only
    () => void delete entity.value.title,
    // @ts-expect-error text does not stand in the value
    () => entity.value.body,
    // @ts-expect-error a title is required
    () => Report.initialise(newDoc(), { level: 'low' }),
    // @ts-expect-error rich text takes no string
    () => Report.initialise(newDoc(), { title: 'a', level: 'low', body: 'x' }),
    // @ts-expect-error not a validator
    () => latest({ type: 'string' }),
    // @ts-expect-error not a field
    () => defineEntity('a', { version: 1, fields: { a: z.string() } }),
  ]
  expect(wrong).toHaveLength(11)
})
