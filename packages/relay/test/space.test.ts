import { systemClock, systemRandom } from '@tidemark/base'
import { expect, test } from 'vitest'
import type { Committed } from '../src/commit-queue.ts'
import { createMemoryLog, defaultRelayBounds } from '../src/index.ts'
import { maxMerged, Space } from '../src/space.ts'
import { gc, update } from './hostile/raw.ts'
import { documentOf } from './hostile/served.ts'
import { textUpdate } from './wire-client.ts'

const commit = (number: number, seq: number, update: Uint8Array): Committed => ({
  commit: {
    entry: { space: 's', document: `d${number}`, update, principal: 'ada', kind: 'push', claims: [] },
    author: {},
    committed: () => undefined,
    failed: () => undefined,
  },
  place: { seq, number },
})

/** What readers are sent of these updates of one document, in one batch. */
async function sent(updates: readonly Uint8Array[]): Promise<Uint8Array[]> {
  const space = new Space('s', await createMemoryLog({ random: systemRandom }).open('s'), defaultRelayBounds, systemClock)
  space.committed([commit(2, 1, textUpdate('y', 99_999)), ...updates.map((update, i) => commit(1, 2 + i, update))])
  return (space.ring.at(0)?.changes ?? []).filter(({ number }) => number === 1).map(({ update }) => update)
}

test('[P8] what one batch has of a document is merged for its readers only as far as that is little work', async () => {
  const updates = Array.from({ length: 40 }, (_, i) => textUpdate('x'.repeat(4_000), i + 1))
  const changes = await sent(updates)
  const sizes = changes.map(({ length }) => length)
  expect(sizes[0]).toBeGreaterThan(maxMerged.bytes / 2)
  expect(Math.max(...sizes)).toBeLessThanOrEqual(maxMerged.bytes)
  expect(documentOf(changes).getText('t').toString()).toBe(documentOf(updates).getText('t').toString())

  const crowds = Array.from({ length: 8 }, (_, j) =>
    update(Array.from({ length: 1_000 }, (_, i) => ({ client: j * 1_000 + 1_000 - i, clock: 0, structs: [gc(1)] }))),
  )
  expect((await sent(crowds)).length).toBe(1 + 4)
})
