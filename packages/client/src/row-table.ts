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
  readonly #rows = new Map<string, { readonly row: Row; readonly revision: number }>()
  readonly #load: () => Promise<readonly Row[]>
  #loaded: Promise<void>
  #isLoaded = false
  #hasFailed = false

  constructor(load: () => Promise<readonly Row[]>) {
    this.#load = load
    this.#loaded = this.#read()
  }

  /** Resolves when the stored rows are read; rejects when they could not be. */
  get loaded(): Promise<void> {
    return this.#loaded
  }

  /** Reads the stored rows again where that failed. */
  retry(): void {
    if (this.#hasFailed) this.#loaded = this.#read()
  }

  get isLoaded(): boolean {
    return this.#isLoaded
  }

  get(id: string): Row | undefined {
    return this.#rows.get(id)?.row
  }

  all(): readonly Row[] {
    return [...this.#rows.values()].map(({ row }) => row)
  }

  /** Shows a row that reflects `revision` of its document, unless a later one is shown. */
  put(row: Row, revision: number): void {
    const known = this.#rows.get(row.id)
    if (known !== undefined && known.revision > revision) return
    const isSame = known !== undefined && sameValue(known.row.value, row.value)
    this.#rows.set(row.id, { row: isSame ? known.row : row, revision })
    if (!isSame) this.changes.emit({ before: known?.row ?? null, after: row })
  }

  #read(): Promise<void> {
    this.#hasFailed = false
    const loaded = this.#load().then(
      (rows) => {
        // What was written while they were read is newer.
        for (const row of rows) if (!this.#rows.has(row.id)) this.put(row, 0)
        this.#isLoaded = true
      },
      (error: unknown) => {
        this.#hasFailed = true
        throw error
      },
    )
    loaded.catch(() => undefined)
    return loaded
  }
}

const sameValue = (a: Json, b: Json): boolean => a === b || JSON.stringify(a) === JSON.stringify(b)
