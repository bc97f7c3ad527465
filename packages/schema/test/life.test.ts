import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { critical, defineEntity, latest, reference, text } from '../src/index.ts'
import { newDoc, sync, testClock } from './notation.ts'

const Person = defineEntity('person', { version: 1, fields: { name: latest(z.string()) } })
const Report = defineEntity('report', {
  version: 1,
  fields: { title: latest(z.string()), verdict: critical(z.string().optional()), owner: reference(Person), body: text() },
})

function pair() {
  const [left, right] = [newDoc(), newDoc()]
  Report.initialise(left, { title: 'Roof', body: 'Tiles' }, { user: 'ann', clock: testClock() })
  sync(left, right)
  const meet = (): void => {
    sync(left, right)
    sync(right, left)
  }
  return { a: Report.attach(left, { user: 'ann' }), b: Report.attach(right, { user: 'bob' }), meet, left }
}

describe('[P4] the life of an entity', () => {
  test('ends by a delete that loses nothing, and goes on after a restore', () => {
    const { a, b, meet } = pair()
    a.delete({ reason: 'double' })
    meet()
    expect(b.life).toMatchObject({ status: 'deleted', user: 'ann', reason: 'double', edits: [] })
    expect(b.value.title).toBe('Roof')
    expect(() => b.set({ title: 'x' })).toThrow(expect.objectContaining({ code: 'schema/deleted' }))
    expect(() => b.edit().set({ verdict: 'x' })).toThrow(expect.objectContaining({ code: 'schema/deleted' }))
    expect(Report.row(b.doc).$deleted).toMatchObject({ user: 'ann', edited: false })
    b.restore()
    meet()
    expect(a.life).toEqual({ status: 'alive' })
    a.set({ title: 'Roof, again' })
  })

  test('shows what somebody did without knowing, in fields and in text', () => {
    const { a, b, meet } = pair()
    a.delete()
    b.edit().set({ verdict: 'broken' })
    b.shared.body.insert(0, 'Loose ')
    meet()
    for (const { life } of [a, b]) {
      expect(life).toMatchObject({
        status: 'deleted',
        edits: [
          { field: 'verdict', kind: 'value', authors: [{ user: 'bob' }] },
          { field: 'body', kind: 'content', authors: [] },
        ],
      })
    }
    expect(Report.row(a.doc).$deleted?.edited).toBe(true)
    b.delete()
    meet()
    expect(a.life).toMatchObject({ status: 'deleted', edits: [] })
  })

  test('goes on when one restores what another deletes again without knowing', () => {
    const { a, b, meet } = pair()
    a.delete()
    meet()
    a.restore()
    b.edit()
    meet()
    b.delete()
    a.set({ title: 'still here' })
    meet()
    expect(a.life).toMatchObject({ status: 'deleted', edits: [{ field: 'title' }] })
  })

  test('may begin twice: equal words stand once, different values of a critical field are a conflict', () => {
    const [left, right] = [newDoc(), newDoc()]
    Report.initialise(left, { title: 'Roof', verdict: 'a', body: 'Tiles' }, { user: 'ann' })
    Report.initialise(right, { title: 'Roof', verdict: 'b', body: 'Tiles' }, { user: 'bob' })
    sync(left, right)
    sync(right, left)
    const [a, b] = [Report.attach(left), Report.attach(right)]
    expect([a.shared.body.toString(), b.shared.body.toString()]).toEqual(['Tiles', 'Tiles'])
    expect(a.value.title).toBe('Roof')
    expect(a.conflict('verdict')?.candidates.map(({ value, base }) => [value, base])).toEqual([
      ['a', undefined],
      ['b', undefined],
    ])
    a.shared.body.insert(5, ' and slates')
    sync(left, right)
    expect(b.shared.body.toString()).toBe('Tiles and slates')
  })
})

describe('a reference', () => {
  test('tells what has become of its target, and restores it', () => {
    const person = newDoc()
    Person.initialise(person, { name: 'Cleo' })
    const doc = newDoc()
    Report.initialise(doc, { title: 'Roof', owner: 'p1' })
    const lookup = (type: string, id: string) => (`${type}/${id}` === 'person/p1' ? person : undefined)
    const report = Report.attach(doc, { user: 'ann', lookup })
    expect(report.references).toMatchObject([{ field: 'owner', type: 'person', id: 'p1', status: 'present', deleted: null }])
    Person.attach(person, { user: 'bob' }).delete({ reason: 'left' })
    const [view] = report.references
    expect(view).toMatchObject({ status: 'deleted', deleted: { user: 'bob', reason: 'left' } })
    view?.restore()
    expect(report.references[0]?.status).toBe('present')
    report.set({ owner: 'p2' })
    expect(report.references[0]?.status).toBe('absent')
    expect(() => report.references[0]?.restore()).toThrow(expect.objectContaining({ code: 'client/not-found' }))
    expect(Report.attach(doc).references[0]?.status).toBe('unknown')
    report.set({ owner: null })
    expect(report.references).toEqual([])
    expect(() => report.set({ owner: 'a/b' })).toThrow(expect.objectContaining({ code: 'schema/invalid' }))
  })
})
