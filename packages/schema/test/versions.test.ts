import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { z } from 'zod'
import { critical, defineEntity, entriesName, guardFile, latest, limits } from '../src/index.ts'
import { newDoc, sync } from './notation.ts'

const Old = defineEntity('report', { version: 1, fields: { level: latest(z.number()), name: latest(z.string()) } })
const New = defineEntity('report', {
  version: 2,
  fields: { severity: critical(z.enum(['low', 'high'])), first: latest(z.string().default('')), last: latest(z.string().default('')) },
  upgrade: (values) => {
    const today: Record<string, string | undefined> = {}
    if ('level' in values) today.severity = (values.level as number) > 1 ? 'high' : 'low'
    if ('name' in values) [today.first, today.last] = String(values.name).split(' ')
    return today
  },
})

describe('an upgrade', () => {
  test('reads old values as today’s, split and renamed, and rewrites nothing', () => {
    const doc = newDoc()
    Old.initialise(doc, { level: 2, name: 'Cleo Hart' })
    const before = Y.encodeStateVector(doc)
    const entity = New.attach(doc)
    expect(entity.value).toEqual({ severity: { status: 'settled', value: 'high' }, first: 'Cleo', last: 'Hart' })
    expect(New.row(doc)).toMatchObject({ first: 'Cleo' })
    expect(Y.encodeStateVector(doc)).toEqual(before)
    entity.set({ first: 'Clara' })
    for (let n = 0; n < 100; n++) entity.edit().set({ severity: n % 2 === 0 ? 'low' : 'high' })
    expect(entity.value).toEqual({ severity: { status: 'settled', value: 'high' }, first: 'Clara', last: 'Hart' })
    expect(doc.getArray(entriesName).length).toBeLessThan(2 * limits.keptEntries + 6)
  })

  test('shows what an old build writes beside as a conflict', () => {
    const [mine, theirs] = [newDoc(), newDoc()]
    Old.initialise(mine, { level: 0, name: 'A B' })
    sync(mine, theirs)
    New.attach(mine).edit().set({ severity: 'high' })
    Old.attach(theirs).set({ level: 1 })
    sync(theirs, mine)
    expect(
      New.attach(mine)
        .conflict('severity')
        ?.candidates.map(({ value }) => value)
        .toSorted(),
    ).toEqual(['high', 'low'])
  })

  test('that throws leaves the field to be reported', () => {
    const doc = newDoc()
    Old.initialise(doc, { level: 2, name: 'x' })
    const Failing = defineEntity('report', {
      version: 2,
      fields: { level: latest(z.string().optional()) },
      upgrade: () => {
        throw new Error('no')
      },
    })
    expect(Failing.attach(doc).invalid).toMatchObject([{ field: 'level', stored: 2 }])
  })
})

describe('other builds', () => {
  test('lose nothing of what they do not know', () => {
    const doc = newDoc()
    Old.initialise(doc, { level: 1, name: 'x' })
    doc.getArray(entriesName).push([
      { i: [1, 1], f: 'colour', v: 'red', o: [], by: 'z', t: 1, k: 'set', s: 9 },
      { k: 'approve', f: 'level' },
    ])
    const before = doc.getArray(entriesName).toArray().slice(-2)
    const entity = Old.attach(doc)
    for (let n = 0; n < 100; n++) entity.set({ level: n })
    expect(doc.getArray(entriesName).toArray()).toEqual(expect.arrayContaining(before))
  })

  test('see the same entries when a policy flips, and back', () => {
    const Strict = defineEntity('report', { version: 1, fields: { level: critical(z.number()), name: latest(z.string()) } })
    const [mine, theirs] = [newDoc(), newDoc()]
    Old.initialise(mine, { level: 1, name: 'x' })
    sync(mine, theirs)
    Old.attach(mine).set({ level: 2 })
    Old.attach(theirs).set({ level: 3 })
    sync(theirs, mine)
    const strict = Strict.attach(mine)
    expect(strict.conflicts).toHaveLength(1)
    expect([2, 3]).toContain(Old.attach(mine).value.level)
    strict.conflict('level')?.decide({ value: 4 })
    expect(Old.attach(mine).value.level).toBe(4)
  })
})

describe('a mapping', () => {
  const Mapped = defineEntity('report', {
    version: 1,
    fields: { severity: critical(z.string().optional()), title: latest(z.string().default('')) },
    mapping: { map: 'report', keys: { severity: 'sev', title: 'title' } },
  })

  test('reads what an existing Y.Map holds until it is superseded, for good', () => {
    const doc = newDoc()
    doc.getMap('report').set('sev', 'low')
    doc.getMap('report').set('title', 'Roof')
    const entity = Mapped.attach(doc)
    expect(entity.value).toEqual({ severity: { status: 'settled', value: 'low' }, title: 'Roof' })
    for (let n = 0; n < 100; n++) entity.set({ title: `Roof ${n}` })
    entity.edit().set({ severity: 'high' })
    expect(entity.value).toEqual({ severity: { status: 'settled', value: 'high' }, title: 'Roof 99' })
    expect(doc.getArray(entriesName).length).toBeLessThan(2 * limits.keptEntries + 4)
    expect(() => Mapped.initialise(doc, {})).toThrow(expect.objectContaining({ code: 'client/exists' }))
  })

  test('shows what the old stack writes later as a conflict', () => {
    const [mine, theirs] = [newDoc(), newDoc()]
    mine.getMap('report').set('sev', 'low')
    sync(mine, theirs)
    const entity = Mapped.attach(mine)
    entity.edit().set({ severity: 'high' })
    theirs.getMap('report').set('sev', 'middle')
    sync(theirs, mine)
    expect(entity.conflict('severity')?.candidates.map(({ value }) => value)).toEqual(['middle', 'high'])
    entity.conflict('severity')?.decide({ value: 'high' })
    expect(entity.value.severity).toEqual({ status: 'settled', value: 'high' })
  })
})

test('the guard file names what a relay must watch', () => {
  expect(guardFile([New])).toEqual({ format: 1, entities: { report: { critical: ['severity'], arbitrated: [] } } })
})
