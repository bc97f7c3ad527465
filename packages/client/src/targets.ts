/**
 * What `reference()` fields name: found among the documents in memory, and by their rows for all others, so that a
 * dangling reference is seen without opening what it names.
 */
import { reportUncaught } from '@tidemark/base'
import { documentName } from '@tidemark/protocol'
import type { AttachOptions, EntityDefinition, KnownTarget, RowMarks } from '@tidemark/schema'
import type { Documents } from './documents.ts'
import type { RowTable } from './row-table.ts'

export interface TargetsOptions {
  readonly documents: Documents
  /** The rows of a type; `null` when the space was opened without it. */
  readonly table: (type: string) => RowTable | null
  readonly restore: (type: string, id: string) => Promise<void>
}

/** The types that the fields of an entity refer to. */
export function targetTypes({ fields }: EntityDefinition): readonly string[] {
  const types = Object.values(fields).flatMap((field) => ('target' in field && field.target !== undefined ? [field.target.type] : []))
  return [...new Set(types)]
}

/** How an entity that refers to `types` looks them up, and hears of changes. */
export function lookupOf(options: TargetsOptions, types: readonly string[]): Pick<AttachOptions, 'lookup' | 'lookupChanged'> {
  if (types.length === 0) return {}
  const tables = types.flatMap((type) => options.table(type) ?? [])
  return {
    lookup: (type, id) => options.documents.get(documentName(type, id))?.doc ?? found(options, type, id),
    lookupChanged: (listener) => {
      const ends = tables.map((table) => table.changes.add(listener))
      // A table that cannot be read is reported by its own; until it can, nothing is known.
      for (const table of tables) table.loaded.then(listener, () => undefined)
      return () => {
        for (const end of ends) end()
      }
    },
  }
}

function found(options: TargetsOptions, type: string, id: string): KnownTarget | undefined | null {
  const table = options.table(type)
  if (table === null) return null
  const row = table.get(id)
  if (row === undefined) return table.isLoaded ? undefined : null
  const { $deleted } = row.value as RowMarks
  return { deleted: $deleted ?? null, restore: () => void options.restore(type, id).catch(reportUncaught) }
}
