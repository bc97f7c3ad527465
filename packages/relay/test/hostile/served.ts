/**
 * Whether what a relay serves of a document can be lived with: a fresh `Y.Doc` takes it, can be read, written and encoded,
 * and has nothing that waits for more.
 */
import * as Y from 'yjs'

/** What the served bytes do to a fresh document, or null when they do no harm. */
export function harmOf(update: Uint8Array): string | null {
  const doc = new Y.Doc({ guid: 'served' })
  try {
    Y.applyUpdate(doc, update)
    if (doc.store.pendingStructs !== null || doc.store.pendingDs !== null) return 'something waits for what never comes'
    for (const name of [...doc.share.keys()]) readRoot(doc, name)
    let heard = 0
    doc.on('update', () => heard++)
    doc.getMap('$probe').set('k', 1)
    doc.getMap('$probe').delete('k')
    if (heard !== 2) return `the document is wedged: ${heard} of 2 edits were told of`
    const again = new Y.Doc({ guid: 'again' })
    Y.applyUpdate(again, Y.encodeStateAsUpdate(doc))
    Y.encodeStateVector(doc)
    if (digest(again) !== digest(doc)) return 'what it encodes is another document'
    return null
  } catch (error) {
    return `it throws: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`
  } finally {
    doc.destroy()
  }
}

/** Reads a root that no app has claimed, and then as each type that takes whatever stands in it. */
function readRoot(doc: Y.Doc, name: string): void {
  const copy = new Y.Doc({ guid: 'as' })
  Y.applyUpdate(copy, Y.encodeStateAsUpdate(doc))
  copy.getMap(name).toJSON()
  doc.getText(name).toDelta()
  void doc.getText(name).toString()
  copy.destroy()
}

/** Equal for replicas that have exchanged everything, and for no others. */
export const digest = (doc: Y.Doc): string => Buffer.from(Y.encodeSnapshot(Y.snapshot(doc))).toString('base64')

/** The document that bytes in this order make. */
export function documentOf(updates: readonly Uint8Array[]): Y.Doc {
  const doc = new Y.Doc({ guid: 'replica' })
  for (const update of updates) Y.applyUpdate(doc, update)
  return doc
}
