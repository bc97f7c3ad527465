/**
 * The writing side of the SQLite log; runs in a worker of its own.
 *
 * Invariant: everything is one transaction, which is rolled back whole when any part of it fails.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { TidemarkError } from '@tidemark/base'
import { isDueForCompaction } from './compaction.ts'
import type { LogEntry, Place, SpaceHistory } from './log.ts'
import type { StoredSnapshot } from './sqlite-snapshots.ts'
import type { Tombstone, TombstoneFile } from './tombstones.ts'

export interface AppendResult {
  readonly places: readonly Place[]
  /** Documents whose log has grown long. */
  readonly due: readonly { readonly space: string; readonly document: string }[]
}

/** One re-encoded state in place of a document's updates up to `upTo`. */
export interface Replacement {
  readonly space: string
  readonly number: number
  readonly upTo: number
  /** Of the state before it was packed. */
  readonly bytes: number
  readonly snapshot: StoredSnapshot
}

/** Incarnations told of a space, newest first; older ones no longer help anyone to find a common place. */
const maxIncarnations = 1_024

interface SpaceRow {
  readonly id: number
  head: number
  documents: number
}

/** A document to which a batch adds: counted in its row once, however many updates the batch has of it. */
interface Growing {
  readonly space: string
  readonly document: string
  readonly spaceId: number
  readonly number: number
  /** Whether its row is still to be made. */
  isNew: boolean
  seq: number
  rows: number
  bytes: number
}

export class SqliteWriter {
  readonly #database: DatabaseSync
  /** Names this opening of the log. */
  readonly #opening: string
  readonly #tombstones: TombstoneFile
  readonly #statements: Statements
  /** Whether the write-ahead log may still hold what was purged. */
  #isToScrub = false

  constructor(database: DatabaseSync, opening: string, tombstones: TombstoneFile) {
    this.#database = database
    this.#opening = opening
    this.#tombstones = tombstones
    this.#statements = prepare(database)
  }

  /** The space's history; when this opening has begun no incarnation in it yet, `incarnation` is begun. */
  open(name: string, incarnation: string): SpaceHistory {
    return this.#transact(() => {
      const space = this.#spaceOf(name)
      const last = this.#statements.lastIncarnation.get(space.id)
      if (last?.opening !== this.#opening) this.#begin(space, incarnation, Number(last?.ordinal ?? 0) + 1)
      return this.#history(space)
    })
  }

  renew(name: string, incarnation: string): SpaceHistory {
    return this.#transact(() => {
      const space = this.#spaceOf(name)
      const last = this.#statements.lastIncarnation.get(space.id)
      this.#begin(space, incarnation, Number(last?.ordinal ?? 0) + 1)
      return this.#history(space)
    })
  }

  append(batch: readonly LogEntry[]): AppendResult {
    const result = this.#transact(() => this.#append(batch))
    this.#isToScrub ||= batch.some(({ kind }) => kind === 'purge')
    if (this.#isToScrub) this.#scrub()
    return result
  }

  /** Spaces in which something is to be purged that this database still has or may get back: it is an older copy. */
  withTombstones(): string[] {
    return [...Map.groupBy(this.#missing(), ({ space }) => space).keys()]
  }

  /** Purges them under a new incarnation: the places that they take were other changes' before. */
  entomb(name: string, incarnation: string): void {
    this.open(name, incarnation)
    const missing = this.#missing().filter(({ space }) => space === name)
    this.append(missing.map((stone) => ({ ...stone, kind: 'purge', update: new Uint8Array(), principal: '', claims: [] })))
  }

  #missing(): Tombstone[] {
    const isPurged = this.#database.prepare(
      'SELECT d.purged FROM documents d JOIN spaces s ON s.id = d.space WHERE s.name = ? AND d.name = ?',
    )
    return this.#tombstones.read().filter(({ space, document }) => isPurged.get(space, document)?.purged !== 1)
  }

  #append(batch: readonly LogEntry[]): AppendResult {
    const spaces = new Map<string, SpaceRow>()
    const growing = new Map<string, Growing>()
    const places = batch.map((entry) => {
      const space = spaces.get(entry.space) ?? this.#existing(entry.space)
      spaces.set(entry.space, space)
      const key = `${entry.space}/${entry.document}`
      if (entry.kind === 'purge') {
        growing.delete(key)
        return this.#purge(space, entry)
      }
      const document = growing.get(key) ?? this.#documentOf(space, entry)
      growing.set(key, document)
      return this.#store(space, document, entry)
    })
    const due = [...growing.values()].filter((document) => this.#grow(document))
    for (const { head, documents, id } of spaces.values()) this.#statements.moveSpace.run(head, documents, id)
    // Kept before the purge is durable: what is in neither was never acknowledged.
    this.#tombstones.add(batch.filter(({ kind }) => kind === 'purge'))
    return { places, due: due.map(({ space, document }) => ({ space, document })) }
  }

  saveReaderCursor(reader: string, space: string, cursor: string): void {
    this.#transact(() => void this.#statements.saveReader.run(this.#existing(space).id, reader, cursor))
  }

  replace({ space: name, number, upTo, bytes, snapshot }: Replacement): void {
    this.#transact(() => {
      const { id } = this.#existing(name)
      const s = this.#statements
      const present = s.documentOf.get(id, number)
      if (present === undefined || present.purged === 1 || Number(present.snapshot_seq) >= upTo) return
      const gone = s.sizeOfRows.get(id, number, upTo)
      s.deleteRows.run(id, number, upTo)
      s.putSnapshot.run(id, number, upTo, snapshot.codec, snapshot.bytes)
      s.compacted.run(Number(gone?.rows ?? 0), Number(gone?.bytes ?? 0), upTo, bytes, id, number)
      s.raiseFloor.run(upTo, id)
    })
  }

  close(): void {
    this.#database.close()
  }

  #documentOf({ id, documents }: SpaceRow, { space, document }: LogEntry): Growing {
    const known = this.#statements.numberOf.get(id, document)
    if (known?.purged === 1) throw new TidemarkError('relay/log-failed', `the document ${document} was purged`)
    const isNew = known === undefined
    return { space, document, spaceId: id, number: isNew ? documents + 1 : Number(known.number), isNew, seq: 0, rows: 0, bytes: 0 }
  }

  #store(space: SpaceRow, growing: Growing, { document, update, kind, principal, claims, awaits }: LogEntry): Place {
    const s = this.#statements
    const seq = ++space.head
    const { number } = growing
    if (growing.isNew) {
      space.documents = number
      s.addDocument.run(space.id, number, document, seq)
      growing.isNew = false
    }
    s.addUpdate.run(space.id, seq, number, kind, principal, update)
    growing.seq = seq
    growing.rows++
    growing.bytes += update.length
    for (const client of claims) s.claim.run(space.id, client, principal)
    if (awaits !== undefined) (awaits ? s.await : s.answered).run(space.id, number)
    return { seq, number }
  }

  /** Tells whether it is due for compaction now. */
  #grow({ seq, rows, bytes, spaceId, number }: Growing): boolean {
    const size = this.#statements.grow.get(seq, rows, bytes, spaceId, number)
    return isDueForCompaction({
      rows: Number(size?.rows),
      rowBytes: Number(size?.row_bytes),
      snapshotBytes: Number(size?.snapshot_bytes),
    })
  }

  #purge(space: SpaceRow, { document, principal }: LogEntry): Place {
    const s = this.#statements
    const known = s.numberOf.get(space.id, document)
    if (known?.purged === 1) return { seq: Number(known.last_seq), number: Number(known.number) }
    const seq = ++space.head
    const number = known === undefined ? ++space.documents : Number(known.number)
    if (known === undefined) s.addDocument.run(space.id, number, document, seq)
    s.deleteRows.run(space.id, number, seq)
    s.deleteSnapshot.run(space.id, number)
    s.answered.run(space.id, number)
    s.purged.run(seq, space.id, number)
    s.addUpdate.run(space.id, seq, number, 'purge', principal, new Uint8Array())
    return { seq, number }
  }

  /** Folds the write-ahead log into the database, which overwrites what was deleted; a reader may be in the way, then later. */
  #scrub(): void {
    this.#isToScrub = Number(this.#database.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get()?.busy ?? 1) !== 0
  }

  #begin(space: SpaceRow, incarnation: string, ordinal: number): void {
    this.#statements.addIncarnation.run(incarnation, space.id, ordinal, space.head + 1, this.#opening)
  }

  #history(space: SpaceRow): SpaceHistory {
    const rows = this.#statements.incarnations.all(space.id, maxIncarnations)
    const incarnations = rows.map((row) => ({ id: String(row.id), first: Number(row.first) })).reverse()
    return { incarnations, head: space.head, bytes: Number(this.#statements.sizeOfSpace.get(space.id)?.bytes ?? 0) }
  }

  #spaceOf(name: string): SpaceRow {
    this.#statements.addSpace.run(name)
    return this.#existing(name)
  }

  #existing(name: string): SpaceRow {
    const row = this.#statements.space.get(name)
    if (row === undefined) throw new TidemarkError('relay/log-failed', `the space ${name} was not opened`)
    return { id: Number(row.id), head: Number(row.head), documents: Number(row.documents) }
  }

  #transact<T>(run: () => T): T {
    this.#database.exec('BEGIN IMMEDIATE')
    try {
      const result = run()
      this.#database.exec('COMMIT')
      return result
    } catch (error) {
      // SQLite has rolled back by itself after some failures, a full disk among them.
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
      throw error
    }
  }
}

type Statements = Readonly<Record<keyof typeof sql, StatementSync>>

const sql = {
  addSpace: 'INSERT OR IGNORE INTO spaces (name) VALUES (?)',
  space: 'SELECT id, head, documents FROM spaces WHERE name = ?',
  moveSpace: 'UPDATE spaces SET head = ?, documents = ? WHERE id = ?',
  raiseFloor: 'UPDATE spaces SET floor = max(floor, ?) WHERE id = ?',
  lastIncarnation: 'SELECT ordinal, opening FROM incarnations WHERE space = ? ORDER BY ordinal DESC LIMIT 1',
  addIncarnation: 'INSERT INTO incarnations (id, space, ordinal, first, opening) VALUES (?, ?, ?, ?, ?)',
  incarnations: 'SELECT id, first FROM incarnations WHERE space = ? ORDER BY ordinal DESC LIMIT ?',
  numberOf: 'SELECT number, last_seq, purged FROM documents WHERE space = ? AND name = ?',
  addDocument: 'INSERT INTO documents (space, number, name, last_seq) VALUES (?, ?, ?, ?)',
  addUpdate: 'INSERT INTO updates (space, seq, number, kind, principal, bytes) VALUES (?, ?, ?, ?, ?, ?)',
  sizeOfSpace: 'SELECT sum(row_bytes + snapshot_bytes) AS bytes FROM documents WHERE space = ?',
  grow: `UPDATE documents SET last_seq = ?, rows = rows + ?, row_bytes = row_bytes + ?
    WHERE space = ? AND number = ? RETURNING rows, row_bytes, snapshot_bytes`,
  claim: 'INSERT OR IGNORE INTO claims (space, client, principal) VALUES (?, ?, ?)',
  saveReader: 'INSERT OR REPLACE INTO readers (space, reader, cursor) VALUES (?, ?, ?)',
  documentOf: 'SELECT snapshot_seq, purged FROM documents WHERE space = ? AND number = ?',
  await: 'INSERT OR IGNORE INTO awaiting (space, number) VALUES (?, ?)',
  answered: 'DELETE FROM awaiting WHERE space = ? AND number = ?',
  sizeOfRows: 'SELECT count(*) AS rows, sum(length(bytes)) AS bytes FROM updates WHERE space = ? AND number = ? AND seq <= ?',
  deleteRows: 'DELETE FROM updates WHERE space = ? AND number = ? AND seq <= ?',
  deleteSnapshot: 'DELETE FROM snapshots WHERE space = ? AND number = ?',
  purged: `UPDATE documents SET purged = 1, last_seq = ?, rows = 0, row_bytes = 0, snapshot_seq = 0, snapshot_bytes = 0
    WHERE space = ? AND number = ?`,
  putSnapshot: 'INSERT OR REPLACE INTO snapshots (space, number, seq, codec, bytes) VALUES (?, ?, ?, ?, ?)',
  compacted: `UPDATE documents SET rows = rows - ?, row_bytes = row_bytes - ?, snapshot_seq = ?, snapshot_bytes = ?
    WHERE space = ? AND number = ?`,
} as const

function prepare(database: DatabaseSync): Statements {
  return Object.fromEntries(Object.entries(sql).map(([name, text]) => [name, database.prepare(text)])) as Statements
}
