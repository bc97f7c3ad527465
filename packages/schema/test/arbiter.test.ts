import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { z } from 'zod'
import { arbitrated, createUniqueArbiter, defineEntity, entriesName, guardFile, limits } from '../src/index.ts'
import { newDoc, sync } from './notation.ts'

const Seat = defineEntity('seat', { version: 1, fields: { holder: arbitrated(z.string().max(20)) } })

/** Two people and a relay that answers whatever reaches it. */
function house() {
  const [left, right, relay] = [newDoc(), newDoc(), newDoc()]
  const arbiter = createUniqueArbiter()
  const meet = (): number => {
    sync(left, relay)
    sync(right, relay)
    const answered = Seat.arbitrate(relay, arbiter, { user: 'relay' })
    sync(relay, left)
    sync(relay, right)
    return answered
  }
  return { ann: Seat.attach(left, { user: 'ann' }), bob: Seat.attach(right, { user: 'bob' }), meet, relay, arbiter }
}

describe('an arbitrated field', () => {
  test('is proposed until the arbiter accepts it', () => {
    const { ann, bob, meet } = house()
    expect(ann.value.holder).toEqual({ status: 'unset', value: undefined, proposed: [], refused: [] })
    ann.set({ holder: 'ann' })
    expect(ann.value.holder).toMatchObject({ status: 'proposed', value: undefined, proposed: [{ value: 'ann', user: 'ann' }] })
    expect(meet()).toBe(1)
    expect(bob.value.holder).toMatchObject({ status: 'settled', value: 'ann', proposed: [] })
  })

  test('is refused with the value that holds and the reason, and can be proposed again', () => {
    const { ann, bob, meet } = house()
    ann.set({ holder: 'seat 1' })
    meet()
    bob.set({ holder: 'seat 1' })
    meet()
    expect(bob.value.holder).toMatchObject({
      status: 'refused',
      value: 'seat 1',
      refused: [{ value: 'seat 1', user: 'bob', reason: 'it is taken' }],
    })
    bob.set({ holder: 'seat 2' })
    meet()
    expect(ann.value.holder).toEqual({ status: 'settled', value: 'seat 2', proposed: [], refused: [] })
  })

  test('is answered once for each intent, also after a restart and when updates come again', () => {
    const { ann, meet, relay, arbiter } = house()
    ann.set({ holder: 'a' })
    expect([meet(), meet()]).toEqual([1, 0])
    const restarted = newDoc()
    Y.applyUpdate(restarted, Y.encodeStateAsUpdate(relay))
    Y.applyUpdate(restarted, Y.encodeStateAsUpdate(ann.doc))
    expect(Seat.arbitrate(restarted, arbiter)).toBe(0)
  })

  test('waits when the arbiter fails, and stays small', () => {
    const { ann, meet, relay } = house()
    ann.set({ holder: 'a' })
    sync(ann.doc, relay)
    const failing = () => {
      throw new Error('down')
    }
    expect(() => Seat.arbitrate(relay, failing)).toThrow('down')
    expect(meet()).toBe(1)
    for (let n = 0; n < 100; n++) {
      ann.set({ holder: `seat ${n}` })
      meet()
    }
    expect(ann.value.holder).toMatchObject({ status: 'settled', value: 'seat 99' })
    expect(relay.getArray(entriesName).length).toBeLessThanOrEqual(4 * limits.keptEntries)
    expect(guardFile([Seat]).entities.seat).toEqual({ critical: [], arbitrated: ['holder'] })
  })
})
