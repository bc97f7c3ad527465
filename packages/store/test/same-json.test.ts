import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Json } from '../src/local-store.ts'
import { sameJson } from '../src/same-json.ts'

const json = fc.jsonValue() as fc.Arbitrary<Json>

test('a value is the same JSON as its copy, whatever the order of its keys', () => {
  const reversed = (value: Json): Json => {
    if (Array.isArray(value)) return value.map(reversed)
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(
      Object.entries(value)
        .map(([key, inner]) => [key, reversed(inner)] as const)
        .reverse(),
    )
  }
  fc.assert(fc.property(json, (value) => sameJson(value, reversed(value))))
})

test.each<[Json, Json]>([
  [null, 0],
  [0, false],
  ['', null],
  [[], {}],
  [{ a: 1 }, { b: 1 }],
  [{ a: 1 }, { a: 1, b: 2 }],
  [
    [1, 2],
    [2, 1],
  ],
  [{ a: null }, {}],
])('%j and %j are not the same', (a, b) => expect(sameJson(a, b) || sameJson(b, a)).toBe(false))
