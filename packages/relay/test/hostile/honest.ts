/** The process of the honest: sessions that write a little all the time, and how long each of their edits takes to be confirmed. */
import * as Y from 'yjs'
import { dial } from '../network.ts'

/** What it is told. */
export interface Watch {
  readonly url: string
  readonly seconds: number
}

/** What it saw: how long edits took to be confirmed, ms, and how many of them were not. */
export interface Seen {
  readonly tookMs: readonly number[]
  readonly failed: number
}

const sessions = 20
/** Between two edits of one session. */
const pauseMs = 100

async function watch({ url, seconds }: Watch): Promise<Seen> {
  const tookMs: number[] = []
  let failed = 0
  const endMs = performance.now() + seconds * 1_000
  const writers = Array.from({ length: sessions }, async (_, i) => {
    const line = dial(url, { space: 'honest' })
    await line.welcomed()
    const doc = new Y.Doc({ guid: 'honest' })
    const document = `note/${process.hrtime.bigint()}-${i}`
    // Spread over the time between two edits.
    await new Promise((resolve) => setTimeout(resolve, (i * pauseMs) / sessions))
    while (performance.now() < endMs) {
      const before = Y.encodeStateVector(doc)
      doc.getText('t').insert(0, 'word ')
      const startMs = performance.now()
      const n = line.push(document, Y.encodeStateAsUpdate(doc, before))
      await line.until(() => line.isAcked(n) || line.refused.has(n) || line.closedWith !== null)
      if (line.isAcked(n)) tookMs.push(performance.now() - startMs)
      else failed++
      if (line.closedWith !== null) return
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
    }
    line.close()
  })
  await Promise.all(writers)
  return { tookMs, failed }
}

process.on('message', (order: Watch) => {
  watch(order).then(
    (seen) => process.send?.(seen),
    (error) => {
      process.stderr.write(`honest: ${error instanceof Error ? error.stack : String(error)}\n`)
      process.exit(1)
    },
  )
})
