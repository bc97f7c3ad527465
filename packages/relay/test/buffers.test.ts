import { MessageChannel } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { buffersOf, releaseBuffers } from '../src/work/buffers.ts'

test('large buffers of pages and answers are handed over; small ones and parts of others are copied', () => {
  const [large, single, part, small] = [new Uint8Array(5_000), new Uint8Array(9_000), new Uint8Array(9_000), new Uint8Array(100)]
  const answer = { id: 1, value: { updates: [{ update: large }, { update: small }, { update: part.subarray(1) }], update: single } }
  expect(buffersOf(answer)).toEqual([large.buffer, single.buffer])
  const { port1, port2 } = new MessageChannel()
  port1.postMessage(answer, buffersOf(answer))
  expect([large, single, part, small].map(({ length }) => length)).toEqual([0, 0, 9_000, 100])
  port1.close()
  port2.close()
})

test('what a call brought is given up, in batches too', () => {
  const [update, part] = [new Uint8Array(100), new Uint8Array(100).subarray(3)]
  releaseBuffers([[{ update }, { update: part }], 'name', 7])
  expect([update.length, part.length]).toEqual([0, 0])
})
