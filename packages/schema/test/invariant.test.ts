import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { critical, defineEntity, latest } from '../src/index.ts'
import { newDoc, sync, testClock } from './notation.ts'

const Report = defineEntity('report', {
  version: 1,
  fields: {
    title: latest(z.string().default('')),
    severity: critical(z.enum(['low', 'high'])),
    reading: latest(z.number()),
  },
  invariants: {
    highNeedsReading: { holds: (r) => r.severity !== 'high' || r.reading > 0, repair: () => ({ severity: 'low' as const }) },
    throws: (r) => {
      if (r.title === 'boom') throw new Error('boom')
      return true
    },
  },
})

const broken = expect.objectContaining({ code: 'schema/invariant', message: expect.stringContaining('highNeedsReading') })

function pair() {
  const [left, right] = [newDoc(), newDoc()]
  Report.initialise(left, { severity: 'low', reading: 3 }, { user: 'first', clock: testClock() })
  sync(left, right)
  const meet = (): void => {
    sync(left, right)
    sync(right, left)
  }
  return { a: Report.attach(left, { user: 'ann' }), b: Report.attach(right, { user: 'bob' }), meet, left }
}

describe('an invariant', () => {
  test('refuses a write that breaks it, by name, and lets fields change together', () => {
    const { a } = pair()
    a.edit().set({ severity: 'high' })
    expect(() => a.set({ reading: 0 })).toThrow(broken)
    expect(a.value.reading).toBe(3)
    a.edit().set({ severity: 'low', reading: 0 })
    expect(() => a.edit().set({ severity: 'high' })).toThrow(broken)
    expect(() => a.set({ title: 'boom' })).toThrow(expect.objectContaining({ code: 'schema/invariant' }))
    expect(() => Report.initialise(newDoc(), { severity: 'high', reading: 0 })).toThrow(broken)
  })

  test('that a merge broke is a violation with its authors, blocks nothing else, and can be repaired', () => {
    const { a, b, meet, left } = pair()
    a.edit().set({ severity: 'high' })
    b.set({ reading: 0 })
    meet()
    for (const { violations } of [a, b]) {
      expect(violations).toMatchObject([{ name: 'highNeedsReading', fields: ['severity', 'reading'], canRepair: true }])
      expect(violations[0]?.authors.map(({ field, user }) => [field, user])).toEqual([
        ['severity', 'ann'],
        ['reading', 'bob'],
      ])
    }
    expect(Report.row(left).$violations).toBe(1)
    const { violations } = a
    a.set({ title: 'other' })
    expect(a.violations).toBe(violations)
    b.violations[0]?.repair()
    meet()
    expect(a.violations).toEqual([])
    expect(a.value.severity).toEqual({ status: 'settled', value: 'low' })
  })

  test('is not run while a field that it reads is in conflict; what a decision breaks is refused', () => {
    const { a, b, meet, left } = pair()
    a.edit().set({ severity: 'high' })
    b.edit().set({ severity: 'low' })
    meet()
    b.set({ reading: 0 })
    meet()
    expect(a.violations).toEqual([])
    expect(Report.row(left)).toMatchObject({ $conflicts: 1 })
    expect(() => a.conflict('severity')?.decide({ value: 'high' })).toThrow(broken)
    a.conflict('severity')?.decide({ value: 'low' })
    expect(a.conflicts).toEqual([])
  })
})
