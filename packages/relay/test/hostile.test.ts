import { systemClock, systemRandom } from '@tidemark/base'
import { mergeGrouped } from '@tidemark/updates'
import { afterAll, describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { createMemoryLog, createRelay, createWorkPool } from '../src/index.ts'
import { attacks } from './hostile/attacks.ts'
import { digest, documentOf, harmOf } from './hostile/served.ts'
import { connect, textUpdate } from './wire-client.ts'

const pool = createWorkPool({ clock: systemClock })
// One for all of them: a relay closes what it is given.
const work = { ...pool, run: pool.run.bind(pool), close: async () => undefined }

afterAll(() => pool.close())

describe('[P7] [P8] made by hand', () => {
  test.each(attacks)(
    '$name: $fate',
    async ({ pushes, fate }) => {
      const relay = createRelay({ log: createMemoryLog({ random: systemRandom }), clock: systemClock, random: systemRandom, work })
      const [ann, bob] = [connect(relay), connect(relay)]
      await Promise.all([ann.welcomed(), bob.welcomed()])
      const honest = new Y.Doc({ guid: 'honest' })
      Y.applyUpdate(honest, textUpdate('hello', 1))
      const hello = bob.push('note/1', Y.encodeStateAsUpdate(honest))
      await bob.until(() => bob.isAcked(hello))

      const sent: number[] = []
      for (let from = 0; from < pushes.length; from += 200) {
        for (const update of pushes.slice(from, from + 200)) sent.push(ann.push('note/1', update))
        const after = ann.push('note/other', textUpdate('x', 10 + from))
        await ann.until(() => ann.isAcked(after) || ann.closedWith !== null)
      }
      expect(ann.closedWith).toBeNull()
      const taken = sent.filter((n) => !ann.refused.has(n))
      if (fate === 'refused') expect(taken).toEqual([])
      else expect(taken.length).toBeGreaterThan(0)

      // The victim goes on, a live reader and one that joins have the same, and it does them no harm.
      honest.getText('t').insert(5, ' world')
      const more = bob.push('note/1', Y.encodeStateAsUpdate(honest))
      await bob.until(() => bob.isAcked(more) || bob.refused.has(more))
      expect([...bob.refused]).toEqual([])
      const live = connect(relay)
      await live.until(() => live.state.cursor?.seq === live.welcome?.head)
      const served = mergeGrouped(live.state.documents.get('note/1') ?? [])
      expect(harmOf(served)).toBeNull()
      await ann.until(() => ann.state.cursor?.seq === live.welcome?.head)
      expect(
        digest(documentOf([...(ann.state.documents.get('note/1') ?? []), ...pushes.filter((_, i) => taken.includes(sent[i] as number))])),
      ).toBe(digest(documentOf([served])))
      await relay.close()
    },
    60_000,
  )
})
