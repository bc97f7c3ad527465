import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { counter, critical, defineEntity, latest, limits, list, setOf, text } from '../src/index.ts'
import { newDoc, sync } from './notation.ts'

const Report = defineEntity('report', {
  version: 1,
  fields: {
    title: latest(z.string().default('')),
    verdict: critical(z.string().optional(), { provisional: 'none' }),
    body: text(),
    tags: setOf(z.string()),
    visits: counter(),
    steps: list(z.string()),
  },
})

const state = (entity: ReturnType<typeof Report.attach>): string =>
  [
    entity.value.title,
    entity.value.verdict ?? '-',
    entity.shared.body.toString(),
    entity.value.tags.join(),
    entity.value.visits,
    entity.value.steps,
  ].join('|')

describe('undo', () => {
  test('goes back over text and fields in one order, and forward again', () => {
    const entity = Report.attach(newDoc(), { user: 'ann' })
    const acts = [
      () => entity.set({ title: 'a' }),
      () => entity.shared.body.insert(0, 'words'),
      () => entity.edit().set({ verdict: 'fine' }),
      () => entity.shared.body.insert(5, ' more'),
      () => entity.shared.tags.add('roof'),
      () => entity.shared.visits.add(3),
      () => entity.shared.steps.push('one'),
      () => entity.shared.steps.push('two'),
      () => entity.set({ title: 'b' }),
      () => entity.shared.tags.delete('roof'),
    ]
    const states = [state(entity)]
    for (const act of acts) {
      act()
      states.push(state(entity))
    }
    for (let round = 0; round < 2; round++) {
      for (const before of states.slice(0, -1).reverse()) {
        expect(entity.undo()).toBe(true)
        expect(state(entity)).toBe(before)
      }
      expect([entity.undo(), entity.canUndo, entity.canRedo]).toEqual([false, false, true])
      for (const after of states.slice(1)) {
        expect(entity.redo()).toBe(true)
        expect(state(entity)).toBe(after)
      }
      expect(entity.redo()).toBe(false)
    }
  })

  test('takes one’s own value back beside another’s, and leaves what others did since', () => {
    const [mine, theirs] = [newDoc(), newDoc()]
    const [ann, bob] = [Report.attach(mine, { user: 'ann' }), Report.attach(theirs, { user: 'bob' })]
    ann.edit().set({ verdict: 'mine' })
    bob.edit().set({ verdict: 'theirs' })
    sync(theirs, mine)
    expect(ann.conflicts).toHaveLength(1)
    ann.undo()
    expect([ann.conflicts, ann.value.verdict]).toEqual([[], 'theirs'])
    ann.redo()
    expect(ann.conflicts).toHaveLength(1)
    ann.set({ title: 'mine' })
    sync(mine, theirs)
    bob.set({ title: 'theirs' })
    sync(theirs, mine)
    ann.undo()
    expect(ann.value.title).toBe('theirs')
  })

  test('does not take what a provider brought for one’s own, and a new act ends the way forward', () => {
    const [mine, theirs] = [newDoc(), newDoc()]
    const ann = Report.attach(mine)
    Report.attach(theirs).set({ title: 'theirs' })
    theirs.getText('body').insert(0, 'theirs')
    sync(theirs, mine)
    expect([ann.canUndo, ann.undo()]).toEqual([false, false])
    ann.shared.body.insert(0, 'x')
    ann.undo()
    ann.set({ title: 'mine' })
    expect([ann.canRedo, ann.shared.body.toString()]).toEqual([false, 'theirs'])
  })

  test('ends a step after so many changes, so that typing on costs no more than typing', () => {
    const entity = Report.attach(newDoc())
    for (let n = 0; n < limits.undoChanges * 2.5; n++) entity.shared.body.insert(n, 'x')
    const lengths: number[] = []
    while (entity.undo()) lengths.push(entity.shared.body.length)
    expect(lengths).toEqual([limits.undoChanges * 2, limits.undoChanges, 0])
  })
})
