/**
 * Keeps Yjs from editing a document by itself.
 *
 * After changes from elsewhere Yjs takes formatting marks out of a text that have become redundant, in a transaction of
 * its own. That is an edit that nobody made: somebody who may only read would have it refused, and which marks go hangs
 * on the order and the pieces in which changes came. A document that takes all its updates in one transaction, as one
 * that is loaded or compacted does, is left alone by Yjs.
 */
import type * as Y from 'yjs'

/** From now on the document changes by nothing but what is written in it and what is applied to it. */
export function keepFormattingMarks(doc: Y.Doc): void {
  doc.on('afterTransaction', (transaction: Y.Transaction) => {
    transaction._needFormattingCleanup = false
  })
}
