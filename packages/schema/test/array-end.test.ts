import fc from 'fast-check'
import { expect, test } from 'vitest'
import * as Y from 'yjs'
import { createArrayEnd } from '../src/array-end.ts'
import { type Dot, type Entry, entriesName } from '../src/index.ts'
import { newDoc, sync } from './notation.ts'

const dot = (doc: Y.Doc): Dot => [doc.clientID, Y.getState(doc.store, doc.clientID)]

const step = fc.record({
  what: fc.constantFrom('append', 'append', 'push', 'remove', 'read', 'text', 'sync'),
  at: fc.nat(1),
  pick: fc.nat(99),
})

test('the end appends and removes as the array itself would', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
      const docs = [newDoc(), newDoc()] as const
      const ends = docs.map(createArrayEnd)
      for (const { what, at, pick } of steps) {
        const doc = docs[at] as Y.Doc
        const array = doc.getArray<Entry>(entriesName)
        const before = array.toArray()
        const entry: Entry = { i: dot(doc), f: 'f', v: pick, o: [], by: '', t: 1, k: 'set', s: 1 }
        const gone = before.filter((_, index) => (index * 7 + pick) % 3 === 0)
        if (what === 'append') doc.transact(() => ends[at]?.append(entry))
        else if (what === 'push') array.push([entry])
        else if (what === 'remove') doc.transact(() => ends[at]?.remove(gone.map(({ i }) => i)))
        else if (what === 'text') doc.getText('words').insert(0, 'some words')
        else if (what === 'sync') sync(docs[1 - at] as Y.Doc, doc)
        // Reading by index leaves the markers that the next one starts from.
        const at3 = array.length === 0 ? undefined : array.get(pick % array.length)
        const now = array.toArray()
        expect(at3).toEqual(array.length === 0 ? undefined : now[pick % array.length])
        if (what === 'append' || what === 'push') expect(now).toEqual([...before, entry])
        if (what === 'remove') expect(now).toEqual(before.filter((one) => !gone.includes(one)))
      }
      for (const doc of docs) sync(docs[0], doc)
      for (const doc of docs) sync(docs[1], doc)
      expect(docs[0].getArray(entriesName).toArray()).toEqual(docs[1].getArray(entriesName).toArray())
    }),
    { numRuns: 150, seed: 20_261_124 },
  )
})
