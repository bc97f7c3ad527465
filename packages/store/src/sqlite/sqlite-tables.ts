/**
 * Reads and writes of the tables, on one connection; every method is one or more statements and no transaction of its own.
 */
import type { DatabaseSync, SQLInputValue, SQLOutputValue, StatementSync } from 'node:sqlite'
import { TidemarkError } from '@tidemark/base'
import type { DatabaseView, UpdateKey, Write } from '../batch-plan.ts'
import { isRowBehind, isWithinMark } from '../doc-record.ts'
import type { DocRecord, Json, PendingDocument, Row, StoredDocument, StoredUpdate } from '../local-store.ts'

type Cells = Record<string, SQLOutputValue>

const cursorKey = 'cursor'
const valuePrefix = 'value/'
/** The most that SQLite's LIMIT takes for «all». */
const all = -1

const sql = {
  record: 'SELECT record FROM docs WHERE name = ?',
  putRecord: 'INSERT OR REPLACE INTO docs (name, record, pending_since, behind, carry, last_seq) VALUES (?, ?, ?, ?, ?, ?)',
  origin: 'SELECT origin FROM updates WHERE name = ? AND writer = ? AND n = ?',
  updates: 'SELECT writer, n, origin, bytes FROM updates WHERE name = ?',
  localUpdates: "SELECT writer, n, origin, bytes FROM updates WHERE name = ? AND writer = ? AND n BETWEEN ? AND ? AND origin = 'local'",
  putUpdate: 'INSERT OR REPLACE INTO updates (name, writer, n, origin, bytes) VALUES (?, ?, ?, ?, ?)',
  deleteUpdate: 'DELETE FROM updates WHERE name = ? AND writer = ? AND n = ?',
  snapshot: 'SELECT bytes FROM snapshots WHERE name = ?',
  putSnapshot: 'INSERT OR REPLACE INTO snapshots (name, bytes) VALUES (?, ?)',
  rows: 'SELECT id, value FROM rows WHERE type = ?',
  putRow: 'INSERT OR REPLACE INTO rows (type, id, value) VALUES (?, ?, ?)',
  state: 'SELECT key, value FROM state',
  value: 'SELECT value FROM state WHERE key = ?',
  putValue: 'INSERT OR REPLACE INTO state (key, value) VALUES (?, ?)',
  pending: 'SELECT record FROM docs WHERE pending_since IS NOT NULL ORDER BY pending_since, name LIMIT ?',
  behind: 'SELECT name FROM docs WHERE behind = 1 ORDER BY name LIMIT ?',
  carrying: 'SELECT name FROM docs WHERE carry = 1 ORDER BY name LIMIT ?',
  changedAfter: 'SELECT name FROM docs WHERE last_seq > ? ORDER BY last_seq, name',
} as const

export class SqliteTables implements DatabaseView {
  readonly #statements: Readonly<Record<keyof typeof sql, StatementSync>>

  constructor(database: DatabaseSync) {
    const prepared = Object.entries(sql).map(([name, text]) => [name, database.prepare(text)] as const)
    this.#statements = Object.fromEntries(prepared) as Record<keyof typeof sql, StatementSync>
  }

  get cursor(): Json {
    const found = this.#first('value', cursorKey)
    return found === undefined ? null : fromJson(found.value)
  }

  record(name: string): DocRecord | undefined {
    const found = this.#first('record', name)
    return found === undefined ? undefined : (fromJson(found.record) as unknown as DocRecord)
  }

  origin({ name, writer, n }: UpdateKey): StoredUpdate['origin'] | undefined {
    return this.#first('origin', name, writer, n)?.origin as StoredUpdate['origin'] | undefined
  }

  document(name: string): StoredDocument | null {
    const record = this.record(name)
    if (record === undefined) return null
    const snapshot = (this.#first('snapshot', name)?.bytes as Uint8Array | undefined) ?? null
    return { record, snapshot, updates: this.#all('updates', name).map(toUpdate(name)) }
  }

  pending(limit: number): PendingDocument[] {
    return this.#all('pending', toLimit(limit)).map((cells) => {
      const record = fromJson(cells.record) as unknown as DocRecord
      const updates = Object.entries(record.pending).flatMap(([writer, { from, to }]) =>
        this.#all('localUpdates', record.name, writer, from, to).map(toUpdate(record.name)),
      )
      return { record, updates: updates.filter(({ writer, n }) => isWithinMark(record, writer, n)) }
    })
  }

  rows(type: string): Row[] {
    return this.#all('rows', type).map(({ id, value }) => ({ type, id: String(id), value: fromJson(value) }))
  }

  names(list: 'behind' | 'carrying', limit: number): string[] {
    return this.#all(list, toLimit(limit)).map(({ name }) => String(name))
  }

  changedAfter(seq: number): string[] {
    return this.#all('changedAfter', seq).map(({ name }) => String(name))
  }

  state(): { cursor: Json; values: Record<string, Json> } {
    const entries = this.#all('state').map(({ key, value }) => [String(key), fromJson(value)] as const)
    const values = entries
      .filter(([key]) => key.startsWith(valuePrefix))
      .map(([key, value]) => [key.slice(valuePrefix.length), value] as const)
    return { cursor: entries.find(([key]) => key === cursorKey)?.[1] ?? null, values: Object.fromEntries(values) }
  }

  write(write: Write): void {
    switch (write.type) {
      case 'record':
        this.#putRecord(write.record)
        break
      case 'update': {
        const { name, writer, n, origin, bytes } = write.update
        this.#statements.putUpdate.run(name, writer, n, origin, bytes)
        break
      }
      case 'remove-update':
        this.#statements.deleteUpdate.run(write.key.name, write.key.writer, write.key.n)
        break
      case 'snapshot':
        this.#statements.putSnapshot.run(write.name, write.bytes)
        break
      case 'row':
        this.#statements.putRow.run(write.row.type, write.row.id, toText(write.row.value))
        break
      case 'value':
        this.#statements.putValue.run(valuePrefix + write.key, toText(write.value))
        break
      case 'cursor':
        this.#statements.putValue.run(cursorKey, toText(write.cursor))
    }
  }

  #putRecord(record: DocRecord): void {
    const { name, pendingSinceMs, lastSeq, carry } = record
    this.#statements.putRecord.run(
      name,
      toText(record as unknown as Json),
      pendingSinceMs,
      Number(isRowBehind(record)),
      Number(carry),
      lastSeq,
    )
  }

  #first(statement: keyof typeof sql, ...values: SQLInputValue[]): Cells | undefined {
    return this.#statements[statement].get(...values)
  }

  #all(statement: keyof typeof sql, ...values: SQLInputValue[]): Cells[] {
    return this.#statements[statement].all(...values)
  }
}

const toUpdate =
  (name: string) =>
  ({ writer, n, origin, bytes }: Cells): StoredUpdate => ({
    name,
    writer: String(writer),
    n: Number(n),
    bytes: bytes as Uint8Array,
    origin: origin as StoredUpdate['origin'],
  })

const toLimit = (limit: number): number => (Number.isFinite(limit) ? Math.max(0, Math.floor(limit)) : all)

const fromJson = (text: SQLOutputValue | undefined): Json => JSON.parse(String(text)) as Json

function toText(value: Json): string {
  const text: string | undefined = JSON.stringify(value)
  if (text === undefined) throw new TidemarkError('store/failed', 'a value that is not JSON cannot be stored')
  return text
}
