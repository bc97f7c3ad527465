/**
 * Keeps a listener that throws from disabling its `Y.Doc`.
 *
 * Yjs calls `update` listeners while it ends a transaction; an exception there leaves the transaction unended, and
 * from then on the document takes edits but tells nobody of them: nothing more would be saved or sent. An app
 * and its editor bindings add listeners of their own to `entity.doc`, so each is called by itself here.
 */
import { guarded } from '@tidemark/base'
import type * as Y from 'yjs'

/** From now on what a listener of the document throws is reported, and neither the others nor the writer hear of it. */
export function guardListeners(doc: Y.Doc): void {
  doc.emit = (name: string, args: readonly unknown[]) => {
    const listeners = doc._observers.get(name) as ReadonlySet<(...args: readonly unknown[]) => void> | undefined
    for (const listener of [...(listeners ?? [])]) guarded(() => listener(...args))
  }
}
