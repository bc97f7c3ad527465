/** What must and must not compile of critical fields; `tsc` is the judge. */
import { expect, expectTypeOf, test } from 'vitest'
import { z } from 'zod'
import {
  type ArbitratedValue,
  arbitrated,
  type Conflict,
  type CriticalValue,
  counter,
  critical,
  defineEntity,
  type EntityPatch,
  type EntityValue,
  latest,
  list,
  merged,
  type ShownPatch,
  setOf,
} from '../src/index.ts'
import { newDoc } from './notation.ts'

const Report = defineEntity('report', {
  version: 1,
  fields: {
    title: latest(z.string()),
    severity: critical(z.enum(['low', 'high'])),
    verdict: critical(z.string(), { provisional: 'latest' }),
    owner: critical(z.string(), { provisional: 'none' }),
    reading: merged(z.number(), (base, values) => Math.max(base ?? 0, ...values)),
    seat: arbitrated(z.string()),
    tags: setOf(z.string()),
    visits: counter(),
    steps: list(z.object({ name: z.string() })),
  },
  invariants: { plain: (r) => r.severity !== 'high' || (r.reading > 0 && r.tags.length > 0 && r.visits >= 0) },
})

test('types follow policies exactly', () => {
  expectTypeOf<EntityValue<typeof Report>>().toEqualTypeOf<{
    readonly title: string
    readonly severity: CriticalValue<'low' | 'high'>
    readonly verdict: string
    readonly owner: string | undefined
    readonly reading: number
    readonly seat: ArbitratedValue<string>
    readonly tags: readonly string[]
    readonly visits: number
    readonly steps: readonly { name: string }[]
  }>()
  expectTypeOf<EntityPatch<typeof Report>>().toEqualTypeOf<{ readonly title?: string; readonly reading?: number; readonly seat?: string }>()
  expectTypeOf<ShownPatch<typeof Report>['severity']>().toEqualTypeOf<'low' | 'high' | undefined>()
  const entity = Report.attach(newDoc())
  expectTypeOf(entity.conflict('severity')).toEqualTypeOf<Conflict<'low' | 'high', 'severity'> | null>()
  expect(entity.conflicts).toEqual([])
})

test('wrong code does not compile', () => {
  const entity = Report.attach(newDoc())
  const wrong = [
    // @ts-expect-error a critical field needs a basis
    () => entity.set({ severity: 'high' }),
    // @ts-expect-error an empty options object is no basis
    () => entity.set({ severity: 'high' }, {}),
    // @ts-expect-error one of two words
    () => entity.edit().set({ severity: 'middle' }),
    // @ts-expect-error a union is no bare value
    () => entity.value.severity === 'high',
    // @ts-expect-error it may be open
    () => entity.value.severity.value,
    // @ts-expect-error nothing is read while it is open
    () => entity.value.owner.length,
    // @ts-expect-error only critical fields have conflicts
    () => entity.conflict('title'),
    // @ts-expect-error only critical fields are withdrawn
    () => entity.edit().withdraw('title'),
    // @ts-expect-error a decision is a value of the field
    () => entity.conflict('severity')?.decide({ value: 'middle' }),
    // @ts-expect-error a choice or a value
    () => entity.conflict('severity')?.decide({}),
    // @ts-expect-error sets are changed through shared
    () => entity.set({ tags: ['a'] }),
    // @ts-expect-error a tag is a string
    () => entity.shared.tags.add(1),
    // @ts-expect-error no such reading
    () => critical(z.string(), { provisional: 'newest' }),
    // @ts-expect-error a merge gives a value of the field
    () => merged(z.number(), () => 'x'),
    // @ts-expect-error an invariant reads declared fields
    () => defineEntity('a', { version: 1, fields: { b: latest(z.string()) }, invariants: { c: (r) => r.nothing } }),
  ]
  expect(wrong).toHaveLength(15)
})
