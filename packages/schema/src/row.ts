/** The plain projection of an entity for lists and queries. */
import type * as Y from 'yjs'
import { entriesName, readRegisters } from './entry.ts'
import type { Fields } from './field.ts'
import { toJson } from './json.ts'
import { previewText } from './preview.ts'
import { type ReadPlan, readFields } from './reading.ts'

/** See `EntityDefinition.row`. Fields without a value are absent, so that the row is plain JSON. */
export function readRow(model: { readonly fields: Fields; readonly plan: ReadPlan }, doc: Y.Doc): Readonly<Record<string, unknown>> {
  const row: Record<string, unknown> = {}
  for (const [name, { value }] of readFields(model.plan, readRegisters(doc.getArray(entriesName)))) {
    const copy = toJson(value)
    if (copy.ok) row[name] = copy.value
  }
  for (const [name, field] of Object.entries(model.fields)) {
    if (field.kind === 'text') row[name] = previewText(doc.getText(name))
    if (field.kind === 'richText') row[name] = previewText(doc.getXmlFragment(name))
  }
  return row
}
