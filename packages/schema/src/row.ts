/** The plain projection of an entity for lists and queries. */
import type * as Y from 'yjs'
import { readCollection } from './collection.ts'
import type { EntryReader } from './entry.ts'
import type { FieldReading } from './field-reading.ts'
import { countBroken, type Invariants } from './invariant.ts'
import { toJson } from './json.ts'
import { readLife } from './life.ts'
import { previewText } from './preview.ts'
import { readFields } from './reading.ts'
import { readRegisters } from './register.ts'
import type { RowMarks } from './types.ts'
import type { WriteModel } from './writing.ts'

/** See `EntityDefinition.row`. Fields without a value are absent, so that the row is plain JSON. */
export function readRow(
  model: WriteModel & { readonly invariants: Invariants },
  doc: Y.Doc,
  read: EntryReader,
): Readonly<Record<string, unknown>> {
  const row: Record<string, unknown> = {}
  const registers = readRegisters(model, doc, read)
  const readings = readFields(model.plan, registers)
  for (const [name, field] of Object.entries(model.fields)) {
    if (field.kind === 'text') row[name] = previewText(doc.getText(name))
    else if (field.kind === 'richText') row[name] = previewText(doc.getXmlFragment(name))
    else if (field.kind !== 'register') readings.set(name, readCollection(name, field, doc.getArray(name)))
  }
  for (const [name, { value }] of readings) {
    const copy = toJson(value)
    if (copy.ok) row[name] = copy.value
  }
  return { ...row, ...readMarks(model, readings, readLife(model.fields, doc, registers)) }
}

function readMarks(
  model: WriteModel & { readonly invariants: Invariants },
  readings: ReadonlyMap<string, FieldReading>,
  life: ReturnType<typeof readLife>,
): RowMarks {
  if (life.status === 'deleted') return { $deleted: { user: life.user, at: life.at, reason: life.reason, edited: life.edits.length > 0 } }
  let conflicts = 0
  for (const [name, { isOpen }] of readings) if (isOpen && model.plan.get(name)?.field.policy.name === 'critical') conflicts++
  const violations = countBroken(model.invariants, readings)
  return { ...(conflicts > 0 ? { $conflicts: conflicts } : {}), ...(violations > 0 ? { $violations: violations } : {}) }
}
