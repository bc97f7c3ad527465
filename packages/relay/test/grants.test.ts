import { accessLevels } from '@tidemark/protocol'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { beyond, createGrants, isWider, type PrefixGrant, visibleIn } from '../src/grants.ts'

const prefix = fc.constantFrom('', 'a', 'ab', 'abc', 'b', 'a/', 'b/x')
const list: fc.Arbitrary<PrefixGrant[]> = fc.array(fc.record({ prefix, access: fc.constantFrom(...accessLevels) }), { maxLength: 6 })
const documents = ['', 'a', 'ab', 'abc', 'abcd', 'ac', 'b', 'b/x', 'b/xy', 'b/y', 'a/', 'a/1', 'c', 'zz']

/** What the longest prefix says, looked up the plain way. */
function expected(grants: readonly PrefixGrant[], document: string): string {
  let longest: PrefixGrant | null = null
  for (const grant of grants) {
    if (document.startsWith(grant.prefix) && grant.prefix.length >= (longest?.prefix.length ?? 0)) longest = grant
  }
  return longest?.access ?? 'none'
}

describe('grants', () => {
  test('give what the longest prefix says, and the later of two for one prefix', () => {
    fc.assert(
      fc.property(list, (grants) => {
        const made = createGrants(grants)
        for (const document of documents) expect(made.accessTo(document)).toBe(expected(grants, document))
      }),
    )
  })

  test('have a view that tells exactly what they show, and is the same for all that show the same', () => {
    fc.assert(
      fc.property(list, list, (one, other) => {
        const [a, b] = [createGrants(one), createGrants(other)]
        const shown = (grants: typeof a) => documents.map((document) => grants.accessTo(document) !== 'none')
        expect(documents.map((document) => visibleIn(a.view)?.(document) ?? true)).toEqual(shown(a))
        if (a.view === b.view) expect(shown(a)).toEqual(shown(b))
        expect(a.view === '').toBe(a.visible === null)
      }),
      { numRuns: 500 },
    )
  })

  test('are wider exactly when something more is visible', () => {
    fc.assert(
      fc.property(list, list, (one, other) => {
        const [a, b] = [createGrants(one), createGrants(other)]
        const isMore = documents.some((document) => a.accessTo(document) !== 'none' && b.accessTo(document) === 'none')
        if (isMore) expect(isWider(a.view, b.view)).toBe(true)
        for (const document of documents) {
          const isNew = a.accessTo(document) !== 'none' && b.accessTo(document) === 'none'
          expect(beyond(a.visible, visibleIn(b.view))(document)).toBe(isNew)
        }
        expect(isWider(a.view, a.view)).toBe(false)
      }),
      { numRuns: 500 },
    )
  })

  test('of whole spaces, of read and write alike, share one view', () => {
    expect(createGrants([{ prefix: '', access: 'read' }]).view).toBe('')
    expect(
      createGrants([
        { prefix: '', access: 'decide' },
        { prefix: 'a/', access: 'read' },
      ]).view,
    ).toBe('')
    expect(createGrants([]).highest).toBe('none')
  })

  test('of many prefixes are named by a hash, and count as showing nothing known', () => {
    const many = (access: 'read' | 'write') => createGrants(Array.from({ length: 200 }, (_, i) => ({ prefix: `team${i}/`, access })))
    const { view } = many('read')
    expect(view).toMatch(/^#.{43}$/)
    expect(view).toBe(many('write').view)
    expect(isWider(view, '')).toBe(false)
    expect(isWider('', view)).toBe(true)
    expect(visibleIn(view)?.('team1/x')).toBe(false)
  })

  test('read what a client makes up as nothing', () => {
    for (const view of ['x', '{}', '[1]', '[["a"]]', 'null']) {
      expect(isWider('', view)).toBe(true)
      expect(() => visibleIn(view)?.('a')).not.toThrow()
      expect(visibleIn(view)?.('a') ?? false).toBe(false)
    }
  })
})
