/**
 * Reads and writes of the tables, on one connection; every method is one or more statements and no transaction of its own.
 */
import type { DatabaseSync, SQLInputValue, SQLOutputValue, StatementSync } from 'node:sqlite'
import { TidemarkError } from '@tidemark/base'
import type { QuarantineWrite } from '../batch.ts'
import type { DatabaseView, RefusedUpdate, Write } from '../batch-plan.ts'
import { canonicalJson } from '../canonical-json.ts'
import { isRowBehind } from '../doc-record.ts'
import type { Body } from '../encoded.ts'
import type { PendingSum } from '../local-store.ts'
import { isLongLog } from '../log-policy.ts'
import { isPendingUpdate, type PendingUpdate } from '../pending.ts'
import { type RawRecord, recordOf, salvaged, sized, withAllPending } from '../record-shape.ts'
import type { DocRecord, Json, PendingDocument, QuarantinedRecord, Row, Snapshot, StoredDocument, StoredUpdate } from '../stored.ts'
import { sql } from './sqlite-statements.ts'

type Cells = Record<string, SQLOutputValue>

const cursorKey = 'cursor'
const pendingBytesKey = 'pending-bytes'
const valuePrefix = 'value/'
/** The most that SQLite's LIMIT takes for «all». */
const all = -1

export class SqliteTables implements DatabaseView {
  readonly #statements: Readonly<Record<keyof typeof sql, StatementSync>>
  /** Told of each record that could not be read. */
  readonly #damaged: (damage: QuarantineWrite) => void

  constructor(database: DatabaseSync, damaged: (damage: QuarantineWrite) => void) {
    const prepared = Object.entries(sql).map(([name, text]) => [name, database.prepare(text)] as const)
    this.#statements = Object.fromEntries(prepared) as Record<keyof typeof sql, StatementSync>
    this.#damaged = damaged
  }

  get cursor(): string {
    const found = this.#first('value', cursorKey)
    return found === undefined ? 'null' : canonicalJson(fromJson(found.value))
  }

  get pendingBytes(): number {
    return Number(this.#first('value', pendingBytesKey)?.value ?? 0)
  }

  record(name: string): DocRecord | undefined {
    const found = this.#first('record', name)
    return found === undefined ? undefined : this.#recordOf(name, String(found.record))
  }

  pendingUpdates(name: string): readonly PendingUpdate[] {
    const record = this.record(name)
    return record === undefined ? [] : this.#pendingOf(record).map(sized)
  }

  document(name: string): StoredDocument | null {
    const record = this.record(name)
    if (record === undefined) return null
    return { record, snapshot: this.#snapshot(record), updates: this.#all('updates', name).map(toUpdate(name)) }
  }

  pending(limit: number): PendingDocument[] {
    return this.#all('pending', toLimit(limit)).map((cells) => {
      const record = this.#recordOf(String(cells.name), String(cells.record))
      return { record, updates: this.#pendingOf(record) }
    })
  }

  pendingSum(): PendingSum {
    const { documents, since, refused } = this.#first('pendingSum') as Cells
    const sinceMs = since === null ? null : Number(since)
    return { documents: Number(documents), bytes: this.pendingBytes, sinceMs, refused: Number(refused) }
  }

  rows(type: string): Row[] {
    return this.#all('rows', type).flatMap(({ id, name, value }) => {
      try {
        return [{ type, id: String(id), value: fromJson(value) }]
      } catch (error) {
        this.#tell(String(name), { type, id: String(id) }, String(value), error)
        return []
      }
    })
  }

  names(list: 'rowsBehind' | 'behind' | 'carrying' | 'longLogs', limit: number): string[] {
    return this.#all(list, toLimit(limit)).map(({ name }) => String(name))
  }

  rowsBehindAmong(limit: number, names: readonly string[]): string[] {
    const behind = [...new Set(names)].flatMap((name) => this.record(name) ?? []).filter(isRowBehind)
    return behind
      .sort((a, b) => b.changedMs - a.changedMs)
      .slice(0, limit)
      .map(({ name }) => name)
  }

  changedAfter(seq: number): string[] {
    return this.#all('changedAfter', seq).map(({ name }) => String(name))
  }

  refused(): RefusedUpdate[] {
    return this.#all('refused').map(({ name, branch, writer, n, code, at, bytes }) => ({
      name: String(name),
      branch: Number(branch),
      writer: String(writer),
      n: Number(n),
      code: code === null ? null : String(code),
      atMs: Number(at),
      bytes: bytes as Uint8Array,
    }))
  }

  quarantined(): QuarantinedRecord[] {
    return this.#all('quarantined').map(({ name, part, reason, at, bytes }) => ({
      name: String(name),
      part: fromJson(part) as QuarantinedRecord['part'],
      reason: String(reason),
      atMs: Number(at),
      bytes: bytes as Uint8Array,
    }))
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
        return this.#putRecord(write.record)
      case 'update': {
        const { name, writer, n, origin, branch = 0, bytes } = write.update
        return this.#run('putUpdate', name, writer, n, origin, branch, bytes)
      }
      case 'remove-update':
        return this.#run('deleteUpdate', write.key.name, write.key.writer, write.key.n)
      case 'snapshot':
        return this.#run('putSnapshot', write.name, write.format, write.bytes)
      case 'remove-snapshot':
        return this.#run('deleteSnapshot', write.name)
      case 'row':
        return this.#run('putRow', write.row.type, write.row.id, write.row.name, toText(write.row.body))
      case 'remove-row':
        return this.#run('deleteRow', write.key.type, write.key.id)
      case 'refused': {
        const { name, branch, writer, n, code, atMs, bytes } = write.update
        return this.#run('putRefused', name, branch, writer, n, code, atMs, bytes)
      }
      case 'discard':
        return this.#run('discard', write.key.name, write.key.branch, write.key.writer, write.key.n)
      case 'quarantine': {
        const { name, part, reason, atMs, bytes } = write.record
        return this.#run('quarantine', name, toText(part), reason, atMs, bytes)
      }
      case 'value':
        return this.#run('putValue', valuePrefix + write.key, toText(write.body))
      case 'cursor':
        return this.#run('putValue', cursorKey, toText(write.body))
      case 'pending-bytes':
        return this.#run('putValue', pendingBytesKey, toText(write.bytes))
    }
  }

  #putRecord(record: DocRecord): void {
    const { name, pendingSinceMs, lastSeq, carry, behind, changedMs } = record
    this.#run(
      'putRecord',
      name,
      toText(record as unknown as Json),
      pendingSinceMs,
      isRowBehind(record) ? -changedMs : null,
      Number(behind > 0),
      Number(carry),
      Number(isLongLog(record)),
      lastSeq,
    )
  }

  #recordOf(name: string, text: string): DocRecord {
    let raw: RawRecord = { name, pending: null }
    try {
      raw = { ...(JSON.parse(text) as RawRecord), name }
      return recordOf(raw)
    } catch (error) {
      this.#tell(name, 'record', text, error)
      const { record, hasMark } = salvaged(raw)
      return hasMark ? record : withAllPending(record, this.#all('updates', name).map(toUpdate(name)))
    }
  }

  #snapshot({ name, snapshotRevision }: DocRecord): Snapshot | null {
    const found = this.#first('snapshot', name)
    if (found === undefined) return null
    const { format, bytes } = found
    if (format === 'v1' || format === 'v2') return { format, bytes: bytes as Uint8Array }
    this.#tell(name, { snapshotRevision }, bytes as Uint8Array, new Error(`a snapshot has the format ${String(format)}`))
    return null
  }

  #pendingOf(record: DocRecord): StoredUpdate[] {
    const updates = Object.entries(record.pending).flatMap(([writer, { from, to }]) =>
      this.#all('localUpdates', record.name, writer, from, to).map(toUpdate(record.name)),
    )
    return updates.filter(isPendingUpdate(record))
  }

  #tell(name: string, part: QuarantineWrite['part'], raw: string | Uint8Array, error: unknown): void {
    const bytes = typeof raw === 'string' ? new TextEncoder().encode(raw) : raw
    this.#damaged({ name, part, bytes, reason: (error as Error).message })
  }

  #run(statement: keyof typeof sql, ...values: SQLInputValue[]): void {
    this.#statements[statement].run(...values)
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
  ({ writer, n, origin, branch, bytes }: Cells): StoredUpdate => ({
    name,
    writer: String(writer),
    n: Number(n),
    bytes: bytes as Uint8Array,
    origin: origin as StoredUpdate['origin'],
    ...(Number(branch) === 0 ? {} : { branch: Number(branch) }),
  })

const toLimit = (limit: number): number => (Number.isFinite(limit) ? Math.max(0, Math.floor(limit)) : all)

const fromJson = (text: SQLOutputValue | undefined): Json => JSON.parse(String(text)) as Json

function toText(value: Body): string {
  const text: string | undefined = JSON.stringify(value)
  if (text === undefined) throw new TidemarkError('store/failed', 'a value that is not JSON cannot be stored')
  return text
}
