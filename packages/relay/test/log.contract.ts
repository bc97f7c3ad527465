import { mergeGrouped } from '@tidemark/updates'
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import type { LoadedDocument, Log, LogEntry } from '../src/index.ts'
import { textUpdate } from './wire-client.ts'

/** One storage; `open` may be called again after the log before was closed. */
export interface LogHarness {
  /** An entry of the principal `faulty` makes its append fail when part of the batch is stored already. */
  open(): Promise<Log>
  /** Copies the storage, whose log is closed; what it returns puts the copy in its place, once the log is closed again. */
  backup(): Promise<() => Promise<void>>
  remove(): Promise<void>
}

export const faulty = 'faulty'

/** An entry of the space `s`: `entry('a', 1)` writes "1" into document `a` by client 1. */
export function entry(document: string, client: number, more: Partial<LogEntry> = {}): LogEntry {
  return { space: 's', document, update: textUpdate(String(client), client), principal: 'p', kind: 'push', claims: [], ...more }
}

export const purgeOf = (document: string, more: Partial<LogEntry> = {}): LogEntry =>
  entry(document, 0, { update: new Uint8Array(), principal: 'admin', kind: 'purge', ...more })

/** A document that is not purged. */
export async function loadOf(log: Log, space: string, document: string): Promise<LoadedDocument | null> {
  const loaded = await log.load(space, document)
  if (loaded === 'purged') throw new Error(`${document} was purged`)
  return loaded
}

const all = { maxItems: 1_000, maxBytes: 1 << 20 }

/** A document's text, its characters sorted: what it holds, wherever concurrent writers put it. */
export function letters(updates: readonly Uint8Array[]): string {
  const doc = new Y.Doc({ guid: 'reader' })
  Y.applyUpdate(doc, mergeGrouped(updates))
  return [...doc.getText('t').toString()].sort().join('')
}

/** What every `Log` must do; an adapter's own test file calls this and adds its faults. */
export function logContract(name: string, create: () => Promise<LogHarness>): void {
  describe(name, () => {
    const harnesses: LogHarness[] = []
    const logs: Log[] = []
    const harness = async (): Promise<LogHarness> => {
      const made = await create()
      harnesses.push(made)
      const open = async (): Promise<Log> => {
        const log = await made.open()
        logs.push(log)
        return log
      }
      return { ...made, open }
    }
    const opened = async (): Promise<Log> => {
      const log = await (await harness()).open()
      await log.open('s')
      return log
    }
    afterEach(async () => {
      for (const log of logs.splice(0)) await log.close()
      for (const one of harnesses.splice(0)) await one.remove()
    })

    const texts = async (log: Log, document: string): Promise<string | null> => {
      const loaded = await loadOf(log, 's', document)
      return loaded === null ? null : letters([loaded.update])
    }

    test('a new space is empty and has one incarnation, from the first place on', async () => {
      const history = await (await (await harness()).open()).open('s')
      expect(history).toEqual({ bytes: 0, head: 0, incarnations: [{ id: expect.any(String), first: 1 }] })
    })

    test('every opening of the storage begins an incarnation behind the head, and so does renewing', async () => {
      const storage = await harness()
      const first = await storage.open()
      await first.open('s')
      await first.append([entry('a', 1), entry('b', 2)])
      const before = await first.open('s')
      expect(before.incarnations).toHaveLength(1)
      const renewed = await first.renew('s')
      expect(await first.open('s')).toEqual(renewed)
      await first.close()
      const after = await (await storage.open()).open('s')
      expect(after.head).toBe(2)
      expect(after.incarnations.map(({ first: seq }) => seq)).toEqual([1, 3, 3])
      expect(new Set(after.incarnations.map(({ id }) => id)).size).toBe(3)
    })

    test('places rise per space, documents keep their numbers', async () => {
      const log = await opened()
      await log.open('other')
      const batch = [entry('b', 1), entry('a', 2), entry('b', 3), entry('b', 4, { space: 'other' })]
      expect(await log.append(batch)).toEqual([
        { seq: 1, number: 1 },
        { seq: 2, number: 2 },
        { seq: 3, number: 1 },
        { seq: 1, number: 1 },
      ])
      expect(await log.append([entry('a', 5)])).toEqual([{ seq: 4, number: 2 }])
    })

    test('[P2] what was appended is there after the storage is opened again', async () => {
      const storage = await harness()
      const log = await storage.open()
      await log.open('s')
      await log.append([entry('a', 1), entry('a', 2)])
      await log.close()
      const again = await storage.open()
      await again.open('s')
      expect(await texts(again, 'a')).toBe('12')
      expect(await again.append([entry('a', 3)])).toEqual([{ seq: 3, number: 1 }])
    })

    test('[P2] a failed append stores nothing, and the log goes on', async () => {
      const log = await opened()
      await log.append([entry('a', 1)])
      const bad = [entry('a', 2), entry('new', 3), entry('a', 4, { principal: faulty, claims: [4] })]
      await expect(log.append(bad)).rejects.toMatchObject({ code: 'relay/log-failed' })
      expect(await texts(log, 'a')).toBe('1')
      expect(await log.load('s', 'new')).toBeNull()
      expect((await log.open('s')).head).toBe(1)
      expect(await log.claims('s', [4])).toEqual(new Map())
      expect(await log.append([entry('b', 5)])).toEqual([{ seq: 2, number: 2 }])
    })

    test('an append to a space that was not opened fails', async () => {
      const log = await opened()
      await expect(log.append([entry('a', 1, { space: 'unknown' })])).rejects.toMatchObject({ code: 'relay/log-failed' })
    })

    test('changes come in order of place, in pages of at least one', async () => {
      const log = await opened()
      await log.append([entry('a', 1), entry('b', 2), entry('a', 3)])
      const first = await log.changes('s', 0, { maxItems: 2, maxBytes: 1_000 })
      expect(first).toMatchObject({
        seq: 2,
        updates: [
          { seq: 1, document: 'a', number: 1 },
          { seq: 2, document: 'b', number: 2 },
        ],
      })
      expect(await log.changes('s', 0, { maxItems: 9, maxBytes: 1 })).toMatchObject({ seq: 1, updates: [{ seq: 1 }] })
      expect(await log.changes('s', 2, all)).toMatchObject({ seq: 3, updates: [{ seq: 3 }] })
      expect(await log.changes('s', 3, all)).toEqual({ seq: 3, updates: [], purged: [] })
    })

    test('changed documents come in order of number, each with what it has after the position', async () => {
      const log = await opened()
      await log.append([entry('a', 1), entry('b', 2), entry('c', 3)])
      await log.append([entry('c', 4), entry('a', 5), entry('a', 6)])
      const page = await log.changedDocuments('s', 3, 0, all)
      expect(page).toMatchObject({
        last: 3,
        done: true,
        documents: [
          { number: 1, document: 'a' },
          { number: 3, document: 'c' },
        ],
      })
      expect(page.documents.map(({ update }) => letters([update]))).toEqual(['56', '4'])
      const first = await log.changedDocuments('s', 0, 0, { maxItems: 2, maxBytes: 1_000 })
      expect(first).toMatchObject({ last: 2, done: false })
      expect(await log.changedDocuments('s', 0, 2, { maxItems: 2, maxBytes: 1_000 })).toMatchObject({ last: 3, done: true })
      expect(await log.changedDocuments('s', 6, 0, all)).toEqual({ documents: [], purged: [], last: 0, done: true })
    })

    test('a few changed documents among many come in order of number too', async () => {
      const log = await opened()
      await log.append(Array.from({ length: 30 }, (_, i) => entry(`d${i + 1}`, i + 1)))
      await log.append([entry('d20', 50), entry('d3', 51)])
      const page = await log.changedDocuments('s', 30, 0, all)
      expect(page.documents.map(({ number, document, update }) => [number, document, letters([update])])).toEqual([
        [3, 'd3', '15'],
        [20, 'd20', '05'],
      ])
      expect(await log.changedDocuments('s', 30, 3, all)).toMatchObject({ last: 20, done: true, documents: [{ number: 20 }] })
    })

    test('compacting keeps the state, drops deleted content, and readers behind it read by document', async () => {
      const log = await opened()
      const doc = new Y.Doc({ guid: 'writer' })
      doc.getText('t').insert(0, 'secret')
      const written = Y.encodeStateAsUpdate(doc)
      doc.getText('t').delete(0, 6)
      doc.getText('t').insert(0, 'kept')
      const rest = Y.encodeStateAsUpdate(doc, Y.encodeStateVectorFromUpdate(written))
      await log.append([entry('a', 0, { update: written }), entry('b', 1), entry('a', 0, { update: rest })])
      await log.compact('s', 'a')
      await log.append([entry('a', 7)])
      const loaded = await loadOf(log, 's', 'a')
      expect(letters([loaded?.update as Uint8Array])).toBe('7ekpt')
      expect(Buffer.from(loaded?.update as Uint8Array).includes('secret')).toBe(false)
      expect(loaded).toMatchObject({ number: 1, seq: 4 })
      expect(await log.changes('s', 0, all)).toBe('compacted')
      expect(await log.changes('s', 3, all)).toMatchObject({ seq: 4, updates: [{ seq: 4 }] })
      const { documents } = await log.changedDocuments('s', 1, 0, all)
      expect(documents.map(({ document, update }) => [document, letters([update])])).toEqual([
        ['a', '7ekpt'],
        ['b', '1'],
      ])
      expect((await log.changedDocuments('s', 3, 0, all)).documents.map(({ update }) => letters([update]))).toEqual(['7'])
    })

    test('compacting what is compacted or unknown changes nothing', async () => {
      const log = await opened()
      await log.append([entry('a', 1), entry('a', 2)])
      await log.compact('s', 'a')
      await log.compact('s', 'a')
      await log.compact('s', 'unknown')
      expect(await texts(log, 'a')).toBe('12')
    })

    test('a client id belongs to the principal that brought it first', async () => {
      const log = await opened()
      await log.append([entry('a', 1, { principal: 'ada', claims: [1, 2] }), entry('b', 2, { principal: 'bob', claims: [2, 3] })])
      await log.compact('s', 'a')
      expect(await log.claims('s', [1, 2, 3, 4])).toEqual(
        new Map([
          [1, 'ada'],
          [2, 'ada'],
          [3, 'bob'],
        ]),
      )
    })

    test('a purge leaves a row behind everything else, the number, and nothing to read', async () => {
      const log = await opened()
      await log.append([entry('a', 1), entry('b', 2), entry('a', 3)])
      expect(await log.append([purgeOf('a')])).toEqual([{ seq: 4, number: 1 }])
      expect(await log.load('s', 'a')).toBe('purged')
      expect(await log.changes('s', 0, all)).toMatchObject({
        seq: 4,
        updates: [{ seq: 2, document: 'b' }],
        purged: [{ number: 1, document: 'a' }],
      })
      expect(await log.changes('s', 0, { maxItems: 1, maxBytes: 99 })).toMatchObject({ seq: 2, updates: [{ seq: 2 }], purged: [] })
      expect(await log.changes('s', 2, { maxItems: 1, maxBytes: 99 })).toMatchObject({ seq: 4, updates: [], purged: [{ number: 1 }] })
      expect(await log.changedDocuments('s', 3, 0, all)).toEqual({
        documents: [],
        purged: [{ number: 1, document: 'a' }],
        last: 1,
        done: true,
      })
      const first = await log.changedDocuments('s', 0, 0, { maxItems: 1, maxBytes: 99 })
      expect(first).toMatchObject({ documents: [], purged: [{ number: 1 }], last: 1, done: false })
      expect(await log.changedDocuments('s', 0, 1, all)).toMatchObject({ documents: [{ number: 2 }], purged: [], last: 2, done: true })
      expect(await log.open('s')).toMatchObject({ head: 4 })
    })

    test('a purged name is never used again, in one batch neither, and to purge it again changes nothing', async () => {
      const log = await opened()
      await log.append([entry('a', 1)])
      const [place] = await log.append([purgeOf('a')])
      const refused = { code: 'relay/log-failed' }
      await expect(log.append([entry('b', 2), entry('a', 3)])).rejects.toMatchObject(refused)
      await expect(log.append([entry('c', 4), purgeOf('c'), entry('c', 5)])).rejects.toMatchObject(refused)
      expect([await log.load('s', 'b'), await log.load('s', 'c')]).toEqual([null, null])
      expect(await log.append([purgeOf('a')])).toEqual([place])
      expect(await log.open('s')).toMatchObject({ head: 2 })
    })

    test('a name that was never used can be purged, and is taken then', async () => {
      const log = await opened()
      expect(await log.append([purgeOf('a')])).toEqual([{ seq: 1, number: 1 }])
      await expect(log.append([entry('a', 1)])).rejects.toMatchObject({ code: 'relay/log-failed' })
      expect(await log.append([entry('b', 1)])).toEqual([{ seq: 2, number: 2 }])
    })

    test('a compaction that is under way does not bring back what is purged meanwhile', async () => {
      const log = await opened()
      await log.append([entry('a', 1), entry('a', 2)])
      await Promise.all([log.compact('s', 'a'), log.append([purgeOf('a')])])
      await log.compact('s', 'a')
      expect(await log.load('s', 'a')).toBe('purged')
      expect((await log.changedDocuments('s', 0, 0, all)).documents).toEqual([])
    })

    test('a purge outlives the restore of an older copy, under an incarnation that begins before it', async () => {
      const storage = await harness()
      const first = await storage.open()
      await first.open('s')
      await first.append([entry('a', 1), entry('b', 2)])
      await first.close()
      const putBack = await storage.backup()
      const second = await storage.open()
      await second.open('s')
      await second.append([entry('b', 3), purgeOf('a'), purgeOf('later')])
      await second.close()
      for (let i = 0; i < 2; i++) {
        await putBack()
        const third = await storage.open()
        const { head, incarnations } = await third.open('s')
        expect(head).toBe(4)
        expect(incarnations.map(({ first: seq }) => seq)).toEqual([1, 3])
        expect([await third.load('s', 'a'), await third.load('s', 'later')]).toEqual(['purged', 'purged'])
        expect(await texts(third, 'b')).toBe('2')
        expect(await third.changes('s', 2, all)).toMatchObject({ seq: 4, purged: [{ document: 'a' }, { document: 'later' }] })
        await third.close()
      }
    })

    test('[P2] which documents wait for an answer is as durable as what they wait with', async () => {
      const storage = await harness()
      const log = await storage.open()
      await log.open('s')
      await log.append([entry('a', 1, { awaits: true }), entry('b', 2, { awaits: true }), entry('c', 3)])
      await log.append([entry('b', 4, { awaits: false }), entry('a', 5), entry('c', 6, { awaits: false })])
      await expect(log.append([entry('c', 7, { awaits: true }), entry('a', 8, { principal: faulty, awaits: false })])).rejects.toThrow()
      await log.close()
      const again = await storage.open()
      await again.open('s')
      expect(await again.awaiting('s', 10)).toEqual(['a'])
      expect(await again.awaiting('s', 0)).toEqual([])
    })

    test('after closing, which may be done twice, everything is refused', async () => {
      const log = await opened()
      await Promise.all([log.close(), log.close()])
      await expect(log.append([entry('a', 1)])).rejects.toMatchObject({ code: 'relay/log-failed' })
      await expect(log.load('s', 'a')).rejects.toMatchObject({ code: 'relay/log-failed' })
    })

    test('[P3] whatever was appended and compacted, following and catching up from anywhere give the same documents', async () => {
      const log = await opened()
      const step = fc.oneof(
        { weight: 4, arbitrary: fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { minLength: 1, maxLength: 4 }) },
        { weight: 1, arbitrary: fc.constantFrom('a', 'b', 'c', 'd') },
      )
      let space = 0
      let client = 0
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 12 }), fc.nat(), fc.integer({ min: 1, max: 3 }), async (steps, start, maxItems) => {
          const name = `s${++space}`
          await log.open(name)
          const states: [number, Map<string, Uint8Array[]>][] = [[0, new Map()]]
          const known = new Map<string, Uint8Array[]>()
          for (const one of steps) {
            if (typeof one === 'string') {
              await log.compact(name, one)
              continue
            }
            const batch = one.map((document) =>
              entry(document, (++client % 1_000) + 1, { space: name, update: textUpdate(`${client % 10}`, client) }),
            )
            const places = await log.append(batch)
            for (const { document, update } of batch) known.set(document, [...(known.get(document) ?? []), update])
            states.push([places.at(-1)?.seq ?? 0, new Map(known)])
          }
          const [from, had] = states[start % states.length] as [number, Map<string, Uint8Array[]>]
          const limits = { maxItems, maxBytes: 200 }
          const caughtUp = new Map(had)
          const add = (document: string, update: Uint8Array): void => {
            caughtUp.set(document, [...(caughtUp.get(document) ?? []), update])
          }
          for (let page = await log.changes(name, from, limits), at = from; ; page = await log.changes(name, at, limits)) {
            if (page !== 'compacted') {
              for (const { document, update } of page.updates) add(document, update)
              if (page.seq === at) break
              at = page.seq
              continue
            }
            for (let last = 0, done = false; !done; ) {
              const listed = await log.changedDocuments(name, at, last, limits)
              for (const { document, update } of listed.documents) add(document, update)
              last = listed.last
              done = listed.done
            }
            break
          }
          for (const [document, updates] of known) {
            expect(letters(caughtUp.get(document) ?? [])).toBe(letters(updates))
            expect(letters([(await loadOf(log, name, document))?.update as Uint8Array])).toBe(letters(updates))
          }
        }),
        { numRuns: 40 },
      )
    })
  })
}
