import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import {
  advanceState,
  type Cut,
  compact,
  cutUpdate,
  type DocumentState,
  deleteSetDifference,
  emptyState,
  encodeStateVector,
  mergeGrouped,
  stateOf,
  updateLimits,
  validateUpdate,
} from '../src/index.ts'

const bytes = (hex: string): Uint8Array => Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))

/** Documents edited by a script of small numbers; returns each update in the order it was made. */
function edit(steps: readonly number[], replicas = 3): { updates: Uint8Array[]; docs: Y.Doc[] } {
  const updates: Uint8Array[] = []
  const docs = Array.from({ length: replicas }, (_, i) => {
    const doc = new Y.Doc({ guid: 'test' })
    doc.clientID = 10 + i
    doc.on('update', (update: Uint8Array, origin: unknown) => {
      if (origin !== 'sync') updates.push(update)
    })
    return doc
  })
  for (const step of steps) {
    const doc = docs[step % replicas] as Y.Doc
    const text = doc.getText('text')
    const at = text.length === 0 ? 0 : (step >>> 3) % text.length
    const kind = (step >>> 9) % 8
    if (kind === 0) sync(docs[(step >>> 5) % replicas] as Y.Doc, doc)
    else if (kind === 1 && text.length > 0) text.delete(at, Math.min(1 + ((step >>> 12) % 4), text.length - at))
    else if (kind === 2) doc.getArray('list').insert(0, [{ n: step, deep: [1, 'two', null, true, 2.5] }, 'x', 'y'])
    else if (kind === 3) doc.getMap('map').set(`key${step % 3}`, step)
    else if (kind === 4 && text.length > 1) text.format(0, 1, { bold: step % 2 === 0 })
    else if (kind === 5 && doc.getArray('list').length > 0) doc.getArray('list').delete(0, 1)
    else if (kind === 6) doc.getXmlFragment('xml').insert(0, [new Y.XmlElement('p')])
    else text.insert(at, step % 5 === 0 ? '😀é' : 'abc')
  }
  return { updates, docs }
}

function sync(from: Y.Doc, to: Y.Doc): void {
  Y.applyUpdate(to, Y.encodeStateAsUpdate(from, Y.encodeStateVector(to)), 'sync')
}

const json = (doc: Y.Doc): unknown => ({
  text: doc.getText('text').toDelta(),
  list: doc.getArray('list').toJSON(),
  map: doc.getMap('map').toJSON(),
  xml: doc.getXmlFragment('xml').toString(),
})

function load(updates: readonly Uint8Array[]): Y.Doc {
  const doc = new Y.Doc({ guid: 'load' })
  for (const update of updates) Y.applyUpdate(doc, update)
  return doc
}

/** A relay's log: what is pushed is validated, cut and kept. */
class Relay {
  readonly log: Uint8Array[] = []
  state: DocumentState = emptyState()

  push(update: Uint8Array): Cut {
    const cut = cutUpdate(validateUpdate(update), this.state)
    if (cut.type === 'fits') {
      advanceState(this.state, cut)
      this.log.push(cut.update)
    }
    return cut
  }
}

const steps = fc.array(fc.nat(2 ** 16), { maxLength: 60 })

describe('validateUpdate', () => {
  const hostile: readonly (readonly [string, string])[] = [
    ['a zero-length deletion that wedges a Y.Doc', '01010500010101740000'],
    ['bytes left over', '000000'],
    ['2^25 structs in 7 bytes', '0180808010010000'],
    ['a collected struct that exhausts the clock', '010105000' + '0ffffffffffffff0f00'],
    ['the same client twice', '0201050004010174016101050004010174016200'],
    ['a sub-document', '0101050009010174' + '0161' + '760000'],
    ['bad UTF-8', '01010500040101740' + '1ff00'],
    ['a deleted range without length', '00010501000' + '0'],
    ['an origin in its own future', '010105008405070161' + '00'],
    ['a root type named __proto__', `0101050004 01 09${Buffer.from('__proto__').toString('hex')}016100`.replaceAll(' ', '')],
    ['an empty input', ''],
  ]
  test.each(hostile)('refuses %s', (_name, hex) => {
    expect(() => validateUpdate(bytes(hex))).toThrow(expect.objectContaining({ code: 'updates/invalid' }))
  })

  test('refuses values nested 5,000 deep without overflowing the stack', () => {
    const deep = `${'75 01'.replace(' ', '').repeat(5_000)}7e`
    expect(() => validateUpdate(bytes(`010105000801017401${deep}00`))).toThrow(expect.objectContaining({ code: 'updates/invalid' }))
  })

  test('takes every honest update', () => {
    fc.assert(
      fc.property(steps, (script) => {
        const { updates, docs } = edit(script)
        for (const update of updates) validateUpdate(update)
        for (const doc of docs) validateUpdate(Y.encodeStateAsUpdate(doc))
        validateUpdate(mergeGrouped(updates))
      }),
      { numRuns: 200 },
    )
  })

  test('throws updates/invalid only, whatever the bytes; what it takes, a Y.Doc takes', () => {
    const { updates } = edit([600, 1030, 5, 4000, 1601, 2050, 3600, 9000])
    const mutated = fc
      .tuple(fc.constantFrom(...updates), fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 4 }))
      .map(([update, changes]) => {
        const copy = update.slice()
        for (const [at, value] of changes) copy[at % copy.length] = value
        return copy
      })
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 60 }), mutated), (input) => {
        try {
          validateUpdate(input)
        } catch (error) {
          expect(error).toMatchObject({ code: 'updates/invalid' })
          return
        }
        const relay = new Relay()
        relay.push(input)
        const doc = load(relay.log)
        expect(doc.store.pendingStructs).toBeNull()
        doc.getText('after').insert(0, 'still alive')
        expect(
          load([Y.encodeStateAsUpdate(doc)])
            .getText('after')
            .toString(),
        ).toBe('still alive')
      }),
      { numRuns: 20_000 },
    )
  })
})

describe('cutUpdate', () => {
  test('[P3] pushes in any order, repeated and merged, make a log that equals the documents', () => {
    fc.assert(
      fc.property(steps, fc.infiniteStream(fc.nat(1_000)), (script, chance) => {
        const { updates, docs } = edit(script)
        const draw = (max: number): number => (max === 0 ? 0 : (chance.next().value as number) % max)
        const relay = new Relay()
        const queue = updates.flatMap((update) => (draw(4) === 0 ? [update, update] : [update]))
        for (let i = queue.length - 1; i > 0; i--) {
          const j = draw(i + 1)
          ;[queue[i], queue[j]] = [queue[j] as Uint8Array, queue[i] as Uint8Array]
        }
        for (const update of queue) relay.push(update)
        for (const doc of docs) relay.push(Y.encodeStateAsUpdate(doc))
        const all = load(updates)
        for (const doc of docs) sync(all, doc)
        const joiner = load(relay.log)
        expect(joiner.store.pendingStructs).toBeNull()
        expect(json(joiner)).toEqual(json(all))
        expect(json(load([mergeGrouped(relay.log, 3)]))).toEqual(json(all))
        expect(json(load([compact(relay.log)]))).toEqual(json(all))
        expect(Y.encodeStateVector(joiner)).toEqual(encodeStateVector(relay.state))
        expect(stateOf(relay.log)).toEqual(relay.state)
      }),
      { numRuns: 300 },
    )
  })

  test('what is known is stored once, whatever a repeated clock holds', () => {
    const relay = new Relay()
    const doc = new Y.Doc({ guid: 'a' })
    doc.clientID = 7
    doc.getText('text').insert(0, 'abc')
    expect(relay.push(Y.encodeStateAsUpdate(doc)).type).toBe('fits')
    expect(relay.push(Y.encodeStateAsUpdate(doc)).type).toBe('known')
    const forged = new Y.Doc({ guid: 'b' })
    forged.clientID = 7
    forged.getText('text').insert(0, 'xyz!')
    expect(relay.push(Y.encodeStateAsUpdate(forged)).type).toBe('fits')
    expect(load(relay.log).getText('text').toString()).toBe('abc!')
  })

  test('an update behind a gap is incomplete, and its fitting part is kept', () => {
    const { updates, docs } = edit([7 << 9, (7 << 9) + 3, (7 << 9) + 6])
    const relay = new Relay()
    expect(relay.push(updates[1] as Uint8Array).type).toBe('incomplete')
    const other = new Y.Doc({ guid: 'other' })
    other.clientID = 3
    other.getMap('map').set('a', 1)
    const mixed = Y.mergeUpdates([updates[1] as Uint8Array, Y.encodeStateAsUpdate(other)])
    expect(relay.push(mixed)).toMatchObject({ type: 'fits', dropped: true })
    expect(relay.push(Y.encodeStateAsUpdate(docs[2] as Y.Doc))).toMatchObject({ type: 'fits', dropped: false })
  })

  test('a deletion of what is unknown is not kept', () => {
    const relay = new Relay()
    expect(relay.push(bytes('000105010064')).type).toBe('incomplete')
    const doc = new Y.Doc({ guid: 'a' })
    doc.clientID = 5
    doc.getText('text').insert(0, 'abc')
    relay.push(Y.encodeStateAsUpdate(doc))
    expect(load(relay.log).getText('text').toString()).toBe('abc')
    expect(relay.push(bytes('000105010164'))).toMatchObject({ type: 'fits', dropped: true })
    expect(load(relay.log).getText('text').toString()).toBe('a')
  })

  test('an update that fits whole keeps its bytes', () => {
    const { updates } = edit([7 << 9])
    expect(new Relay().push(updates[0] as Uint8Array)).toMatchObject({ update: updates[0] })
  })
})

describe('merging', () => {
  test('compact refuses updates with a gap', () => {
    const { updates } = edit([7 << 9, (7 << 9) + 3])
    expect(() => compact([updates[1] as Uint8Array])).toThrow(expect.objectContaining({ code: 'updates/gap' }))
  })

  test('no updates merge into one that changes nothing', () => {
    expect(json(load([mergeGrouped([])]))).toEqual(json(new Y.Doc({ guid: 'empty' })))
  })

  test('the difference of two delete sets is what only the first deletes', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(1), fc.nat(30), fc.integer({ min: 1, max: 6 }))), (ranges) => {
        const sets = [stateOf([]), stateOf([])]
        const plain = [new Set<number>(), new Set<number>()]
        for (const [which, start, length] of ranges) {
          for (let clock = start; clock < start + length; clock++) plain[which]?.add(clock)
          advanceState(sets[which] as DocumentState, {
            type: 'fits',
            update: bytes(''),
            dropped: false,
            clocks: new Map(),
            deletes: new Map([[1, [start, start + length]]]),
            growth: { roots: new Set(), types: 0, deepest: 0, depths: new Map(), several: [] },
            problem: null,
          })
        }
        const left = deleteSetDifference((sets[0] as DocumentState).deletes, (sets[1] as DocumentState).deletes).get(1) ?? []
        const clocks: number[] = []
        for (let i = 0; i < left.length; i += 2)
          for (let clock = left[i] as number; clock < (left[i + 1] as number); clock++) clocks.push(clock)
        expect(clocks).toEqual([...(plain[0] as Set<number>)].filter((clock) => !plain[1]?.has(clock)).sort((a, b) => a - b))
      }),
    )
  })
})

describe('stateOf', () => {
  test('reads a log that is larger than one update may be', () => {
    const structs = updateLimits.maxStructs + 1
    const size = Uint8Array.of(...numberBytes(structs))
    const update = new Uint8Array(1 + size.length + 2 + structs * 2 + 1)
    update.set([1, ...size, 5, 0])
    for (let i = 0; i < structs; i++) update.set([0, 1], 3 + size.length + i * 2)
    expect(() => validateUpdate(update)).toThrow(expect.objectContaining({ code: 'updates/invalid' }))
    expect(stateOf([update]).stateVector).toEqual(new Map([[5, structs]]))
  })
})

function numberBytes(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...numberBytes(value >>> 7)]
}
