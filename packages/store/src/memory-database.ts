/**
 * The tables that `memoryStore` keeps, for any number of spaces and users.
 *
 * Why it exists: it plays the browser's database, so that several stores (tabs) can be opened over one,
 * closed and opened again. It knows nothing of batches but how to carry out their writes.
 */
import type { DatabaseView, UpdateKey, Write } from './batch-plan.ts'
import type { DocRecord, Json, Row, StoredUpdate } from './local-store.ts'

/** Stands for a browser's database; shared by every store that is opened over it, and gone with the process. */
export interface MemoryDatabase {
  /** The tables of one space and user, made at the first call. For adapters, not for applications. */
  tables(options: { readonly space: string; readonly user: string }): MemoryTables
}

/** The tables of one space and user. */
export interface MemoryTables extends DatabaseView {
  readonly records: ReadonlyMap<string, DocRecord>
  readonly values: ReadonlyMap<string, Json>
  snapshot(name: string): Uint8Array | null
  updates(name: string): readonly StoredUpdate[]
  rows(type: string): readonly Row[]
  /** Carries out all of `writes` at once. */
  apply(writes: readonly Write[]): void
}

export function createMemoryDatabase(): MemoryDatabase {
  const databases = new Map<string, MemoryTables>()
  return {
    tables({ space, user }) {
      const key = JSON.stringify([space, user])
      const tables = databases.get(key) ?? new Tables()
      databases.set(key, tables)
      return tables
    },
  }
}

class Tables implements MemoryTables {
  readonly records = new Map<string, DocRecord>()
  readonly values = new Map<string, Json>()
  readonly #updates = new Map<string, Map<string, StoredUpdate>>()
  readonly #snapshots = new Map<string, Uint8Array>()
  readonly #rows = new Map<string, Map<string, Row>>()
  #cursor: Json = null

  get cursor(): Json {
    return this.#cursor
  }

  record(name: string): DocRecord | undefined {
    return this.records.get(name)
  }

  origin(key: UpdateKey): StoredUpdate['origin'] | undefined {
    return this.#updates.get(key.name)?.get(updateId(key))?.origin
  }

  snapshot(name: string): Uint8Array | null {
    return this.#snapshots.get(name) ?? null
  }

  updates(name: string): readonly StoredUpdate[] {
    return [...(this.#updates.get(name)?.values() ?? [])]
  }

  rows(type: string): readonly Row[] {
    return [...(this.#rows.get(type)?.values() ?? [])]
  }

  apply(writes: readonly Write[]): void {
    for (const write of writes) this.#applyOne(write)
  }

  #applyOne(write: Write): void {
    switch (write.type) {
      case 'record':
        this.records.set(write.record.name, write.record)
        break
      case 'update':
        inner(this.#updates, write.update.name).set(updateId(write.update), write.update)
        break
      case 'remove-update':
        this.#updates.get(write.key.name)?.delete(updateId(write.key))
        break
      case 'snapshot':
        this.#snapshots.set(write.name, write.bytes)
        break
      case 'row':
        inner(this.#rows, write.row.type).set(write.row.id, write.row)
        break
      case 'value':
        this.values.set(write.key, write.value)
        break
      case 'cursor':
        this.#cursor = write.cursor
    }
  }
}

const updateId = ({ writer, n }: UpdateKey): string => `${n} ${writer}`

function inner<T>(outer: Map<string, Map<string, T>>, key: string): Map<string, T> {
  const found = outer.get(key) ?? new Map<string, T>()
  outer.set(key, found)
  return found
}
