/** Whether a relay's database is sound: its pages, what its rows say of one another, and whether every document can be read. */
import type { DatabaseSync } from 'node:sqlite'
import { applyUpdate, Doc } from 'yjs'
import { maxProblems, type Problem, type VerifyDepth, type VerifyReport } from './maintenance.ts'
import { SqliteReader } from './sqlite-reader.ts'
import type { TombstoneFile } from './tombstones.ts'

type Row = Readonly<Record<string, unknown>>

/** What must hold between rows: each query lists what breaks it. */
const rules: readonly { readonly what: string; readonly sql: string }[] = [
  {
    what: 'counts other updates than it has',
    sql: `SELECT s.name AS space, d.name AS document FROM documents d JOIN spaces s ON s.id = d.space
      WHERE d.purged = 0 AND (d.rows, d.row_bytes) IS NOT (SELECT count(*), coalesce(sum(length(u.bytes)), 0) FROM updates u
        WHERE u.space = d.space AND u.number = d.number AND u.seq > d.snapshot_seq)`,
  },
  {
    what: 'has no snapshot where it says that it has one',
    sql: `SELECT s.name AS space, d.name AS document FROM documents d JOIN spaces s ON s.id = d.space WHERE d.snapshot_seq > 0
      AND NOT EXISTS (SELECT 1 FROM snapshots p WHERE p.space = d.space AND p.number = d.number AND p.seq = d.snapshot_seq)`,
  },
  {
    what: 'was purged, and yet something of it is here',
    sql: `SELECT s.name AS space, d.name AS document FROM documents d JOIN spaces s ON s.id = d.space WHERE d.purged = 1 AND (
      EXISTS (SELECT 1 FROM snapshots p WHERE p.space = d.space AND p.number = d.number)
      OR EXISTS (SELECT 1 FROM updates u WHERE u.space = d.space AND u.number = d.number AND u.kind <> 'purge'))`,
  },
  {
    what: 'has updates of no document',
    sql: `SELECT s.name AS space, NULL AS document FROM spaces s WHERE EXISTS (SELECT 1 FROM updates u WHERE u.space = s.id
      AND NOT EXISTS (SELECT 1 FROM documents d WHERE d.space = u.space AND d.number = u.number))`,
  },
  {
    what: 'has a place behind its head, or a number behind its last',
    sql: `SELECT s.name AS space, NULL AS document FROM spaces s WHERE s.head < (SELECT max(last_seq) FROM documents d WHERE d.space = s.id)
      OR s.documents < (SELECT max(number) FROM documents d WHERE d.space = s.id)`,
  },
]

/** @param tombstones names that must be purged; null where nothing of that is known. */
export function verifyDatabase(database: DatabaseSync, depth: VerifyDepth, tombstones: TombstoneFile | null): VerifyReport {
  const startMs = performance.now()
  const problems: Problem[] = []
  const all = (sql: string): Row[] => database.prepare(sql).all()
  const add = (space: unknown, document: unknown, what: string): void => {
    if (problems.length < maxProblems) problems.push({ space: space as string | null, document: document as string | null, what })
  }
  const attempt = (run: () => void): void => {
    try {
      run()
    } catch (error) {
      add(null, null, error instanceof Error ? error.message : String(error))
    }
  }
  let documents = 0
  attempt(() => {
    const pragma = depth === 'quick' ? 'quick_check' : 'integrity_check'
    for (const row of all(`PRAGMA ${pragma}(${maxProblems})`)) if (row[pragma] !== 'ok') add(null, null, String(row[pragma]))
  })
  if (depth === 'full') {
    for (const { what, sql } of rules) {
      attempt(() => {
        for (const { space, document } of all(sql)) add(space, document, what)
      })
    }
    attempt(() => {
      documents = readEveryDocument(database, add)
    })
    attempt(() => checkTombstones(database, tombstones, add))
  }
  let spaces = 0
  attempt(() => {
    spaces = Number(all('SELECT count(*) AS count FROM spaces')[0]?.count)
  })
  return { depth, spaces, documents, tookMs: Math.round(performance.now() - startMs), problems }
}

type Add = (space: unknown, document: unknown, what: string) => void

function readEveryDocument(database: DatabaseSync, add: Add): number {
  const reader = new SqliteReader(database)
  let count = 0
  const names = database.prepare(
    'SELECT s.name AS space, d.name AS document FROM documents d JOIN spaces s ON s.id = d.space WHERE d.purged = 0',
  )
  // Collected first: a statement that is being read and a transaction that ends do not go together.
  for (const { space, document } of names.all()) {
    const problem = problemOf(reader, String(space), String(document))
    if (problem !== null) add(space, document, problem)
    count++
  }
  return count
}

function problemOf(reader: SqliteReader, space: string, document: string): string | null {
  const doc = new Doc({ guid: document })
  try {
    const loaded = reader.load(space, document)
    if (loaded === null || loaded === 'purged') return null
    applyUpdate(doc, loaded.update)
    return doc.store.pendingStructs === null && doc.store.pendingDs === null ? null : 'builds on something that the log does not have'
  } catch (error) {
    return `cannot be read: ${error instanceof Error ? error.message : String(error)}`
  } finally {
    doc.destroy()
  }
}

function checkTombstones(database: DatabaseSync, tombstones: TombstoneFile | null, add: Add): void {
  const purged = database.prepare('SELECT d.purged FROM documents d JOIN spaces s ON s.id = d.space WHERE s.name = ? AND d.name = ?')
  for (const { space, document } of tombstones?.read() ?? []) {
    if (purged.get(space, document)?.purged !== 1) add(space, document, 'has a tombstone, and was not purged yet: open the relay once')
  }
}
