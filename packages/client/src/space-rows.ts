/** The rows that the lists of one tab show: of open documents as they are in memory, of all others as they are stored. */
import { reportUncaught } from '@tidemark/base'
import { parseDocumentName } from '@tidemark/protocol'
import type { EntityDefinition } from '@tidemark/schema'
import type { Json, Row } from '@tidemark/store'
import type * as Y from 'yjs'
import { backgroundLimits } from './background.ts'
import type { Documents } from './documents.ts'
import type { OpenDocument } from './open-document.ts'
import type { Query } from './query.ts'
import { RowTable } from './row-table.ts'
import { nothingLeft } from './sync/erase.ts'
import type { RowAt } from './tabs.ts'

/** What a document's row says; null for a type that this build does not know. */
export function projected(definitions: ReadonlyMap<string, EntityDefinition>, name: string, doc: Y.Doc, nowMs: number): Row | null {
  const parsed = parseDocumentName(name)
  const definition = parsed === null ? undefined : definitions.get(parsed.type)
  if (parsed === null || definition === undefined) return null
  // Its creation was refused, and lists pass over what is deleted.
  if (doc.store.clients.size === 0) return nothingLeft(parsed, 'refused', nowMs)
  return { type: parsed.type, id: parsed.id, value: definition.row(doc) as Json }
}

export class SpaceRows {
  readonly #documents: Documents
  readonly #load: (type: string) => Promise<readonly Row[]>
  readonly #tables = new Map<string, RowTable>()
  /** Queries that somebody follows: their rows are looked after first. */
  readonly #queries = new Set<Query<unknown>>()

  constructor(documents: Documents, load: (type: string) => Promise<readonly Row[]>) {
    this.#documents = documents
    this.#load = load
  }

  /** The rows of a type, read when they are first asked for. */
  table(type: string): RowTable {
    const table = this.#tables.get(type) ?? new RowTable(() => this.#load(type))
    if (!this.#tables.has(type)) {
      this.#tables.set(type, table)
      for (const document of this.#documents.all()) this.show(document)
      table.loaded.catch(reportUncaught)
    } else table.retry()
    return table
  }

  /** Lists show what is in memory at once; the stored row follows with the commit. */
  show(document: OpenDocument): void {
    const table = this.#tables.get(parseDocumentName(document.name)?.type ?? '')
    // Projecting costs; where nobody lists the type nobody sees it.
    const row = table === undefined ? null : document.row()
    if (row !== null) table?.put(row, document.known)
  }

  /** An open document's row is as in memory, which is never behind for long. */
  put(rows: readonly RowAt[]): void {
    for (const { row, revision } of rows) {
      if (this.#documents.get(`${row.type}/${row.id}`) === undefined) this.#tables.get(row.type)?.put(row, revision)
    }
  }

  /** A query is looked after from now on, until the returned function is called. */
  follow(query: Query<unknown>): () => void {
    this.#queries.add(query)
    return () => void this.#queries.delete(query)
  }

  /** Names of the documents whose rows somebody looks at. */
  onScreen(): readonly string[] {
    const rows = [...this.#queries].flatMap((query) => query.rows.slice(0, backgroundLimits.onScreen))
    return [...new Set(rows.map(({ type, id }) => `${type}/${id}`))]
  }
}
