import { expect, test } from 'vitest'
import { replay } from '../src/replay-run.ts'
import { readFinalText, readTrace, textAfter } from '../src/trace.ts'

test('the recorded session is whole: its edits end in its final text', () => {
  expect(textAfter(readTrace())).toBe(readFinalText())
})

test('[P3] 30,000 keystrokes of a real paper, typed in turns by two replicas, end in exactly its text on both and on one that joins', {
  timeout: 300_000,
}, async () => {
  const edits = readTrace().slice(0, 30_000)
  const expected = textAfter(edits)
  const { texts } = await replay({ edits, turnEdits: 1_000 })
  for (const text of texts) expect(text === expected).toBe(true)
  expect(texts).toHaveLength(3)
})
