/** The incremental index must give what a fresh reading gives, after every step, whatever stands in the document. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { createEntryReader, type KnownEntry } from '../src/entry.ts'
import { type Dot, entriesName } from '../src/index.ts'
import { type RegisterModel, type Registers, readRegisters } from '../src/register.ts'
import { createRegisterIndex, type RegisterIndex } from '../src/register-index.ts'
import { newDoc } from './notation.ts'

const plain: RegisterModel = { version: 2, upgrade: null, mapping: null }
const models: Readonly<Record<string, RegisterModel>> = {
  plain,
  'an upgrade that splits a field': {
    ...plain,
    upgrade: (values) => ('a' in values ? { a: values.a, b: values.a } : 'c' in values ? {} : values),
  },
  'a mapping of a Y.Map': { ...plain, mapping: { map: 'old', keys: { a: 'first', d: 'second' } } },
}

type Step =
  | { readonly type: 'write'; readonly at: number; readonly field: string; readonly names: readonly number[]; readonly version: number }
  | { readonly type: 'hostile'; readonly at: number; readonly pick: number; readonly what: 'copy' | 'other' | 'itself' | 'junk' | 'keyed' }
  | { readonly type: 'remove'; readonly at: number; readonly from: number; readonly count: number }
  | { readonly type: 'text' | 'map' | 'undo' | 'rebuild' | 'deliver' | 'sync'; readonly at: number; readonly pick: number }
  | { readonly type: 'together'; readonly at: number; readonly steps: readonly Step[] }

const { step } = fc.letrec<{ step: Step; local: Step }>((tie) => {
  const at = fc.nat(2)
  const pick = fc.nat(1_000)
  const field = fc.constantFrom('a', 'b', 'c', '$life')
  return {
    local: fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({
          type: fc.constant('write'),
          at,
          field,
          names: fc.array(pick, { maxLength: 3 }),
          version: fc.integer({ min: 1, max: 2 }),
        }),
      },
      {
        weight: 1,
        arbitrary: fc.record({ type: fc.constant('hostile'), at, pick, what: fc.constantFrom('copy', 'other', 'itself', 'junk', 'keyed') }),
      },
      { weight: 3, arbitrary: fc.record({ type: fc.constant('remove'), at, from: pick, count: fc.integer({ min: 1, max: 4 }) }) },
      { weight: 2, arbitrary: fc.record({ type: fc.constantFrom('text', 'map', 'undo'), at, pick }) },
    ) as fc.Arbitrary<Step>,
    step: fc.oneof(
      { weight: 8, arbitrary: tie('local') },
      { weight: 5, arbitrary: fc.record({ type: fc.constant('deliver'), at, pick }) },
      { weight: 2, arbitrary: fc.record({ type: fc.constantFrom('sync', 'rebuild'), at, pick }) },
      {
        weight: 2,
        arbitrary: fc.record({ type: fc.constant('together'), at, steps: fc.array(tie('local'), { maxLength: 5, size: 'max' }) }),
      },
    ) as fc.Arbitrary<Step>,
  }
})

interface Place {
  readonly doc: Y.Doc
  readonly undo: Y.UndoManager
  index: RegisterIndex
}

class Bench {
  readonly places: Place[]
  readonly updates: Uint8Array[] = []
  readonly #model: RegisterModel
  readonly #read = createEntryReader()

  constructor(model: RegisterModel) {
    this.#model = model
    this.places = Array.from({ length: 3 }, () => this.#open())
  }

  #open(): Place {
    const doc = newDoc()
    const place = {
      doc,
      undo: new Y.UndoManager(doc.getArray(entriesName), { captureTimeout: 0 }),
      index: createRegisterIndex(this.#model, doc),
    }
    doc.on('update', (update: Uint8Array, origin: unknown) => void (origin !== 'remote' && this.updates.push(update)))
    // Observers run while a transaction is being cleaned up, and may read.
    doc.getArray(entriesName).observe(() => this.check(place))
    return place
  }

  check({ doc, index }: Place): void {
    expect(spelled(index.get())).toBe(spelled(readRegisters(this.#model, doc, this.#read)))
  }

  run(step: Step): void {
    const place = this.places[step.at] as Place
    const { doc } = place
    const array = doc.getArray<unknown>(entriesName)
    const some = (pick: number): unknown => (array.length === 0 ? undefined : array.get(pick % array.length))
    const dotOf = (raw: unknown): Dot[] => ((raw as { i?: Dot } | undefined)?.i === undefined ? [] : [(raw as { i: Dot }).i])
    const entry = (field: string, o: readonly Dot[], s = 2): object => ({
      i: dot(doc),
      f: field,
      v: doc.clientID,
      o,
      by: 'ann',
      t: 1,
      k: 'set',
      s,
    })
    if (step.type === 'write')
      array.push([
        entry(
          step.field,
          step.names.flatMap((pick) => dotOf(some(pick))),
          step.version,
        ),
      ])
    else if (step.type === 'hostile') {
      const copied = some(step.pick)
      if (step.what === 'copy' && copied !== undefined) array.push([copied])
      else if (step.what === 'other' && dotOf(copied)[0] !== undefined) array.insert(0, [{ ...entry('b', []), i: dotOf(copied)[0] }])
      else if (step.what === 'itself') array.push([entry('a', [dot(doc), dot(doc)])])
      else if (step.what === 'junk') array.insert(0, [null, 'words', new Uint8Array(2), { i: [1, 1] }, new Y.Text('nested')])
      else if (step.what === 'keyed') {
        const item = new Y.Item(Y.createID(...dot(doc)), null, null, null, null, array, 'key', new Y.ContentAny([entry('a', [])]))
        doc.transact((transaction) => item.integrate(transaction, 0))
      }
    } else if (step.type === 'remove') {
      const from = array.length === 0 ? 0 : step.from % array.length
      array.delete(from, Math.min(step.count, array.length - from))
    } else if (step.type === 'text') {
      const text = doc.getText('words')
      if (step.pick % 3 === 0) text.delete(0, text.length)
      else text.insert(step.pick % (text.length + 1), 'some words')
    } else if (step.type === 'map') doc.getMap('old').set(step.pick % 2 === 0 ? 'first' : 'second', step.pick)
    else if (step.type === 'undo') place.undo.undo()
    else if (step.type === 'rebuild') {
      place.index.close()
      place.index = createRegisterIndex(this.#model, doc)
    } else if (step.type === 'deliver') {
      const update = this.updates[step.pick % Math.max(1, this.updates.length)]
      if (update !== undefined) Y.applyUpdate(doc, update, 'remote')
    } else if (step.type === 'sync') Y.applyUpdate(doc, Y.encodeStateAsUpdate((this.places[step.pick % 3] as Place).doc), 'remote')
    else if (step.type === 'together') {
      doc.transact(() => {
        for (const one of step.steps) {
          this.run({ ...one, at: step.at } as Step)
          this.check(place)
        }
      })
    }
    this.check(place)
  }
}

const dot = (doc: Y.Doc): Dot => [doc.clientID, Y.getState(doc.store, doc.clientID)]

const byKey = (entries: readonly KnownEntry[]): KnownEntry[] =>
  entries.toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : a.f < b.f ? -1 : 1))

const spelled = (registers: Registers): string =>
  [...registers]
    .map(([field, { entries, heads }]) => JSON.stringify([field, byKey(entries), byKey(heads)]))
    .sort()
    .join('\n')

describe('the register index', () => {
  for (const [name, model] of Object.entries(models)) {
    test(`gives what a fresh reading gives, after every step: ${name}`, () => {
      fc.assert(
        fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
          const bench = new Bench(model)
          for (const one of steps) bench.run(one)
          for (const place of bench.places) for (const update of bench.updates) Y.applyUpdate(place.doc, update, 'remote')
          for (const place of bench.places) bench.check(place)
        }),
        { numRuns: 100, seed: 20_261_124 },
      )
    })
  }

  test('never reads the array again where nobody claims another’s identity', () => {
    const isHonest = (one: Step): boolean => one.type !== 'hostile' && one.type !== 'undo' && one.type !== 'rebuild'
    const honest = (steps: readonly Step[]): Step[] =>
      steps.filter(isHonest).map((one) => (one.type === 'together' ? { ...one, steps: honest(one.steps) } : one))
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: 'max' }).map(honest), (steps) => {
        const bench = new Bench(plain)
        for (const one of steps) bench.run(one)
        for (const place of bench.places) expect(place.index.wholeReadings).toBe(1)
      }),
      { numRuns: 100, seed: 20_261_124 },
    )
  })

  test('reads nothing of the array for a keystroke, and only what is new for a write', () => {
    const doc = newDoc()
    const index = createRegisterIndex(plain, doc)
    const write = (field: string): void => {
      doc.getArray(entriesName).push([{ i: dot(doc), f: field, v: 1, o: [], by: 'ann', t: 1, k: 'set', s: 1 }])
    }
    write('a')
    const before = index.get().get('a')
    doc.getText('words').insert(0, 'x')
    expect(index.get().get('a')).toBe(before)
    write('b')
    expect(index.get().get('a')).toBe(before)
    expect(index.get().get('b')?.heads).toHaveLength(1)
  })
})
