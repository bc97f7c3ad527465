/** The recorded paper as one document: its state but for the last edits, and those as they were typed. */
import * as Y from 'yjs'
import { readFinalText, readTrace } from '../trace.ts'

/** Edits that no compaction has seen yet. */
const tail = 400

export function largeDocument(): { readonly state: string; readonly updates: readonly string[]; readonly characters: number } {
  const edits = readTrace()
  const doc = new Y.Doc({ guid: 'large' })
  const body = doc.getText('body')
  const updates: string[] = []
  let state = ''
  for (const [i, [position, deletedCount, inserted]] of edits.entries()) {
    if (i === edits.length - tail) {
      state = base64(Y.encodeStateAsUpdate(doc))
      doc.on('update', (update: Uint8Array) => updates.push(base64(update)))
    }
    doc.transact(() => {
      if (deletedCount > 0) body.delete(position, deletedCount)
      if (inserted !== '') body.insert(position, inserted)
    })
  }
  if (body.toString() !== readFinalText()) throw new Error('the trace does not end in its text')
  return { state, updates, characters: body.length }
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')
