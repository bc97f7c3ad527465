import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineEntity, latest, richText, text } from '../src/index.ts'

const wrong = expect.objectContaining({ code: 'schema/definition' })
const field = latest(z.string())

describe('defineEntity', () => {
  test('refuses a type that cannot be the first part of a document name', () => {
    for (const type of ['', 'Report', '9lives', 'a b', 'a/b', `a${'b'.repeat(64)}`]) {
      expect(() => defineEntity(type, { version: 1, fields: {} }), type).toThrow(wrong)
    }
  })

  test('refuses a version that is not a whole number from 1', () => {
    for (const version of [0, 1.5, Number.NaN]) expect(() => defineEntity('a', { version, fields: {} })).toThrow(wrong)
  })

  test('refuses field names that Tidemark keeps for itself or that are no plain words', () => {
    for (const name of ['$entries', '$x', '_x', 'a-b', '', '1a']) {
      expect(() => defineEntity('a', { version: 1, fields: { [name]: field } }), name).toThrow(wrong)
    }
    expect(() => defineEntity('a', { version: 1, fields: JSON.parse('{"__proto__":{}}') })).toThrow(wrong)
  })

  test('refuses what is no field', () => {
    expect(() => defineEntity('a', { version: 1, fields: { b: z.string() as never } })).toThrow(wrong)
    expect(() => latest('string' as never)).toThrow(wrong)
    expect(() => latest(undefined as never)).toThrow(wrong)
  })

  test('refuses more fields than the limit', () => {
    const fields = Object.fromEntries(Array.from({ length: 257 }, (_, n) => [`f${n}`, field]))
    expect(() => defineEntity('a', { version: 1, fields })).toThrow(wrong)
  })

  test('refuses a default that is no JSON or differs from run to run', () => {
    let n = 0
    const define = (schema: z.ZodType) => () => defineEntity('a', { version: 1, fields: { b: latest(schema) } })
    expect(define(z.date().default(new Date()))).toThrow(wrong)
    expect(define(z.number().default(() => ++n))).toThrow(wrong)
    expect(define(z.number().default(1))).not.toThrow()
  })

  test('refuses an asynchronous validator as soon as it can be known', () => {
    const schema = z.any().refine(async () => true)
    expect(() => defineEntity('a', { version: 1, fields: { b: latest(schema) } })).toThrow(wrong)
  })

  test('gives a frozen definition that does not follow its argument', () => {
    const fields = { title: field, body: richText(), notes: text() }
    const definition = defineEntity('report', { version: 3, fields })
    expect(definition).toMatchObject({ type: 'report', version: 3 })
    expect(Object.isFrozen(definition) && Object.isFrozen(definition.fields)).toBe(true)
    expect(definition.fields).not.toBe(fields)
  })
})
