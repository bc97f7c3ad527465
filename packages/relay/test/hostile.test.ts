import { systemClock, systemRandom } from '@tidemark/base'
import { mergeGrouped } from '@tidemark/updates'
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { createMemoryLog, createRelay } from '../src/index.ts'
import { type Attack, attacks, isLarge } from './hostile/attacks.ts'
import { createFuzz } from './hostile/fuzz.ts'
import { digest, documentOf, harmOf } from './hostile/served.ts'
import { connect, textUpdate } from './wire-client.ts'

async function suffer(pushes: readonly Uint8Array[], fate: Attack['fate']): Promise<void> {
  const relay = createRelay({ log: createMemoryLog({ random: systemRandom }), clock: systemClock, random: systemRandom })
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

  // The victim goes on, and one that joins has the same as one that was there.
  honest.getText('t').insert(5, ' world')
  const more = bob.push('note/1', Y.encodeStateAsUpdate(honest))
  await bob.until(() => bob.isAcked(more) || bob.refused.has(more))
  expect([...bob.refused]).toEqual([])
  const joined = connect(relay)
  const { head } = await joined.welcomed()
  await joined.until(() => joined.state.cursor?.seq === head)
  await bob.until(() => bob.state.cursor?.seq === head)
  const served = mergeGrouped(joined.state.documents.get('note/1') ?? [])
  expect(harmOf(served)).toBeNull()
  Y.applyUpdate(honest, mergeGrouped(bob.state.documents.get('note/1') ?? []))
  expect(digest(honest)).toBe(digest(documentOf([served])))
  await relay.close()
}

describe('[P7] [P8] made by hand', () => {
  for (const attack of attacks) {
    if (!isLarge(attack)) test(`${attack.name}: ${attack.fate}`, () => suffer(attack.pushes(), attack.fate))
  }
})

test('[P7] [P8] a thousand cases of the fuzzer from a fixed seed', async () => {
  expect(await createFuzz({ seed: 20_261_125 }).run(1_000)).toMatchObject({ failure: null, cases: 1_000 })
})
