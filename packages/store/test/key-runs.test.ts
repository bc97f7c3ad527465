import fc from 'fast-check'
import { expect, test } from 'vitest'
import { runsOf } from '../src/key-runs.ts'

/** `runs('aBcDE', 2)`: capitals are wanted. */
const runs = (keys: string, maxRuns: number): string =>
  runsOf([...keys], new Set([...keys].filter((key) => key !== key.toLowerCase())), maxRuns)
    .map(({ from, to }) => from + to)
    .join(' ')

test.each([
  ['abc', 3, ''],
  ['aBc', 3, 'BB'],
  ['ABC', 3, 'AC'],
  ['AbC', 3, 'AA CC'],
  ['AbC', 1, 'AC'],
  ['AbCdefGhI', 2, 'AC GI'],
  ['AbCdefGhI', 3, 'AA CC GI'],
])('the wanted of %s in at most %i runs are %s', (keys, maxRuns, expected) => expect(runs(keys, maxRuns)).toBe(expected))

test('runs are few, in order, and cover every wanted key', () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { maxLength: 60 }), fc.integer({ min: 1, max: 6 }), (flags, maxRuns) => {
      const keys = flags.map((_, i) => String(i).padStart(3, '0'))
      const wanted = new Set(keys.filter((_, i) => flags[i]))
      const found = runsOf(keys, wanted, maxRuns)
      expect(found.length).toBeLessThanOrEqual(maxRuns)
      for (const key of wanted) expect(found.filter(({ from, to }) => from <= key && key <= to)).toHaveLength(1)
      expect(found.flatMap(({ from, to }) => [from, to])).toEqual(found.flatMap(({ from, to }) => [from, to]).toSorted())
    }),
  )
})
