import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { commonSeq, documentName, type Incarnation, isDocumentName, isSpaceName, parseDocumentName } from '../src/index.ts'

const chain = (text: string): Incarnation[] =>
  text
    .split(' ')
    .filter(Boolean)
    .map((part) => ({ id: part[0] as string, first: Number(part.slice(1)) }))
const common = (relay: string, head: number, replica: string, at: string): number =>
  commonSeq(chain(relay), head, chain(replica), { incarnation: at[0] as string, seq: Number(at.slice(1)), grants: '', scope: '' })

describe('the seq common to two histories', () => {
  test.each([
    ['the same life', 'A1', 90, 'A1', 'A80', 80],
    ['a kill without loss', 'A1 B91', 90, 'A1', 'A80', 80],
    ['a kill that lost the end', 'A1 B61', 60, 'A1', 'A80', 60],
    ['a restore of an old backup', 'A1 C41', 45, 'A1 B61', 'B80', 40],
    ['a restore while the replica was away', 'A1 C41', 70, 'A1', 'A80', 40],
    ['a relay that lost everything', 'X1', 10, 'A1 B61', 'B80', 0],
    ['an incarnation the replica never listed', 'A1', 90, '', 'A70', 70],
  ])('after %s', (_what, relay, head, replica, at, expected) => {
    expect(common(relay, head, replica, at)).toBe(expected)
  })

  test('is never beyond what both have', () => {
    const lives = fc.array(fc.record({ id: fc.constantFrom('A', 'B', 'C', 'D'), first: fc.nat(100) }), { maxLength: 5 })
    fc.assert(
      fc.property(lives, fc.nat(100), lives, fc.constantFrom('A', 'B', 'C', 'D'), fc.nat(100), (relay, head, replica, id, seq) => {
        const result = commonSeq(relay, head, replica, { incarnation: id, seq, grants: '', scope: '' })
        expect(result).toBeGreaterThanOrEqual(0)
        expect(result).toBeLessThanOrEqual(seq)
      }),
    )
  })
})

describe('names', () => {
  test('an entity is <type>/<id>, and reads back', () => {
    expect(documentName('report', 'aB_-9')).toBe('report/aB_-9')
    expect(parseDocumentName('report/aB_-9')).toEqual({ type: 'report', id: 'aB_-9' })
    for (const wrong of ['report', '/x', 'report/', 'Report/x', 'report/x/y', 'report/ä']) expect(parseDocumentName(wrong)).toBeNull()
    expect(() => documentName('Report', 'x')).toThrow(expect.objectContaining({ code: 'protocol/name' }))
  })
  test('a stock document name is anything printable up to 256 characters', () => {
    expect(['my doc', 'ä/ö/ü', 'x'.repeat(256)].every(isDocumentName)).toBe(true)
    expect(['', 'a\nb', '\ud800', 'x'.repeat(257)].some(isDocumentName)).toBe(false)
  })
  test('a space name begins with a letter or digit and cannot climb folders', () => {
    expect([isSpaceName('acme-1.x_y'), isSpaceName('.hidden'), isSpaceName('a/b'), isSpaceName('')]).toEqual([true, false, false, false])
  })
})
