/** P9: plain Yjs underneath: a page that knows only Yjs and the stock protocol ends up with what the log holds. */
import { short } from './convergence.ts'
import type { Oracle } from './oracle.ts'

const plainIsEqual: Oracle = {
  name: 'P9 a stock client converges',
  atEnd: (world, view, fail) => {
    for (const [document, doc] of world.plain.documents) {
      if (world.purges.has(document)) continue
      const expected = view.content.get(document)
      const content = world.contentOf(document, doc)
      if (expected === undefined) {
        if (doc.store.clients.size > 0) fail(`the log knows nothing of ${document}, in which a stock client wrote`)
      } else if (content !== expected) fail(`${document} in a stock client is ${short(content)} where the log has ${short(expected)}`)
      else if (doc.store.pendingStructs !== null || doc.store.pendingDs !== null)
        fail(`a stock client still waits for changes of ${document}`)
    }
  },
}

/** The schema layer over a bare `Y.Doc` that a stock client feeds reads what a Tidemark client reads. */
const schemaReadsPlain: Oracle = {
  name: 'P9 a stock document reads the same',
  atEnd: (world, view, fail) => {
    for (const [document, doc] of world.plain.documents) {
      const expected = view.values.get(document)
      if (expected === undefined) continue
      const value = view.read(world.entityOf(document).definition.attach(doc))
      if (value !== expected)
        fail(`${document} over a stock client's document reads as ${short(value)} where the log reads as ${short(expected)}`)
    }
  },
}

export const plainOracles: readonly Oracle[] = [plainIsEqual, schemaReadsPlain]
