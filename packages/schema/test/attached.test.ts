import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import * as Y from 'yjs'
import { z } from 'zod'
import { defineEntity, entriesName, latest, origins, richText, text } from '../src/index.ts'
import { newDoc, stampsAt, sync } from './notation.ts'

const Note = defineEntity('note', {
  version: 1,
  fields: { title: latest(z.string()), rank: latest(z.number().default(0)), body: richText(), plain: text() },
})

describe('an attached entity', () => {
  test('[P9] reads and writes a document that another provider feeds', () => {
    const [mine, theirs] = [newDoc(), newDoc()]
    mine.on('update', (update: Uint8Array) => Y.applyUpdate(theirs, update))
    const [a, b] = [Note.attach(mine), Note.attach(theirs)]
    a.set({ title: 'Roof' })
    a.shared.plain.insert(0, 'loose tiles')
    expect(b.value).toEqual({ title: 'Roof', rank: 0 })
    expect(b.shared.plain.toString()).toBe('loose tiles')
    expect(b.shared.body).toBeInstanceOf(Y.XmlFragment)
  })

  test('keeps the reference of get() until something changes, and tells listeners once a transaction', () => {
    const doc = newDoc()
    const { get, subscribe, set, shared } = bound(Note.attach(doc))
    const listener = vi.fn()
    const stop = subscribe(listener)
    const before = get()
    shared.plain.insert(0, 'text is not a register')
    expect(get()).toBe(before)
    expect(listener).not.toHaveBeenCalled()
    set({ title: 'a', rank: 1 })
    expect(get()).not.toBe(before)
    expect(listener).toHaveBeenCalledTimes(1)
    stop()
    set({ title: 'b' })
    expect(listener).toHaveBeenCalledTimes(1)
  })

  const bound = (entity: ReturnType<typeof Note.attach>) => ({ ...entity, set: entity.set.bind(entity), shared: entity.shared })

  test('writes in one transaction under the origin of this package', () => {
    const doc = newDoc()
    const seen: unknown[] = []
    doc.on('update', (_: Uint8Array, origin: unknown) => void seen.push(origin))
    Note.attach(doc).set({ title: 'a', rank: 1 })
    expect(seen).toEqual([origins.set])
    expect(Object.isFrozen(origins.set)).toBe(true)
  })

  test('survives a listener that throws, and so does the document', () => {
    const report = vi.spyOn(console, 'error').mockImplementation(() => undefined)
    const doc = newDoc()
    const entity = Note.attach(doc)
    const second = vi.fn()
    entity.subscribe(() => {
      throw new Error('a listener of the app')
    })
    entity.subscribe(second)
    entity.set({ title: 'a' })
    entity.set({ title: 'b' })
    expect(second).toHaveBeenCalledTimes(2)
    expect(report).toHaveBeenCalledTimes(2)
    expect(entity.value.title).toBe('b')
    report.mockRestore()
  })

  test('stays at the last stable value while structs are missing, but shows own writes', () => {
    const updates: Uint8Array[] = []
    const writer = newDoc()
    writer.on('update', (update: Uint8Array) => void updates.push(update))
    const source = Note.attach(writer)
    source.set({ title: 'one', rank: 1 })
    source.set({ title: 'two' })
    source.set({ title: 'three', rank: 3 })
    const doc = newDoc()
    const entity = Note.attach(doc)
    Y.applyUpdate(doc, updates[0] as Uint8Array)
    const stable = entity.get()
    Y.applyUpdate(doc, updates[2] as Uint8Array)
    expect(entity.syncing).toBe(true)
    expect(entity.value).toEqual(stable)
    expect(entity.get(), 'a new reference tells that it is syncing').not.toBe(stable)
    entity.set({ rank: 9 })
    expect(entity.value).toEqual({ title: 'one', rank: 9 })
    Y.applyUpdate(doc, updates[1] as Uint8Array)
    expect(entity.syncing).toBe(false)
    expect(entity.value.title).toBe('three')
  })

  test('reports a stored value that does not validate, and reads the default', () => {
    const Old = defineEntity('note', { version: 1, fields: { rank: latest(z.string()), title: latest(z.string()) } })
    const doc = newDoc()
    Old.initialise(doc, { rank: 'high', title: 'a' })
    const entity = Note.attach(doc)
    expect(entity.value).toEqual({ title: 'a', rank: 0 })
    expect(entity.invalid).toEqual([expect.objectContaining({ field: 'rank', stored: 'high' })])
    entity.set({ rank: 2 })
    expect(entity.invalid).toEqual([])
  })

  test('reports a required field that has no value yet', () => {
    const doc = newDoc()
    const entity = Note.attach(doc)
    expect(entity.invalid).toEqual([{ field: 'title', stored: undefined, message: 'has no value yet' }])
    Note.initialise(doc, { title: 'a' })
    expect(entity.invalid).toEqual([])
  })

  test('stops at close, twice is once, and refuses to write then', () => {
    const doc = newDoc()
    const entity = Note.attach(doc)
    entity.close()
    entity.close()
    Note.attach(doc).set({ title: 'a' })
    expect(entity.value.title).toBeUndefined()
    expect(() => entity.set({ title: 'b' })).toThrow(expect.objectContaining({ code: 'client/closed' }))
  })

  test('refuses a document that uses a field as something else', () => {
    const doc = newDoc()
    doc.getMap('body')
    expect(() => Note.attach(doc)).toThrow(expect.objectContaining({ code: 'schema/definition' }))
  })

  test('writes within a transaction of the caller see each other', () => {
    const doc = newDoc()
    const entity = Note.attach(doc)
    doc.transact(() => {
      entity.set({ title: 'a' })
      entity.set({ title: 'b' })
    })
    expect(entity.value.title).toBe('b')
  })
})

describe('entries from elsewhere', () => {
  test('of any shape at all never make a read or a write throw', () => {
    const part = fc.oneof(fc.jsonValue(), fc.constantFrom(undefined, 'set', 'title', 'rank', 0, 1, [7, 0], [[7, 0]], new Uint8Array(1)))
    const shape = fc.record(
      { i: part, f: part, v: part, o: part, by: part, t: part, k: part, s: part },
      { requiredKeys: [], noNullPrototype: true },
    )
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.jsonValue(), shape), { maxLength: 20 }), (raws) => {
        const source = newDoc()
        source.getArray(entriesName).push(raws)
        const doc = newDoc()
        const entity = Note.attach(doc)
        sync(source, doc)
        entity.set({ title: 'mine', rank: 5 })
        expect(entity.value).toEqual({ title: 'mine', rank: 5 })
        expect(Note.row(doc)).toMatchObject({ title: 'mine', rank: 5 })
      }),
    )
  })

  const good = { i: [7, 0], f: 'title', v: 'x', o: [], by: 'eve', t: 5, k: 'set', s: 1 }
  const hostile: unknown[] = [
    null,
    1,
    'x',
    [],
    {},
    new Uint8Array(3),
    { ...good, i: undefined },
    { ...good, i: ['a', 1] },
    { ...good, i: [1] },
    { ...good, i: [-1, 0] },
    { ...good, f: 7 },
    { ...good, o: 'all' },
    { ...good, o: [[1]] },
    { ...good, o: [null] },
    { ...good, by: {} },
    { ...good, t: '5' },
    { ...good, t: Number.POSITIVE_INFINITY },
    { ...good, t: -1 },
    { ...good, s: null },
    { ...good, k: 'decide' },
    { ...good, k: 'erase' },
    { ...good, v: new Uint8Array(2) },
    { ...good, v: { a: new Uint8Array(2) } },
    { ...good, v: 5n },
    { ...good, f: 'unknown' },
    { ...good, f: '__proto__' },
    { ...good, f: 'body' },
    { ...good, f: 'constructor' },
  ]

  test('are ignored by readers, and left alone by writers', () => {
    const source = newDoc()
    source.getArray(entriesName).push(hostile)
    source.getArray(entriesName).push([new Y.Map(), new Y.XmlText('x')])
    const doc = newDoc()
    const entity = Note.attach(doc)
    entity.set({ title: 'mine' })
    sync(source, doc)
    expect(entity.value).toEqual({ title: 'mine', rank: 0 })
    for (let n = 0; n < 50; n++) entity.set({ title: `mine ${n}` })
    expect(entity.value.title).toBe('mine 49')
    expect(doc.getArray(entriesName).length).toBeGreaterThanOrEqual(hostile.length + 2)
    expect(Note.row(doc).title).toBe('mine 49')
  })

  test('that name themselves or each other cannot hide a later write', () => {
    const doc = newDoc()
    doc.getArray(entriesName).push([
      { ...good, o: [[7, 0]] },
      { ...good, i: [8, 0], o: [[9, 0]] },
      { ...good, i: [9, 0], o: [[8, 0]] },
    ])
    const entity = Note.attach(doc)
    expect(entity.value.title).toBeUndefined()
    entity.set({ title: 'mine' })
    expect(entity.value.title).toBe('mine')
  })

  test('with the greatest possible stamp win once, and are not adopted', () => {
    const doc = newDoc()
    const entity = Note.attach(doc, { stamps: stampsAt(1_000) })
    entity.set({ title: 'mine' })
    const other = newDoc()
    other.getArray(entriesName).push([{ ...good, i: [other.clientID, 0], t: Number.MAX_SAFE_INTEGER }])
    sync(other, doc)
    expect(entity.value.title).toBe('x')
    entity.set({ title: 'mine again' })
    expect(entity.value.title).toBe('mine again')
    const times = (doc.getArray(entriesName).toArray() as { t: number; v: string }[]).filter(({ v }) => v.startsWith('mine'))
    expect(times.every(({ t }) => t < 1_002 * 1_024)).toBe(true)
  })

  test('in a root of other content do not break a reader', () => {
    const source = newDoc()
    source.getMap(entriesName).set('a', 1)
    source.getText('body').insert(0, 'no fragment')
    const doc = newDoc()
    sync(source, doc)
    const entity = Note.attach(doc)
    expect(entity.value.rank).toBe(0)
    expect(Note.row(doc).body).toBe('no fragment')
  })
})
