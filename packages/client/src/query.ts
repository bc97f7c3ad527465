/**
 * A live query: the rows of one type that match, in order, up to a limit.
 *
 * It keeps the matching rows sorted, so a change to one row costs a binary search and not a new sort.
 */
import { createListeners, guarded, type Observable } from '@tidemark/base'
import type { Row } from '@tidemark/store'
import type { RowChange, RowTable } from './row-table.ts'

/** A row as queries give it: `value` has the fields, the beginning of each text, and marks such as `$conflicts` and `$deleted`. */
export interface EntityRow<V> {
  readonly type: string
  readonly id: string
  readonly value: V
}

export interface QueryOptions<V> {
  /** Which rows; all without it. A pure function of the row. */
  readonly where?: (row: EntityRow<V>) => boolean
  /** Less than 0 when `a` comes first; rows that it calls equal are ordered by id. A pure function of the rows. */
  readonly orderBy?: (a: EntityRow<V>, b: EntityRow<V>) => number
  /** How many rows at most. */
  readonly limit?: number
  /** Whether deleted entities are listed too. */
  readonly includeDeleted?: boolean
}

/** `get` gives the same array until the result changes. */
export interface Query<V> extends Observable<readonly EntityRow<V>[]> {
  readonly rows: readonly EntityRow<V>[]
  /** Resolves when the stored rows are read; until then `rows` has what this tab wrote. */
  readonly loaded: Promise<void>
  readonly isLoaded: boolean
  /** Stops following. Idempotent. */
  close(): void
}

export function createQuery<V>(table: RowTable, options: QueryOptions<V>, closed: () => void = () => {}): Query<V> {
  return new LiveQuery<V>(table, options, closed)
}

class LiveQuery<V> implements Query<V> {
  readonly get: () => readonly EntityRow<V>[]
  readonly subscribe: (listener: () => void) => () => void
  readonly loaded: Promise<void>
  readonly #table: RowTable
  readonly #options: QueryOptions<V>
  readonly #told = createListeners<void>()
  readonly #unsubscribe: () => void
  readonly #closed: () => void
  #sorted: EntityRow<V>[]
  #result: readonly EntityRow<V>[]
  #toldResult: readonly EntityRow<V>[]
  #isStale = false

  constructor(table: RowTable, options: QueryOptions<V>, closed: () => void) {
    this.#closed = closed
    this.#table = table
    this.#options = options
    this.#sorted = table
      .all()
      .map(toEntityRow<V>)
      .filter((row) => this.#matches(row))
      .sort((a, b) => this.#compare(a, b))
    this.#result = this.#window()
    this.#toldResult = this.#result
    this.get = () => this.#current()
    this.subscribe = (listener) => this.#told.add(listener)
    this.#unsubscribe = table.changes.add((change) => this.#changed(change))
    this.loaded = table.loaded
  }

  get rows(): readonly EntityRow<V>[] {
    return this.get()
  }

  get isLoaded(): boolean {
    return this.#table.isLoaded
  }

  close(): void {
    this.#unsubscribe()
    this.#closed()
  }

  #changed({ before, after }: RowChange): void {
    guarded(() => {
      if (before !== null) this.#remove(toEntityRow<V>(before))
      const row = toEntityRow<V>(after)
      if (this.#matches(row)) this.#sorted.splice(this.#place(row), 0, row)
    })
    // Many rows may change in one event: the result is made when it is asked for, and told once.
    if (this.#isStale) return
    this.#isStale = true
    queueMicrotask(() => {
      if (this.#current() === this.#toldResult) return
      this.#toldResult = this.#result
      this.#told.emit()
    })
  }

  #current(): readonly EntityRow<V>[] {
    if (!this.#isStale) return this.#result
    this.#isStale = false
    const next = this.#window()
    if (!sameRows(next, this.#result)) this.#result = next
    return this.#result
  }

  #remove(row: EntityRow<V>): void {
    if (!this.#matches(row)) return
    const at = this.#place(row)
    if (this.#sorted[at]?.id === row.id) this.#sorted.splice(at, 1)
    else this.#sorted = this.#sorted.filter((one) => one.id !== row.id)
  }

  #place(row: EntityRow<V>): number {
    let low = 0
    let high = this.#sorted.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#compare(this.#sorted[middle] as EntityRow<V>, row) < 0) low = middle + 1
      else high = middle
    }
    return low
  }

  #matches(row: EntityRow<V>): boolean {
    const isListed = this.#options.includeDeleted === true || (row.value as { readonly $deleted?: unknown }).$deleted === undefined
    return isListed && (this.#options.where?.(row) ?? true)
  }

  #compare(a: EntityRow<V>, b: EntityRow<V>): number {
    return this.#options.orderBy?.(a, b) || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)
  }

  #window(): readonly EntityRow<V>[] {
    return this.#sorted.slice(0, this.#options.limit)
  }
}

const toEntityRow = <V>(row: Row): EntityRow<V> => row as unknown as EntityRow<V>

const sameRows = (a: readonly unknown[], b: readonly unknown[]): boolean =>
  a.length === b.length && a.every((row, index) => row === b[index])
