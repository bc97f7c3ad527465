import { describe, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { critical, defineEntity, type Entry, entriesName, latest, limits } from '../src/index.ts'
import { newDoc, sync, testClock } from './notation.ts'

const Report = defineEntity('report', {
  version: 1,
  fields: {
    title: latest(z.string().default('')),
    severity: critical(z.enum(['low', 'middle', 'high'])),
    verdict: critical(z.string().optional(), { provisional: 'latest' }),
    cause: critical(z.string().optional(), { provisional: 'base' }),
    owner: critical(z.string().optional(), { provisional: 'none', sameAuthor: 'latest' }),
    approval: critical(z.boolean().optional(), { equalIsConflict: true, provisional: 'none' }),
  },
})

const code = (name: string) => expect.objectContaining({ code: name })

/** Replicas of one report by user name, whose clocks run one after the other. */
function replicas<const U extends string>(...users: U[]) {
  const docs = users.map(() => newDoc())
  const clock = testClock()
  Report.initialise(docs[0] as never, { severity: 'low', cause: 'rain' }, { user: 'first', clock })
  for (const doc of docs) sync(docs[0] as never, doc)
  const now = (): number => {
    clock.advance(1)
    return clock.now()
  }
  const entities = users.map((user, index) => Report.attach(docs[index] as never, { user, clock: { now } }))
  const meet = (): void => {
    for (const from of docs) for (const to of docs) sync(from, to)
    for (const from of docs) for (const to of docs) sync(from, to)
  }
  return { entities: entities as [(typeof entities)[0], (typeof entities)[0], (typeof entities)[0]], docs, meet, clock }
}

describe('[P4] a critical field', () => {
  test('keeps values that were set independently, with base, authors and times, the same everywhere', () => {
    const { entities, meet } = replicas('ann', 'bob', 'cleo')
    const [ann, bob, cleo] = entities
    ann.edit().set({ severity: 'high' })
    bob.edit().set({ severity: 'middle' })
    cleo.edit().set({ severity: 'high' })
    meet()
    expect(ann.value.severity).toEqual({ status: 'conflict', values: ['high', 'middle'] })
    const [conflict] = ann.conflicts
    expect(conflict).toMatchObject({
      field: 'severity',
      base: 'low',
      basesDiffer: false,
      isBetweenDecisions: false,
      provisional: undefined,
    })
    expect(conflict?.candidates.map(({ value, kind, authors }) => [value, kind, authors.map(({ user }) => user)])).toEqual([
      ['high', 'set', ['ann', 'cleo']],
      ['middle', 'set', ['bob']],
    ])
    for (const entity of entities) expect(JSON.stringify(entity.conflicts)).toBe(JSON.stringify(ann.conflicts))
  })

  test('is settled by a decision, which stands in the record everywhere', () => {
    const { entities, meet } = replicas('ann', 'bob', 'cleo')
    const [ann, bob, cleo] = entities
    ann.edit().set({ severity: 'high' })
    bob.edit().set({ severity: 'middle' })
    meet()
    const [conflict] = cleo.conflicts
    conflict?.decide({ choose: conflict.candidates[1]?.id ?? '' }, { reason: 'seen on site' })
    meet()
    for (const entity of entities) {
      expect(entity.value.severity).toEqual({ status: 'settled', value: 'middle' })
      expect(entity.conflicts).toEqual([])
      expect(entity.decisions).toMatchObject([
        {
          field: 'severity',
          value: 'middle',
          user: 'cleo',
          reason: 'seen on site',
          stands: true,
          rejected: [{ value: 'high', user: 'ann' }],
        },
      ])
    }
  })

  test('keeps a candidate that came after what was shown', () => {
    const { entities, docs, meet } = replicas('ann', 'bob', 'cleo')
    const [ann, bob, cleo] = entities
    ann.edit().set({ severity: 'high' })
    bob.edit().set({ severity: 'middle' })
    sync(docs[0] as never, docs[1] as never)
    const conflict = bob.conflict('severity')
    cleo.edit().set({ severity: 'low' })
    sync(docs[2] as never, docs[1] as never)
    conflict?.decide({ value: 'high' })
    meet()
    expect(ann.conflicts[0]?.candidates.map(({ value, kind }) => [value, kind])).toEqual([
      ['low', 'set'],
      ['high', 'decide'],
    ])
  })

  test('shows two different decisions as a conflict, and settles equal ones', () => {
    for (const [first, second, open] of [
      ['high', 'low', true],
      ['high', 'high', false],
    ] as const) {
      const { entities, meet } = replicas('ann', 'bob')
      const [ann, bob] = entities
      ann.edit().set({ severity: 'high' })
      bob.edit().set({ severity: 'middle' })
      meet()
      ann.conflict('severity')?.decide({ value: first })
      bob.conflict('severity')?.decide({ value: second })
      meet()
      expect(ann.conflicts.length).toBe(open ? 1 : 0)
      expect(ann.conflicts[0]?.isBetweenDecisions).toBe(open ? true : undefined)
      expect(ann.decisions.length).toBe(2)
    }
  })

  test('lets a decision be revised, with the old one among the rejected', () => {
    const { entities, meet } = replicas('ann', 'bob')
    const [ann, bob] = entities
    ann.edit().set({ severity: 'high' })
    bob.edit().set({ severity: 'middle' })
    meet()
    ann.conflict('severity')?.decide({ value: 'high' })
    const [decision] = ann.decisions
    if (decision?.field === 'severity') decision.revise({ value: 'low' }, { reason: 'repaired' })
    meet()
    expect(bob.decisions.map(({ value, stands, rejected }) => [value, stands, rejected.map((one) => one.value)])).toEqual([
      ['high', false, ['middle']],
      ['low', true, ['high']],
    ])
    expect(() => bob.decisions[0]?.revise({ value: 'low' } as never)).toThrow(code('schema/not-yours'))
  })

  test('takes several saves of one edit as one candidate', () => {
    const { entities, meet } = replicas('ann', 'bob')
    const [ann, bob] = entities
    const form = ann.edit()
    for (const cause of ['a', 'ab', 'abc', 'abcd', 'abcde']) form.set({ cause })
    bob.edit().set({ cause: 'sun' })
    meet()
    expect(bob.conflicts[0]?.candidates.map(({ value, base }) => [value, base])).toEqual([
      ['abcde', 'rain'],
      ['sun', 'rain'],
    ])
  })

  test('does not take what arrived after the form opened for what was shown', () => {
    const { entities, docs } = replicas('ann', 'bob')
    const [ann, bob] = entities
    const form = ann.edit()
    bob.edit().set({ severity: 'high' })
    sync(docs[1] as never, docs[0] as never)
    form.set({ severity: 'middle' })
    expect(ann.value.severity).toEqual({ status: 'conflict', values: ['high', 'middle'] })
  })

  test('is not ended by a plain set', () => {
    const { entities, meet, docs } = replicas('ann', 'bob')
    const [ann, bob] = entities
    ann.edit().set({ severity: 'high' })
    bob.edit().set({ severity: 'middle' })
    meet()
    const before = docs[0]?.getArray(entriesName).length
    expect(() => ann.edit().set({ severity: 'low' })).toThrow(code('schema/in-conflict'))
    expect(() => ann.set({ severity: 'low' }, { basis: ann.shown() })).toThrow(code('schema/in-conflict'))
    expect(docs[0]?.getArray(entriesName).length).toBe(before)
  })

  test('is not set without a basis, nor with the basis of another document', () => {
    const [ann] = replicas('ann').entities
    const [other] = replicas('bob').entities
    expect(() => ann.set({ severity: 'high' } as never)).toThrow(code('schema/no-basis'))
    expect(() => ann.set({ severity: 'high' }, { basis: {} })).toThrow(code('schema/no-basis'))
    other.edit().set({ severity: 'high' })
    expect(() => ann.set({ severity: 'high' }, { basis: other.shown() })).toThrow(code('schema/no-basis'))
    ann.set({ severity: 'high' }, { basis: JSON.parse(JSON.stringify(ann.shown())) })
    expect(ann.value.severity).toEqual({ status: 'settled', value: 'high' })
  })

  test('returns to its base when the author takes the value back, or to what others set', () => {
    const { entities, meet } = replicas('ann', 'bob')
    const [ann, bob] = entities
    const form = ann.edit()
    form.set({ severity: 'high' })
    bob.edit().set({ severity: 'middle' })
    meet()
    form.withdraw('severity')
    meet()
    expect(bob.value.severity).toEqual({ status: 'settled', value: 'middle' })
    bob.edit().withdraw('severity')
    expect(bob.value.severity).toEqual({ status: 'settled', value: 'low' })
    expect(() => ann.edit().withdraw('verdict')).toThrow(code('schema/not-yours'))
    expect(() => ann.edit().withdraw('title' as never)).toThrow(code('schema/invalid'))
  })

  test('reads provisionally as it is told to', () => {
    const { entities, meet } = replicas('ann', 'bob')
    const [ann, bob] = entities
    ann.edit().set({ verdict: 'a', cause: 'a', owner: 'a' })
    bob.edit().set({ verdict: 'b', cause: 'b', owner: 'b' })
    meet()
    for (const { value } of entities) expect(value).toMatchObject({ verdict: 'b', cause: 'rain', owner: undefined })
    expect(ann.conflicts.map(({ field, provisional }) => [field, provisional])).toEqual([
      ['verdict', 'b'],
      ['cause', 'rain'],
      ['owner', undefined],
    ])
  })

  test('takes the latest of one user, or counts equal values, where the policy says so', () => {
    const { entities, meet } = replicas('ann', 'ann')
    const [one, two] = entities
    one.edit().set({ owner: 'x', approval: true })
    two.edit().set({ owner: 'y', approval: true })
    meet()
    expect(one.value.owner).toBe('y')
    expect(one.conflicts.map(({ field, candidates }) => [field, candidates.length])).toEqual([['approval', 2]])
    one.edit().set({ owner: 'z' })
    meet()
    expect(two.value.owner).toBe('z')
  })

  test('[P8] refuses a value over the limit', () => {
    const [ann] = replicas('ann').entities
    expect(() => ann.edit().set({ cause: 'x'.repeat(limits.criticalBytes) })).toThrow(code('schema/too-large'))
    ann.edit().set({ cause: 'x'.repeat(limits.criticalBytes - 2) })
  })

  test('asks the app whether a user may decide', () => {
    const { docs, meet, entities } = replicas('ann', 'bob')
    entities[0].edit().set({ severity: 'high' })
    entities[1].edit().set({ severity: 'middle' })
    meet()
    const mayDecide = vi.fn(() => false)
    const guest = Report.attach(docs[0] as never, { user: 'guest', mayDecide })
    expect(() => guest.conflict('severity')?.decide({ value: 'low' })).toThrow(code('schema/may-not-decide'))
    expect(mayDecide).toHaveBeenCalledWith({ field: 'severity', user: 'guest' })
  })

  test('reports more heads than the limit, and settles them at once', () => {
    const users = Array.from({ length: 18 }, (_, n) => `user${n}`)
    const { entities, meet, docs } = replicas(...users)
    for (const [n, entity] of entities.entries()) entity.edit().set({ cause: `cause ${n}`, verdict: `verdict ${n}` })
    meet()
    const [first] = entities
    expect(first.reports).toEqual([
      { code: 'many-heads', field: 'verdict', heads: 18 },
      { code: 'many-heads', field: 'cause', heads: 18 },
    ])
    let updates = 0
    docs[0]?.on('update', () => void updates++)
    first.decideAll((conflict) => ({ choose: conflict.candidates.at(-1)?.id ?? '' }), { reason: 'the last' })
    expect(updates).toBe(1)
    expect([first.conflicts, first.reports]).toEqual([[], []])
    expect(first.decisions.map(({ rejected }) => rejected.length)).toEqual([17, 17])
  })

  test('shows what text changed, word by word', () => {
    const { entities, meet } = replicas('ann', 'bob')
    entities[0].edit().set({ cause: 'heavy rain' })
    entities[1].edit().set({ cause: 'sun' })
    meet()
    const [conflict] = entities[0].conflicts
    expect(conflict?.diff(conflict.candidates[0]?.id ?? '')).toEqual([
      { kind: 'added', text: 'heavy ' },
      { kind: 'same', text: 'rain' },
    ])
    expect(conflict?.diff('nobody')).toBeNull()
  })

  test('shows an own later write whatever the clocks say', () => {
    const [slow, fast] = [newDoc(), newDoc()]
    Report.initialise(slow, { severity: 'low' })
    sync(slow, fast)
    const ahead = Report.attach(fast, { user: 'fast', clock: testClock(86_400_000) })
    const behind = Report.attach(slow, { user: 'slow', clock: testClock(-86_400_000) })
    ahead.edit().set({ severity: 'high', verdict: 'broken' })
    sync(fast, slow)
    behind.edit().set({ severity: 'middle', verdict: 'fine' })
    sync(slow, fast)
    for (const { value } of [ahead, behind]) {
      expect(value).toMatchObject({ severity: { status: 'settled', value: 'middle' }, verdict: 'fine' })
    }
  })

  test('keeps the references of what did not change', () => {
    const { entities, meet } = replicas('ann', 'bob')
    const [ann, bob] = entities
    ann.edit().set({ severity: 'high' })
    bob.edit().set({ severity: 'middle' })
    meet()
    const { conflicts, decisions, violations, value } = ann
    const conflict = ann.conflict('severity')
    const listener = vi.fn()
    ann.subscribe(listener)
    ann.set({ title: 'a' })
    expect([ann.conflicts === conflicts, ann.decisions === decisions, ann.violations === violations]).toEqual([true, true, true])
    expect(ann.value === value).toBe(false)
    expect(listener).toHaveBeenCalledTimes(1)
    conflict?.decide({ value: 'low' })
    expect(ann.conflicts === conflicts).toBe(false)
    expect(listener).toHaveBeenCalledTimes(2)
  })

  test('stays small after a decision, and remembers it', () => {
    const { entities, meet, docs } = replicas('ann', 'bob')
    const [ann, bob] = entities
    ann.edit().set({ severity: 'high' })
    bob.edit().set({ severity: 'middle' })
    meet()
    ann.conflict('severity')?.decide({ value: 'high' }, { reason: 'first' })
    for (let n = 0; n < 500; n++) ann.edit().set({ severity: n % 2 === 0 ? 'low' : 'high' })
    meet()
    const entries = docs[1]?.getArray(entriesName).toArray() as Entry[]
    expect(entries.length).toBeLessThanOrEqual(2 * limits.keptEntries + 4)
    expect(bob.value.severity).toEqual({ status: 'settled', value: 'high' })
    expect(bob.decisions).toMatchObject([{ reason: 'first', stands: false }])
  })
})
