/**
 * What a place holds, as Yjs reads it: a `Y.Doc` per document, fed with every update that was stored there.
 */
import { keepFormattingMarks } from '@tidemark/updates'
import * as Y from 'yjs'
import type { Ranges } from './contents.ts'

export class Mirror {
  readonly #docs = new Map<string, Y.Doc>()

  get names(): readonly string[] {
    return [...this.#docs.keys()].sort()
  }

  doc(name: string): Y.Doc {
    const found = this.#docs.get(name)
    if (found !== undefined) return found
    const doc = new Y.Doc({ guid: name, gc: true })
    keepFormattingMarks(doc)
    this.#docs.set(name, doc)
    return doc
  }

  add(name: string, update: Uint8Array): void {
    Y.applyUpdate(this.doc(name), update)
  }

  /** Whether everything of `ranges` is here. */
  contains(name: string, { structs, deletes }: Ranges): boolean {
    const doc = this.#docs.get(name)
    if (doc === undefined) return structs.length + deletes.length === 0
    return structs.every(({ client, to }) => Y.getState(doc.store, client) >= to) && deletes.every((range) => isDeleted(doc, range))
  }

  /** Whether something here builds on what is not here. */
  isWaiting(name: string): boolean {
    const doc = this.#docs.get(name)
    return doc !== undefined && (doc.store.pendingStructs !== null || doc.store.pendingDs !== null)
  }
}

function isDeleted(doc: Y.Doc, { client, from, to }: Ranges['deletes'][number]): boolean {
  const structs = doc.store.clients.get(client)
  if (structs === undefined || Y.getState(doc.store, client) < to) return false
  for (let at = Y.findIndexSS(structs, from); at < structs.length; at++) {
    const struct = structs[at]
    if (struct === undefined || struct.id.clock >= to) break
    if (!struct.deleted) return false
  }
  return true
}

/** A document's content in one spelling: root types by name, text with its formats, registers in order. */
export function canonical(doc: Y.Doc, roots: ReadonlyMap<string, 'array' | 'text' | 'xml'>): string {
  const content = [...roots].map(([name, kind]) => {
    if (kind === 'array') return [name, doc.getArray(name).toJSON()]
    if (kind === 'text') return [name, doc.getText(name).toDelta()]
    return [name, doc.getXmlFragment(name).toString()]
  })
  return JSON.stringify(content)
}
