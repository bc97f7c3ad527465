import fc from 'fast-check'
import { expect, test } from 'vitest'
import { canonicalJson } from '../src/canonical-json.ts'
import type { Json } from '../src/stored.ts'

const json = fc.jsonValue() as fc.Arbitrary<Json>

test('a value has the spelling of its copy, whatever the order of its keys, and is read back from it', () => {
  const reversed = (value: Json): Json => {
    if (Array.isArray(value)) return value.map(reversed)
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(
      Object.entries(value)
        .map(([key, inner]) => [key, reversed(inner)] as const)
        .reverse(),
    )
  }
  fc.assert(
    fc.property(json, (value) => {
      expect(canonicalJson(reversed(value))).toBe(canonicalJson(value))
      expect(JSON.stringify(JSON.parse(canonicalJson(value)))).toHaveLength(JSON.stringify(value).length)
    }),
  )
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
])('%j and %j are spelt apart', (a, b) => expect(canonicalJson(a)).not.toBe(canonicalJson(b)))
