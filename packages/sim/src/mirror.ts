/**
 * What a place holds, as the simulator sees it: a `Y.Doc` per document, fed with every update that was stored there.
 *
 * Oracles ask it whether a write is contained, structs and deletions alike: equal state vectors prove nothing
 * about deletions.
 */
import * as Y from 'yjs'

/** What one transaction of a person changed: struct ranges and deleted ranges, by client. */
export interface Ranges {
  readonly structs: readonly Range[]
  readonly deletes: readonly Range[]
}

interface Range {
  readonly client: number
  readonly from: number
  /** The first clock behind the range. */
  readonly to: number
}

/** The ranges of an update. */
export function rangesOf(update: Uint8Array): Ranges {
  const { structs, ds } = Y.decodeUpdate(update)
  const ranges = structs
    .filter((struct) => !(struct instanceof Y.Skip))
    .map(({ id, length }) => ({ client: id.client, from: id.clock, to: id.clock + length }))
  const deletes = [...ds.clients].flatMap(([client, items]) => items.map(({ clock, len }) => ({ client, from: clock, to: clock + len })))
  return { structs: ranges, deletes }
}

export class Mirror {
  readonly #docs = new Map<string, Y.Doc>()

  get names(): readonly string[] {
    return [...this.#docs.keys()].sort()
  }

  doc(name: string): Y.Doc {
    const found = this.#docs.get(name)
    if (found !== undefined) return found
    const doc = new Y.Doc({ guid: name, gc: true })
    this.#docs.set(name, doc)
    return doc
  }

  add(name: string, update: Uint8Array): void {
    Y.applyUpdate(this.doc(name), update)
  }

  /** Whether everything of `ranges` is here. */
  contains(name: string, { structs, deletes }: Ranges): boolean {
    const doc = this.#docs.get(name)
    if (doc === undefined) return false
    return structs.every(({ client, to }) => Y.getState(doc.store, client) >= to) && deletes.every((range) => isDeleted(doc, range))
  }

  /** Whether something here builds on what is not here. */
  isWaiting(name: string): boolean {
    const doc = this.#docs.get(name)
    return doc !== undefined && (doc.store.pendingStructs !== null || doc.store.pendingDs !== null)
  }
}

function isDeleted(doc: Y.Doc, { client, from, to }: Range): boolean {
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
