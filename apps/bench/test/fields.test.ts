import { describe, expect, test } from 'vitest'
import { criticalField, measure, plainMap } from '../src/fields.ts'

describe('the fields bench', () => {
  test('sets what it says, and a critical field stays within three times the bytes of a Y.Map', () => {
    const [map, field] = [plainMap, criticalField].map((contender) => measure(contender, 300, 3)) as [
      ReturnType<typeof measure>,
      ReturnType<typeof measure>,
    ]
    expect(field.wireBytesPerSet / map.wireBytesPerSet).toBeLessThan(3)
    expect(field.restBytes).toBeLessThan(10_000)
  })
})
