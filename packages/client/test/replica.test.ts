import type { Changes, Cursor, Welcome } from '@tidemark/protocol'
import { defaultRelayLimits } from '@tidemark/protocol'
import { describe, expect, test } from 'vitest'
import { advanced, cursorJson, readReplicaState, welcomed } from '../src/sync/replica.ts'

const at = (incarnation: string, seq: number, catchUp?: Cursor['catchUp']): Cursor => ({
  incarnation,
  seq,
  grants: '',
  scope: '',
  ...(catchUp === undefined ? {} : { catchUp }),
})
const welcome = (incarnation: string, common: number): Welcome => ({
  type: 'welcome',
  incarnation,
  first: 50,
  common,
  head: 90,
  access: 'write',
  grants: '',
  expiresAtMs: 0,
  limits: defaultRelayLimits,
  nowMs: 0,
})
const live = (after: number, seq: number): Changes => ({ type: 'changes', mode: 'live', after, seq, changes: [] })
const part = (from: number, to: number, last: number, done = false): Changes => ({
  type: 'changes',
  mode: 'catch-up',
  from,
  to,
  last,
  done,
  widens: null,
  changes: [],
})

describe('where a replica stands', () => {
  test('in the incarnation it knows it goes on, also within a catch-up', () => {
    const state = { cursor: at('A', 7, { to: 20, last: 3 }), incarnations: [{ id: 'A', first: 1 }] }
    expect(welcomed(state, welcome('A', 20))).toEqual({ state, carryAfter: null })
  })
  test('[P5] a relay that only restarted goes on within the catch-up', () => {
    const state = { cursor: at('A', 7, { to: 20, last: 3 }), incarnations: [{ id: 'A', first: 1 }] }
    expect(welcomed(state, welcome('B', 20))).toMatchObject({ state: { cursor: at('B', 7, { to: 20, last: 3 }) }, carryAfter: 20 })
    expect(welcomed(state, welcome('B', 12))).toMatchObject({ state: { cursor: at('B', 7) }, carryAfter: 12 })
  })
  test('[P2] in a new incarnation it goes on from the common seq, and looks after what came later', () => {
    const state = { cursor: at('A', 70), incarnations: [{ id: 'A', first: 1 }] }
    expect(welcomed(state, welcome('B', 40))).toEqual({
      state: {
        cursor: at('B', 40),
        incarnations: [
          { id: 'A', first: 1 },
          { id: 'B', first: 50 },
        ],
      },
      carryAfter: 40,
    })
  })
  test('a new replica has nothing to carry', () => {
    expect(welcomed({ cursor: null, incarnations: [] }, welcome('A', 0))).toMatchObject({ state: { cursor: at('A', 0) }, carryAfter: null })
  })
  test('live changes move the cursor, and must follow it', () => {
    expect(advanced(at('A', 7), live(7, 9))).toEqual(at('A', 9))
    for (const wrong of [live(8, 9), live(6, 9)])
      expect(() => advanced(at('A', 7), wrong)).toThrow(expect.objectContaining({ code: 'protocol/malformed' }))
  })
  test('a catch-up leaves seq where it was until all documents are listed', () => {
    const first = advanced(at('A', 7), part(7, 20, 3))
    expect(first).toEqual(at('A', 7, { to: 20, last: 3 }))
    expect(() => advanced(first, live(7, 8))).toThrow()
    expect(() => advanced(first, part(7, 21, 5))).toThrow()
    expect(advanced(first, part(7, 20, 5, true))).toEqual(at('A', 20))
  })
  test('a stored cursor reads back as it was, and anything else counts as none', () => {
    const cursor = at('A', 7, { to: 20, last: 3 })
    expect(readReplicaState(cursorJson(cursor), [{ id: 'A', first: 1 }])).toEqual({ cursor, incarnations: [{ id: 'A', first: 1 }] })
    for (const wrong of [null, 'x', { incarnation: 1, seq: 2 }, { ...cursor, seq: -1 }])
      expect(readReplicaState(wrong as never, undefined).cursor).toBeNull()
  })
})
