import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { z } from 'zod'
import { defineEntity, type Entry, entriesName, latest, limits, text } from '../src/index.ts'
import { newDoc } from './notation.ts'

const code = (name: string, message = /./) => expect.objectContaining({ code: name, message: expect.stringMatching(message) })

const Task = defineEntity('task', {
  version: 2,
  fields: {
    title: latest(z.string().max(100_000).trim().min(1)),
    size: latest(z.number().default(3)),
    note: latest(z.string().optional()),
    place: latest(z.object({ street: z.string(), zip: z.string().max(5).optional() }).optional()),
    loose: latest(z.any().optional()),
    body: text(),
  },
})

const entries = (doc: Y.Doc): Entry[] => doc.getArray<Entry>(entriesName).toArray()

function task() {
  const doc = newDoc()
  Task.initialise(doc, { title: 'Paint' }, { user: 'ann' })
  return { doc, entity: Task.attach(doc, { user: 'ann' }) }
}

describe('initialise', () => {
  test('requires the fields without default, and writes nothing when one is missing', () => {
    const doc = newDoc()
    expect(() => Task.initialise(doc, {} as never)).toThrow(code('schema/invalid', /title/))
    expect(() => Task.initialise(doc, { title: undefined } as never)).toThrow(code('schema/invalid', /title/))
    expect(doc.store.clients.size).toBe(0)
  })

  test('writes what was given and no default, in one transaction', () => {
    const doc = newDoc()
    let transactions = 0
    doc.on('update', () => void transactions++)
    Task.initialise(doc, { title: ' Paint ', note: undefined, body: 'First words' }, { user: 'ann', clock: { now: () => 1_000 } })
    expect(transactions).toBe(1)
    expect(entries(doc)).toEqual([{ i: [doc.clientID, 0], f: 'title', v: 'Paint', o: [], by: 'ann', t: 1_024_000, s: 2 }])
    expect(doc.getText('body').toString()).toBe('First words')
  })

  test('refuses a document that was initialised before', () => {
    expect(() => Task.initialise(task().doc, { title: 'Again' })).toThrow(code('client/exists'))
  })

  test('refuses a text that is no string', () => {
    expect(() => Task.initialise(newDoc(), { title: 'a', body: 1 as never })).toThrow(code('schema/invalid', /body/))
  })
})

describe('set', () => {
  test('stores the output of the validator', () => {
    const { entity } = task()
    entity.set({ title: '  Varnish ' })
    expect(entity.value.title).toBe('Varnish')
  })

  test('changes all fields or none', () => {
    const { doc, entity } = task()
    const before = Y.encodeStateVector(doc)
    expect(() => entity.set({ size: 5, title: '' })).toThrow(code('schema/invalid', /title/))
    expect(() => entity.set({ size: 5, colour: 'red' } as never)).toThrow(code('schema/unknown-field', /colour/))
    expect(() => entity.set({ size: 5, toString: 'red' } as never)).toThrow(code('schema/unknown-field', /toString/))
    expect(Y.encodeStateVector(doc)).toEqual(before)
  })

  test('says how a text field is changed', () => {
    expect(() => task().entity.set({ body: 'x' } as never)).toThrow(code('schema/invalid', /shared\.body/))
  })

  test('names the path inside a value', () => {
    expect(() => task().entity.set({ place: { street: 'a', zip: '123456' } })).toThrow(code('schema/invalid', /place\.zip/))
  })

  test('clears an optional field, and lets a default come back', () => {
    const { doc, entity } = task()
    entity.set({ note: 'x', size: 7 })
    entity.set({ note: undefined, size: undefined })
    expect(entity.value).toMatchObject({ note: undefined, size: 3 })
    expect(entries(doc).some((entry) => entry.v === 3)).toBe(false)
    expect(() => entity.set({ title: undefined } as never)).toThrow(code('schema/invalid'))
  })

  test('does nothing for an empty patch', () => {
    const { doc, entity } = task()
    doc.on('update', () => expect.unreachable())
    entity.set({})
  })

  test('keeps nothing of the object it was given', () => {
    const { entity } = task()
    const place = { street: 'Elm', zip: undefined }
    entity.set({ place: place as never })
    place.street = 'Oak'
    expect(entity.value.place).toEqual({ street: 'Elm' })
    expect(Object.isFrozen(entity.value) && Object.isFrozen(entity.value.place)).toBe(true)
  })

  test('[P8] refuses a value over the size limit, counted in bytes', () => {
    const { entity } = task()
    expect(() => entity.set({ title: 'é'.repeat(limits.valueBytes / 2) })).toThrow(code('schema/invalid', /title: .*bytes/))
    expect(() => entity.set({ title: 'é'.repeat(limits.valueBytes / 2 - 1) })).not.toThrow()
  })

  test('refuses what is no JSON, saying where', () => {
    const { entity } = task()
    const cyclic: { self?: unknown } = {}
    cyclic.self = cyclic
    const bad = [
      { a: [1n] },
      new Date(0),
      { a: () => 1 },
      Number.NaN,
      '\ud800',
      new Map(),
      cyclic,
      [undefined],
      JSON.parse('{"__proto__":1}'),
    ]
    for (const value of bad) expect(() => entity.set({ loose: value })).toThrow(code('schema/unstable', /loose/))
    expect(() => entity.set({ loose: { a: [1n] } })).toThrow(code('schema/unstable', /loose\.a\[0\]/))
  })
})

describe('a validator', () => {
  const attach = (schema: z.ZodType) => defineEntity('a', { version: 1, fields: { b: latest(schema) } }).attach(newDoc())

  test('whose output it does not accept again, or changes again, is unstable', () => {
    expect(() => attach(z.string().transform((s) => s.length)).set({ b: 'abc' })).toThrow(code('schema/unstable'))
    expect(() => attach(z.number().transform((n) => n + 1)).set({ b: 1 })).toThrow(code('schema/unstable'))
  })

  test('that answers with a promise is refused when that shows', () => {
    expect(() => attach(z.string().refine(async () => true)).set({ b: 'abc' })).toThrow(code('schema/definition', /synchronous/))
  })

  test('that throws makes the value invalid', () => {
    const throwing = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: () => {
          throw new Error('boom')
        },
      },
    } as const
    const entity = defineEntity('a', { version: 1, fields: { b: latest(throwing) } }).attach(newDoc())
    expect(() => entity.set({ b: 1 })).toThrow(code('schema/invalid', /boom/))
  })
})
