/**
 * The rows of one entity type in memory, kept up with what this tab and others write.
 *
 * Rows are read from the store once, when the first query asks; a change to one row is told alone, so that
 * a query costs what changed.
 */
import { createListeners, type Listeners } from '@tidemark/base'
import type { Json, Row } from '@tidemark/store'

export interface RowChange {
  readonly before: Row | null
  readonly after: Row
}

export class RowTable {
  readonly changes: Listeners<RowChange> = createListeners()
  readonly #rows = new Map<string, Row>()
  /** Rows that were written while the stored ones were being read: they are newer. */
  readonly loaded: Promise<void>
  #isLoaded = false

  constructor(load: () => Promise<readonly Row[]>) {
    this.loaded = load().then((rows) => {
      for (const row of rows) if (!this.#rows.has(row.id)) this.put(row)
      this.#isLoaded = true
    })
    this.loaded.catch(() => undefined)
  }

  get isLoaded(): boolean {
    return this.#isLoaded
  }

  all(): readonly Row[] {
    return [...this.#rows.values()]
  }

  put(row: Row): void {
    const before = this.#rows.get(row.id) ?? null
    if (before !== null && sameValue(before.value, row.value)) return
    this.#rows.set(row.id, row)
    this.changes.emit({ before, after: row })
  }
}

const sameValue = (a: Json, b: Json): boolean => a === b || JSON.stringify(a) === JSON.stringify(b)
