/**
 * The SQLite file of one space and user.
 *
 * | table     | key             | value                                              |
 * | --------- | --------------- | -------------------------------------------------- |
 * | docs      | name            | `DocRecord` as JSON, and what the indexes need of it |
 * | updates   | name, writer, n | origin, branch and V1 bytes                        |
 * | snapshots | name            | format and bytes                                   |
 * | rows      | type, id        | JSON                                               |
 * | refused   | name, branch, writer, n | V1 bytes, code of the refusal              |
 * | quarantine | number         | what could not be read                             |
 * | state     | key             | JSON                                               |
 *
 * Invariants
 * 1. A file that is not ours, or that a newer build wrote, is refused before anything is written.
 * 2. Several connections, of this process or of others, may share the file: SQLite's locks keep their transactions apart.
 */
import { createHash } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { TidemarkError } from '@tidemark/base'

/** Rises with each change of the tables. */
export const tablesVersion = 1
/** "TMLS" in ASCII; tells the file from other SQLite databases. */
const applicationId = 0x544d4c53
/** How long a connection waits for another one's transaction, ms. */
const busyTimeoutMs = 2_000
const maxSlugLength = 40

const tables = `
CREATE TABLE docs (
  name TEXT PRIMARY KEY,
  record TEXT NOT NULL,
  pending_since REAL,
  row_mark REAL,
  behind INTEGER NOT NULL,
  carry INTEGER NOT NULL,
  long INTEGER NOT NULL,
  last_seq INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX docs_pending ON docs (pending_since) WHERE pending_since IS NOT NULL;
CREATE INDEX docs_row_mark ON docs (row_mark) WHERE row_mark IS NOT NULL;
CREATE INDEX docs_behind ON docs (behind) WHERE behind = 1;
CREATE INDEX docs_carry ON docs (carry) WHERE carry = 1;
CREATE INDEX docs_long ON docs (long) WHERE long = 1;
CREATE INDEX docs_last_seq ON docs (last_seq);
CREATE TABLE updates (
  name TEXT NOT NULL,
  writer TEXT NOT NULL,
  n INTEGER NOT NULL,
  origin TEXT NOT NULL,
  branch INTEGER NOT NULL,
  bytes BLOB NOT NULL,
  PRIMARY KEY (name, writer, n)
) STRICT;
CREATE TABLE snapshots (name TEXT PRIMARY KEY, format TEXT NOT NULL, bytes BLOB NOT NULL) STRICT;
CREATE TABLE rows (type TEXT NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (type, id)) STRICT, WITHOUT ROWID;
CREATE TABLE refused (
  name TEXT NOT NULL,
  branch INTEGER NOT NULL,
  writer TEXT NOT NULL,
  n INTEGER NOT NULL,
  code TEXT,
  at REAL NOT NULL,
  bytes BLOB NOT NULL,
  PRIMARY KEY (name, branch, writer, n)
) STRICT;
CREATE TABLE quarantine (number INTEGER PRIMARY KEY, name TEXT NOT NULL, part TEXT NOT NULL, reason TEXT NOT NULL, at REAL NOT NULL, bytes BLOB NOT NULL) STRICT;
CREATE TABLE state (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
PRAGMA application_id = ${applicationId};
PRAGMA user_version = ${tablesVersion};
`

/**
 * The file of one space and user in `directory`. Its name begins with letters of the space's, for people, and ends
 * with a hash of both names, since file systems differ in what they allow and in whether case counts.
 */
export function fileOf(directory: string, { space, user }: { readonly space: string; readonly user: string }): string {
  const slug = space.replaceAll(/[^A-Za-z0-9_-]+/g, '_').slice(0, maxSlugLength)
  const hash = createHash('sha256')
    .update(JSON.stringify([space, user]))
    .digest('hex')
    .slice(0, 32)
  return join(directory, `${slug.toLowerCase()}-${hash}.sqlite`)
}

/**
 * Opens the file, or makes a new one with its directory.
 *
 * @throws {TidemarkError} `store/outdated` when a newer build wrote it, `store/failed` when it is not ours or cannot be
 * opened; it is left as it is.
 */
export function openFile(path: string, directory: string, durability: 'relaxed' | 'strict'): DatabaseSync {
  let database: DatabaseSync | null = null
  try {
    mkdirSync(directory, { recursive: true })
    database = new DatabaseSync(path, { timeout: busyTimeoutMs })
    checkOwner(database, path)
    // In WAL mode, FULL syncs the log at each commit; NORMAL leaves that to the next checkpoint, yet a process may die at any time.
    database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = ${durability === 'strict' ? 'FULL' : 'NORMAL'};`)
    createTables(database)
    return database
  } catch (cause) {
    database?.close()
    throw toSqliteError(cause)
  }
}

/** Two processes may open a new file at once: the second finds the tables made. */
function createTables(database: DatabaseSync): void {
  database.exec('BEGIN IMMEDIATE')
  if (pragma(database, 'user_version') === 0) database.exec(tables)
  database.exec('COMMIT')
}

function checkOwner(database: DatabaseSync, path: string): void {
  const version = pragma(database, 'user_version')
  const id = pragma(database, 'application_id')
  const count = database.prepare('SELECT count(*) AS value FROM sqlite_schema').get()?.value
  if (count === 0 && version === 0 && id === 0) return
  if (id !== applicationId) throw new TidemarkError('store/failed', `${path} is another program's database: choose another directory`)
  if (version > tablesVersion)
    throw new TidemarkError('store/outdated', `${path} is of version ${version}; this build knows ${tablesVersion}`)
}

const pragma = (database: DatabaseSync, name: string): number => Number(database.prepare(`PRAGMA ${name}`).get()?.[name] ?? 0)

/** SQLite's primary result codes that mean something to a caller. */
const resultCodes = { busy: 5, full: 13 } as const

/** `store/full` for no space left, `store/blocked` when another process does not let go, `store/failed` for the rest. */
export function toSqliteError(error: unknown): TidemarkError {
  if (error instanceof TidemarkError) return error
  const { message } = error instanceof Error ? error : new Error(String(error))
  const code = Number((error as { errcode?: unknown } | null)?.errcode ?? 0) & 0xff
  const isFull = code === resultCodes.full || (error as { code?: unknown } | null)?.code === 'ENOSPC'
  return new TidemarkError(isFull ? 'store/full' : code === resultCodes.busy ? 'store/blocked' : 'store/failed', message, { cause: error })
}
