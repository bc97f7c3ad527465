/**
 * The reading side of the SQLite log: a connection, and a worker, of its own, so that neither reading nor
 * merging nor compacting delays a commit.
 *
 * Invariant: each answer is read within one transaction, so it is one state of the log.
 */
import type { DatabaseSync } from 'node:sqlite'
import { TidemarkError } from '@tidemark/base'
import { compact, mergeGrouped } from '@tidemark/updates'
import type { ChangedDocument, ChangedDocumentsPage, ChangesPage, LoadedDocument, LoggedUpdate, PurgedDocument, ReadLimits } from './log.ts'
import { packSnapshot, unpackSnapshot } from './sqlite-snapshots.ts'
import type { Replacement } from './sqlite-writer.ts'

/** No document's state is larger; what claims to be is damaged. */
const maxStateBytes = 1 << 30

type Row = Readonly<Record<string, unknown>>
type Value = number | string

interface StoredDocument {
  readonly number: number
  readonly seq: number
  readonly snapshotSeq: number
  readonly updates: readonly Uint8Array[]
}

export class SqliteReader {
  readonly #database: DatabaseSync
  readonly #prepared = new Map<string, ReturnType<DatabaseSync['prepare']>>()

  constructor(database: DatabaseSync) {
    this.#database = database
  }

  changes(name: string, after: number, limits: ReadLimits): ChangesPage | 'compacted' {
    return this.#read(() => {
      const space = this.#space(name)
      if (after < space.floor) return 'compacted'
      const updates: LoggedUpdate[] = []
      const purged: PurgedDocument[] = []
      let bytes = 0
      let last = after
      for (const row of this.#each(
        `SELECT u.seq, u.number, u.kind, u.principal, d.name, u.bytes FROM updates u JOIN documents d ON d.space = u.space AND d.number = u.number
          WHERE u.space = ? AND u.seq > ? ORDER BY u.seq LIMIT ?`,
        [space.id, after, limits.maxItems + 1],
      )) {
        const update = row.bytes as Uint8Array
        const count = updates.length + purged.length
        if (count > 0 && (count >= limits.maxItems || bytes + update.length > limits.maxBytes)) return { updates, purged, seq: last }
        last = Number(row.seq)
        const named = { number: Number(row.number), document: String(row.name) }
        if (row.kind === 'purge') purged.push(named)
        else updates.push({ seq: last, ...named, update, principal: String(row.principal), kind: row.kind === 'carry' ? 'carry' : 'push' })
        bytes += update.length
      }
      return { updates, purged, seq: Math.max(after, space.head) }
    })
  }

  changedDocuments(name: string, from: number, afterNumber: number, limits: ReadLimits): ChangedDocumentsPage {
    return this.#read(() => {
      const space = this.#space(name)
      // By time of change while little has changed, by number while most has: each walks only what it lists.
      const isLittle = (space.head - from) * 4 < space.documents
      const rows = this.#each(
        `SELECT number, name, snapshot_seq, purged FROM documents ${isLittle ? 'INDEXED BY documents_by_change' : 'NOT INDEXED'}
          WHERE space = ? AND number > ? AND last_seq > ? ORDER BY number LIMIT ?`,
        [space.id, afterNumber, from, limits.maxItems + 1],
      )
      const documents: ChangedDocument[] = []
      const purged: PurgedDocument[] = []
      let bytes = 0
      let last = afterNumber
      for (const row of rows) {
        if (documents.length + purged.length >= limits.maxItems) return { documents, purged, last, done: false }
        const number = Number(row.number)
        if (row.purged === 1) {
          purged.push({ number, document: String(row.name) })
          last = number
          continue
        }
        const update = mergeGrouped(this.#updatesAfter(space.id, number, Number(row.snapshot_seq), from))
        if (documents.length > 0 && bytes + update.length > limits.maxBytes) return { documents, purged, last, done: false }
        documents.push({ number, document: String(row.name), update })
        bytes += update.length
        last = number
      }
      return { documents, purged, last, done: true }
    })
  }

  load(name: string, document: string): LoadedDocument | 'purged' | null {
    return this.#read(() => {
      const found = this.#document(name, document)
      return found === null || found === 'purged' ? found : { number: found.number, seq: found.seq, update: mergeGrouped(found.updates) }
    })
  }

  /** Computes the state that may replace a document's updates; null when there is nothing to gain. */
  compacted(space: string, document: string): Replacement | null {
    const found = this.#read(() => this.#document(space, document))
    if (found === null || found === 'purged' || found.snapshotSeq === found.seq) return null
    const update = compact(found.updates)
    return { space, number: found.number, upTo: found.seq, bytes: update.length, snapshot: packSnapshot(update) }
  }

  claims(name: string, clients: readonly number[]): [number, string][] {
    return this.#read(() => {
      const { id } = this.#space(name)
      return clients.flatMap((client): [number, string][] => {
        const row = this.#one('SELECT principal FROM claims WHERE space = ? AND client = ?', [id, client])
        return row === undefined ? [] : [[client, String(row.principal)]]
      })
    })
  }

  spaces(): string[] {
    return this.#read(() => Array.from(this.#each('SELECT name FROM spaces ORDER BY id', []), (row) => String(row.name)))
  }

  readerCursor(reader: string, name: string): string | null {
    return this.#read(() => {
      const row = this.#one('SELECT cursor FROM readers WHERE space = ? AND reader = ?', [this.#space(name).id, reader])
      return row === undefined ? null : String(row.cursor)
    })
  }

  awaiting(name: string, limit: number): string[] {
    return this.#read(() => {
      const rows = this.#each(
        'SELECT d.name FROM awaiting a JOIN documents d ON d.space = a.space AND d.number = a.number WHERE a.space = ? LIMIT ?',
        [this.#space(name).id, limit],
      )
      return Array.from(rows, (row) => String(row.name))
    })
  }

  close(): void {
    this.#database.close()
  }

  #document(name: string, document: string): StoredDocument | 'purged' | null {
    const { id } = this.#space(name)
    const row = this.#one('SELECT number, last_seq, snapshot_seq, purged FROM documents WHERE space = ? AND name = ?', [id, document])
    if (row === undefined) return null
    if (row.purged === 1) return 'purged'
    const number = Number(row.number)
    const snapshotSeq = Number(row.snapshot_seq)
    return { number, seq: Number(row.last_seq), snapshotSeq, updates: this.#updatesAfter(id, number, snapshotSeq, 0) }
  }

  /** The document's updates after `from`, beginning with its snapshot when that holds some of them. */
  #updatesAfter(space: number, number: number, snapshotSeq: number, from: number): Uint8Array[] {
    const updates: Uint8Array[] = []
    if (snapshotSeq > from) {
      const snapshot = this.#one('SELECT codec, bytes FROM snapshots WHERE space = ? AND number = ?', [space, number])
      if (snapshot === undefined) throw new TidemarkError('relay/log-failed', `the snapshot of document ${number} is missing`)
      updates.push(unpackSnapshot({ codec: Number(snapshot.codec), bytes: snapshot.bytes as Uint8Array }, maxStateBytes))
    }
    const rows = this.#each('SELECT bytes FROM updates WHERE space = ? AND number = ? AND seq > ? ORDER BY seq', [space, number, from])
    for (const row of rows) updates.push(row.bytes as Uint8Array)
    return updates
  }

  #space(name: string): { readonly id: number; readonly head: number; readonly floor: number; readonly documents: number } {
    const row = this.#one('SELECT id, head, floor, documents FROM spaces WHERE name = ?', [name])
    if (row === undefined) throw new TidemarkError('relay/log-failed', `the space ${name} was not opened`)
    return { id: Number(row.id), head: Number(row.head), floor: Number(row.floor), documents: Number(row.documents) }
  }

  #one = (text: string, values: readonly Value[]): Row | undefined => this.#statement(text).get(...values)

  #each = (text: string, values: readonly Value[]): Iterable<Row> => this.#statement(text).iterate(...values) as Iterable<Row>

  #statement(text: string): ReturnType<DatabaseSync['prepare']> {
    const statement = this.#prepared.get(text) ?? this.#database.prepare(text)
    this.#prepared.set(text, statement)
    return statement
  }

  #read<T>(run: () => T): T {
    this.#database.exec('BEGIN')
    try {
      return run()
    } finally {
      this.#database.exec('COMMIT')
    }
  }
}
