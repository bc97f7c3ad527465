/** The root types of a document that an entity's fields stand for. */
import { TidemarkError } from '@tidemark/base'
import type * as Y from 'yjs'
import type { Field, Fields } from './field.ts'

/** The root of a text field, or `null`. */
export function textRoot(doc: Y.Doc, name: string, field: Field): Y.Text | Y.XmlFragment | null {
  if (field.kind === 'text') return doc.getText(name)
  return field.kind === 'richText' ? doc.getXmlFragment(name) : null
}

/** The root of a set, counter or list, or `null`. */
export const collectionRoot = (doc: Y.Doc, name: string, field: Field): Y.Array<unknown> | null =>
  field.kind === 'set' || field.kind === 'counter' || field.kind === 'list' ? doc.getArray<unknown>(name) : null

/** The roots by field name. */
export interface Roots {
  readonly texts: ReadonlyMap<string, Y.Text | Y.XmlFragment>
  readonly collections: ReadonlyMap<string, Y.Array<unknown>>
}

/** @throws {TidemarkError} `schema/definition` when a root is in use as another type. */
export function openRoots(model: { readonly type: string; readonly fields: Fields }, doc: Y.Doc): Roots {
  try {
    const texts = new Map<string, Y.Text | Y.XmlFragment>()
    const collections = new Map<string, Y.Array<unknown>>()
    for (const [name, field] of Object.entries(model.fields)) {
      const text = textRoot(doc, name, field)
      const collection = collectionRoot(doc, name, field)
      if (text !== null) texts.set(name, text)
      if (collection !== null) collections.set(name, collection)
    }
    return { texts, collections }
  } catch (error) {
    throw new TidemarkError('schema/definition', `a field of ${model.type} is in use as another Yjs type in this document`, {
      cause: error,
    })
  }
}
