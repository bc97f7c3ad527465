import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { counter, defineEntity, list, merged, setOf } from '../src/index.ts'
import { newDoc, sync } from './notation.ts'

const Shop = defineEntity('shop', {
  version: 1,
  fields: {
    tags: setOf(z.string().max(5)),
    visits: counter(),
    steps: list(z.object({ name: z.string() })),
    level: merged(z.number().default(0), (_base, values) => Math.max(...values)),
    stock: merged(z.number().default(0), (base = 0, values) => values.reduce((sum, value) => sum + value - base, base)),
    odd: merged(z.number().optional(), () => 'no number' as never),
  },
  invariants: { calm: (shop) => shop.visits < 100 },
})

function pair() {
  const [left, right] = [newDoc(), newDoc()]
  const meet = (): void => {
    for (let round = 0; round < 2; round++) {
      sync(left, right)
      sync(right, left)
    }
  }
  return { a: Shop.attach(left, { user: 'ann' }), b: Shop.attach(right, { user: 'bob' }), meet }
}

describe('[P3] a set', () => {
  test('holds each value once, in the same order everywhere, and an add wins over a removal that did not know of it', () => {
    const { a, b, meet } = pair()
    a.shared.tags.add('roof')
    b.shared.tags.add('roof')
    b.shared.tags.add('attic')
    meet()
    expect([a.value.tags, b.value.tags]).toEqual([
      ['attic', 'roof'],
      ['attic', 'roof'],
    ])
    a.shared.tags.delete('roof')
    b.shared.tags.add('roof')
    b.shared.tags.delete('attic')
    meet()
    expect([a.value.tags, b.value.tags]).toEqual([['roof'], ['roof']])
    expect(() => a.shared.tags.add('too long')).toThrow(expect.objectContaining({ code: 'schema/invalid' }))
  })

  test('passes over members that do not validate, and reports them', () => {
    const { a } = pair()
    a.doc.getArray('tags').push(['much too long', 'ok', new Uint8Array(1)])
    expect(a.value.tags).toEqual(['ok'])
    expect(a.invalid).toMatchObject([{ field: 'tags', stored: 'much too long' }])
  })
})

describe('[P3] a counter', () => {
  test('counts what each adds exactly once, over sessions', () => {
    const { a, b, meet } = pair()
    for (let n = 0; n < 50; n++) a.shared.visits.add(1)
    b.shared.visits.add(5)
    b.shared.visits.add(-2)
    meet()
    const again = newDoc()
    sync(a.doc, again)
    const session = Shop.attach(again)
    session.shared.visits.add(10)
    sync(again, a.doc)
    meet()
    expect([a.value.visits, b.value.visits, session.value.visits]).toEqual([63, 63, 63])
    expect(a.doc.getArray('visits').length).toBe(3)
    expect(() => a.shared.visits.add(Number.NaN)).toThrow(expect.objectContaining({ code: 'schema/invalid' }))
    expect(() => a.shared.visits.add(40)).toThrow(expect.objectContaining({ code: 'schema/invariant' }))
  })
})

describe('[P3] a list', () => {
  test('keeps what both insert, and refuses what does not fit', () => {
    const { a, b, meet } = pair()
    a.shared.steps.push({ name: 'one' }, { name: 'two' })
    meet()
    a.shared.steps.insert(1, [{ name: 'a' }])
    b.shared.steps.delete(0)
    meet()
    expect(b.value.steps).toEqual([{ name: 'a' }, { name: 'two' }])
    expect(a.shared.steps.indexOf({ name: 'two' })).toBe(1)
    expect(() => a.shared.steps.push({ name: 1 as never })).toThrow(expect.objectContaining({ code: 'schema/invalid' }))
    expect(() => a.shared.steps.delete(1, 5)).toThrow(expect.objectContaining({ code: 'schema/invalid' }))
    expect(() => a.shared.steps.insert(9, [{ name: 'x' }])).toThrow(expect.objectContaining({ code: 'schema/invalid' }))
  })
})

describe('[P3] a merged field', () => {
  test('reads what the function makes of base and values, and reports a function that fails', () => {
    const { a, b, meet } = pair()
    a.set({ stock: 10, odd: 1 })
    meet()
    a.set({ stock: 7, level: 3, odd: 2 })
    b.set({ stock: 6, level: 5, odd: 3 })
    meet()
    expect([a.value.stock, a.value.level]).toEqual([3, 5])
    expect(a.value).toEqual(b.value)
    expect(a.invalid).toMatchObject([{ field: 'odd' }])
    a.set({ stock: 2 })
    meet()
    expect(b.value.stock).toBe(2)
  })
})
