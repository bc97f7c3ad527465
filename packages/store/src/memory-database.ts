/**
 * The tables that `memoryStore` keeps, for any number of spaces and users.
 *
 * Why it exists: it plays the browser's database, so that several stores (tabs) can be opened over one,
 * closed and opened again. It knows nothing of batches but how to carry out their writes.
 */
import type { Discard } from './batch.ts'
import type { DatabaseView, RefusedUpdate, UpdateKey, Write } from './batch-plan.ts'
import { isPendingUpdate, type PendingUpdate } from './pending.ts'
import { sized } from './record-shape.ts'
import type { DocRecord, Json, QuarantinedRecord, Row, Snapshot, StoredUpdate } from './stored.ts'

/** Stands for a browser's database; shared by every store that is opened over it, and gone with the process. */
export interface MemoryDatabase {
  /** The tables of one space and user, made at the first call. For adapters, not for applications. */
  tables(options: { readonly space: string; readonly user: string }): MemoryTables
}

/** The tables of one space and user. */
export interface MemoryTables extends DatabaseView {
  readonly cursorValue: Json
  readonly records: ReadonlyMap<string, DocRecord>
  readonly values: ReadonlyMap<string, Json>
  readonly refused: readonly RefusedUpdate[]
  readonly quarantined: readonly QuarantinedRecord[]
  snapshot(name: string): Snapshot | null
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
  readonly quarantined: QuarantinedRecord[] = []
  readonly #updates = new Map<string, Map<string, StoredUpdate>>()
  readonly #snapshots = new Map<string, Snapshot>()
  readonly #rows = new Map<string, Map<string, Row>>()
  readonly #refused = new Map<string, RefusedUpdate>()
  cursor = 'null'
  cursorValue: Json = null
  pendingBytes = 0

  get refused(): readonly RefusedUpdate[] {
    return [...this.#refused.values()]
  }

  record(name: string): DocRecord | undefined {
    return this.records.get(name)
  }

  pendingUpdates(name: string): readonly PendingUpdate[] {
    const record = this.records.get(name)
    if (record === undefined) return []
    const pending = this.updates(name).filter(isPendingUpdate(record))
    return pending.map(sized)
  }

  snapshot(name: string): Snapshot | null {
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
        this.#snapshots.set(write.name, { bytes: write.bytes, format: write.format })
        break
      case 'remove-snapshot':
        this.#snapshots.delete(write.name)
        break
      case 'row': {
        const { type, id, body } = write.row
        // reason: what a codec made of it, which gives the value back.
        inner(this.#rows, type).set(id, { type, id, value: body as Json })
        break
      }
      case 'remove-row':
        this.#rows.get(write.key.type)?.delete(write.key.id)
        break
      case 'refused':
        this.#refused.set(refusedId(write.update), write.update)
        break
      case 'discard':
        this.#refused.delete(refusedId(write.key))
        break
      case 'quarantine':
        this.quarantined.push(write.record)
        break
      case 'value':
        this.values.set(write.key, write.body as Json)
        break
      case 'cursor':
        this.cursor = write.tag
        this.cursorValue = write.body as Json
        break
      case 'pending-bytes':
        this.pendingBytes = write.bytes
    }
  }
}

const refusedId = (key: Discard): string => `${key.branch} ${updateId(key)} ${key.name}`
const updateId = ({ writer, n }: UpdateKey): string => `${n} ${writer}`

function inner<T>(outer: Map<string, Map<string, T>>, key: string): Map<string, T> {
  const found = outer.get(key) ?? new Map<string, T>()
  outer.set(key, found)
  return found
}
