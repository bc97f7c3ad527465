/**
 * Looks at a relay's database and copies it: for operators, beside the relay that writes it or without one.
 *
 * Invariants
 * 1. It never writes to the database; each answer is one state of it, whatever is committed meanwhile.
 * 2. A copy bears its name only when it is whole, on stable storage, and sound.
 */
import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { TidemarkError } from '@tidemark/base'
import * as Y from 'yjs'
import type { BackupReport, DocumentDetails, DocumentSummary, SpaceSummary, VerifyDepth, VerifyReport } from './maintenance.ts'
import { SqliteReader } from './sqlite-reader.ts'
import { verifyDatabase } from './sqlite-verify.ts'
import { syncDirectory, type TombstoneFile } from './tombstones.ts'

const spacesSql = `SELECT s.name, s.head,
  (SELECT count(*) FROM documents d WHERE d.space = s.id AND d.purged = 0) AS documents,
  (SELECT count(*) FROM documents d WHERE d.space = s.id AND d.purged = 1) AS purged,
  (SELECT coalesce(sum(row_bytes + snapshot_bytes), 0) FROM documents d WHERE d.space = s.id) AS bytes,
  (SELECT count(*) FROM incarnations i WHERE i.space = s.id) AS incarnations
  FROM spaces s ORDER BY s.name`

const documentColumns = 'd.number, d.name, d.last_seq, d.purged, d.rows, d.row_bytes + d.snapshot_bytes AS bytes'

type Row = Readonly<Record<string, unknown>>

export class SqliteKeeper {
  readonly #database: DatabaseSync
  readonly #tombstones: TombstoneFile

  constructor(database: DatabaseSync, tombstones: TombstoneFile) {
    this.#database = database
    this.#tombstones = tombstones
  }

  spaces(): SpaceSummary[] {
    return this.#all(spacesSql).map((row) => ({
      space: String(row.name),
      documents: Number(row.documents),
      purged: Number(row.purged),
      head: Number(row.head),
      bytes: Number(row.bytes),
      incarnations: Number(row.incarnations),
    }))
  }

  documents(space: string, after: number, limit: number): DocumentSummary[] | null {
    const id = this.#spaceId(space)
    if (id === null) return null
    const sql = `SELECT ${documentColumns} FROM documents d WHERE d.space = ? AND d.number > ? ORDER BY d.number LIMIT ?`
    return this.#all(sql, id, after, limit).map(summaryOf)
  }

  document(space: string, document: string): DocumentDetails | null {
    const id = this.#spaceId(space)
    const row =
      id === null ? undefined : this.#all(`SELECT ${documentColumns} FROM documents d WHERE d.space = ? AND d.name = ?`, id, document)[0]
    if (row === undefined || id === null) return null
    const summary = summaryOf(row)
    const stored = this.#all('SELECT length(bytes) AS bytes FROM snapshots WHERE space = ? AND number = ?', id, summary.number)[0]
    const authors = this.#all(
      'SELECT principal, kind, count(*) AS updates FROM updates WHERE space = ? AND number = ? GROUP BY principal, kind ORDER BY 3 DESC, min(seq) LIMIT 100',
      id,
      summary.number,
    )
    const { clients, roots } = this.#contentsOf(space, document)
    return {
      ...summary,
      storedSnapshotBytes: Number(stored?.bytes ?? 0),
      clients,
      roots,
      authors: authors.map((one) => ({ principal: String(one.principal), kind: String(one.kind), updates: Number(one.updates) })),
    }
  }

  /** Everything of a document, merged; null when there is none, or none any more. */
  state(space: string, document: string): Uint8Array | null {
    const loaded = new SqliteReader(this.#database).load(space, document)
    return loaded === null || loaded === 'purged' ? null : loaded.update
  }

  verify(depth: VerifyDepth): VerifyReport {
    return verifyDatabase(this.#database, depth, this.#tombstones)
  }

  backup(to: string): BackupReport {
    const startMs = performance.now()
    const path = resolve(to)
    if (existsSync(path)) throw new TidemarkError('relay/config', `${path} is there already; a backup overwrites nothing`)
    const partial = `${path}.partial`
    try {
      rmSync(partial, { force: true })
      // One statement, so one state of the database; pages without content are left out.
      this.#database.prepare('VACUUM INTO ?').run(partial)
      const copy = new DatabaseSync(partial, { readOnly: true })
      const spaces = Number(copy.prepare('SELECT count(*) AS count FROM spaces').get()?.count)
      const { problems } = verifyDatabase(copy, 'quick', null)
      copy.close()
      if (problems.length > 0) throw new TidemarkError('relay/log-failed', `the copy is damaged: ${problems[0]?.what}`)
      syncFile(partial)
      renameSync(partial, path)
      syncDirectory(dirname(path))
      return { path, bytes: statSync(path).size, spaces, tookMs: Math.round(performance.now() - startMs) }
    } catch (cause) {
      rmSync(partial, { force: true })
      if (cause instanceof TidemarkError) throw cause
      throw new TidemarkError('relay/config', `the backup ${path} cannot be written: ${messageOf(cause)}`, { cause })
    }
  }

  close(): void {
    this.#database.close()
  }

  #contentsOf(space: string, document: string): Pick<DocumentDetails, 'clients' | 'roots'> {
    const update = this.state(space, document)
    if (update === null) return { clients: 0, roots: [] }
    const doc = new Y.Doc({ guid: document, gc: false })
    Y.applyUpdate(doc, update)
    const contents = { clients: doc.store.clients.size, roots: [...doc.share.keys()] }
    doc.destroy()
    return contents
  }

  #spaceId(space: string): number | null {
    const row = this.#all('SELECT id FROM spaces WHERE name = ?', space)[0]
    return row === undefined ? null : Number(row.id)
  }

  #all(sql: string, ...values: readonly (string | number)[]): Row[] {
    return this.#database.prepare(sql).all(...values)
  }
}

const summaryOf = (row: Row): DocumentSummary => ({
  document: String(row.name),
  number: Number(row.number),
  seq: Number(row.last_seq),
  isPurged: row.purged === 1,
  updates: Number(row.rows),
  bytes: Number(row.bytes),
})

export function syncFile(path: string): void {
  const file = openSync(path, 'r+')
  try {
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
