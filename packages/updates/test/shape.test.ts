import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { advanceState, cutUpdate, emptyState, mergeGrouped, stateOf, validateUpdate } from '../src/index.ts'

/** Takes updates one by one, as a relay does, and gives the deepest type seen with what is known in the end. */
function take(updates: readonly Uint8Array[]): { deepest: number; state: ReturnType<typeof emptyState> } {
  const state = emptyState()
  let deepest = 0
  for (const update of updates) {
    const cut = cutUpdate(validateUpdate(update), state)
    if (cut.type !== 'fits') continue
    deepest = Math.max(deepest, cut.growth.deepest)
    advanceState(state, cut)
  }
  return { deepest, state }
}

function recorded(edit: (doc: Y.Doc) => void): Uint8Array[] {
  const doc = new Y.Doc({ guid: 'shape' })
  doc.clientID = 7
  const updates: Uint8Array[] = []
  doc.on('update', (update: Uint8Array) => updates.push(update))
  edit(doc)
  return updates
}

describe('the shape of a document', () => {
  test('a nest that grows by one type at a time is as deep as it is, also where a type lies beside another', () => {
    const updates = recorded((doc) => {
      let array = doc.getArray('root')
      for (let i = 0; i < 40; i++) {
        array.insert(0, ['left'])
        const inner = new Y.Array<unknown>()
        array.insert(1, [inner])
        array = inner
      }
    })
    expect(take(updates).deepest).toBe(40)
    expect(take([mergeGrouped(updates)]).deepest).toBe(40)
    expect(take(updates).state.shape).toMatchObject({ types: 40, roots: new Set(['root']) })
  })

  test('roots are counted once, however many updates name them', () => {
    const updates = recorded((doc) => {
      for (let i = 0; i < 30; i++) doc.getMap(`m${i % 10}`).set('k', i)
    })
    expect(take(updates).state.shape.roots.size).toBe(10)
  })

  test('is the same when the log is merged and read again, for any document', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(1 << 16), { maxLength: 60 }), (steps) => {
        const updates = recorded((doc) => {
          const types: (Y.Array<unknown> | Y.Map<unknown>)[] = [doc.getArray('a'), doc.getMap('m')]
          for (const step of steps) {
            const at = types[step % types.length] as Y.Array<unknown> | Y.Map<unknown>
            const kind = (step >>> 4) % 4
            const value = kind === 0 ? new Y.Array() : kind === 1 ? new Y.Map() : step
            if (at instanceof Y.Map) at.set(`k${(step >>> 8) % 3}`, value)
            else if (kind === 3 && at.length > 0) at.delete(0, 1)
            else at.insert((step >>> 8) % (at.length + 1), [value])
            if (value instanceof Y.Array || value instanceof Y.Map) types.push(value)
          }
        })
        const { state, deepest } = take(updates)
        expect(stateOf([mergeGrouped(updates)])).toEqual(state)
        expect(take([mergeGrouped(updates)]).deepest).toBe(deepest)
      }),
    )
  })
})

test('ranges that fall cost no more than ranges that rise', () => {
  const ranges = 100_000
  const deletes = (clocks: readonly number[]): Uint8Array => {
    const bytes: number[] = [0, 1, 5]
    const number = (value: number): void => {
      for (let left = value; ; left = Math.floor(left / 128)) {
        bytes.push(left < 128 ? left : (left % 128) + 128)
        if (left < 128) return
      }
    }
    number(clocks.length)
    for (const clock of clocks) {
      number(clock)
      bytes.push(1)
    }
    return Uint8Array.from(bytes)
  }
  const rising = Array.from({ length: ranges }, (_, i) => i * 2)
  const expected = validateUpdate(deletes(rising)).deletes
  expect(validateUpdate(deletes(rising.toReversed())).deletes).toEqual(expected)
  expect(expected.get(5)?.length).toBe(2 * ranges)
  // One by one the reversed ranges would take minutes here; the test's own time is the bound.
  const known = emptyState()
  known.deletes.set(5, [...(expected.get(5) as number[])])
  const between = new Map([[5, rising.map((clock) => clock + 1).flatMap((clock) => [clock, clock + 1])]])
  advanceState(known, {
    type: 'fits',
    update: Uint8Array.of(0, 0),
    dropped: false,
    clocks: new Map(),
    deletes: between,
    growth: { roots: new Set(), types: 0, deepest: 0, depths: new Map(), several: [] },
    problem: null,
  })
  expect(known.deletes.get(5)).toEqual([0, ranges * 2])
})
