/**
 * The files of a data directory: one database, and a lock that one process holds.
 *
 * Invariants
 * 1. A directory is used by one relay at a time. The lock is the operating system's, so it ends with the
 *    process, however that ends.
 * 2. A database that is not this relay's, or newer than it, is refused before anything is written.
 * 3. What is deleted is overwritten (`secure_delete`), so that a purge leaves nothing in free pages.
 * 4. A commit returns only after fsync (`synchronous=FULL` in WAL mode syncs the log at each commit). One in some hundreds also
 *    folds the write-ahead log into the database, so that it stays below about 16 MB.
 */
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { TidemarkError } from '@tidemark/base'
import { isDiskFull } from './sqlite-calls.ts'

/** "TIDE" in ASCII; tells the file from other SQLite databases. */
const applicationId = 0x54494445
export const databaseFile = 'relay.sqlite'
/** Beside it while a backup is being put in its place. */
export const restoringFile = 'relay.sqlite.restoring'
const lockFile = 'relay.lock'
/**
 * Pages of 4 KiB in the write-ahead log before a commit folds them into the database. That commit takes several times as long as
 * others; with SQLite's 1,000 it is one in 170 and decides the 99th percentile of what readers see.
 */
const foldPages = 4_096

const schema = `
CREATE TABLE spaces (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  head INTEGER NOT NULL DEFAULT 0,
  floor INTEGER NOT NULL DEFAULT 0,
  documents INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE incarnations (
  id TEXT PRIMARY KEY,
  space INTEGER NOT NULL REFERENCES spaces,
  ordinal INTEGER NOT NULL,
  first INTEGER NOT NULL,
  opening TEXT NOT NULL,
  UNIQUE (space, ordinal)
) STRICT, WITHOUT ROWID;
CREATE TABLE documents (
  space INTEGER NOT NULL REFERENCES spaces,
  number INTEGER NOT NULL,
  name TEXT NOT NULL,
  last_seq INTEGER NOT NULL,
  rows INTEGER NOT NULL DEFAULT 0,
  row_bytes INTEGER NOT NULL DEFAULT 0,
  snapshot_seq INTEGER NOT NULL DEFAULT 0,
  snapshot_bytes INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (space, number),
  UNIQUE (space, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX documents_by_change ON documents (space, last_seq);
CREATE TABLE updates (
  space INTEGER NOT NULL REFERENCES spaces,
  seq INTEGER NOT NULL,
  number INTEGER NOT NULL,
  kind TEXT NOT NULL,
  principal TEXT NOT NULL,
  bytes BLOB NOT NULL,
  PRIMARY KEY (space, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX updates_by_document ON updates (space, number, seq);
CREATE TABLE snapshots (
  space INTEGER NOT NULL REFERENCES spaces,
  number INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  bytes BLOB NOT NULL,
  PRIMARY KEY (space, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE claims (
  space INTEGER NOT NULL REFERENCES spaces,
  client INTEGER NOT NULL,
  principal TEXT NOT NULL,
  PRIMARY KEY (space, client)
) STRICT, WITHOUT ROWID;
PRAGMA application_id = ${applicationId};
PRAGMA user_version = 1;
`

/** What each later version adds to the one before; version 1 is `schema`. */
const additions: readonly string[] = [
  'ALTER TABLE documents ADD COLUMN purged INTEGER NOT NULL DEFAULT 0;',
  `
CREATE TABLE awaiting (
  space INTEGER NOT NULL REFERENCES spaces,
  number INTEGER NOT NULL,
  PRIMARY KEY (space, number)
) STRICT, WITHOUT ROWID;
`,
  'ALTER TABLE snapshots ADD COLUMN codec INTEGER NOT NULL DEFAULT 0;',
  `
CREATE TABLE readers (
  space INTEGER NOT NULL REFERENCES spaces,
  reader TEXT NOT NULL,
  cursor TEXT NOT NULL,
  PRIMARY KEY (space, reader)
) STRICT, WITHOUT ROWID;
`,
]
export const schemaVersion = 1 + additions.length

/**
 * Takes the directory for this process, until the returned function is called.
 *
 * @throws {TidemarkError} `relay/config` when another relay has it or it cannot be written.
 */
export function lockDirectory(directory: string): () => void {
  try {
    mkdirSync(directory, { recursive: true })
    const lock = new DatabaseSync(join(directory, lockFile))
    try {
      lock.exec('BEGIN EXCLUSIVE')
    } catch (error) {
      lock.close()
      throw error
    }
    return () => lock.close()
  } catch (cause) {
    const isHeld = cause instanceof Error && cause.message.includes('locked')
    const what = isHeld ? 'is in use by another relay' : `cannot be used: ${cause instanceof Error ? cause.message : String(cause)}`
    throw new TidemarkError('relay/config', `the data directory ${directory} ${what}`, { cause })
  }
}

/**
 * Opens the database for writing, or makes a new one.
 *
 * @throws {TidemarkError} `relay/config` when the file is not this relay's; it is left as it is.
 */
export function openDatabase(directory: string): DatabaseSync {
  const path = join(directory, databaseFile)
  const isNew = !existsSync(path)
  if (isNew && existsSync(join(directory, restoringFile)))
    throw new TidemarkError('relay/config', `a restore into ${directory} was cut off: run it again`)
  let database: DatabaseSync | null = null
  try {
    database = new DatabaseSync(path)
    if (!isNew) checkOwner(database, path)
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON;')
    database.exec(`PRAGMA wal_autocheckpoint = ${foldPages}`)
    if (numberOf(database, 'user_version') === 0) database.exec(`BEGIN IMMEDIATE; ${schema} COMMIT;`)
    const missing = additions.slice(numberOf(database, 'user_version') - 1)
    if (missing.length > 0) database.exec(`BEGIN IMMEDIATE; ${missing.join('')} PRAGMA user_version = ${schemaVersion}; COMMIT;`)
    settle(database)
    return database
  } catch (cause) {
    database?.close()
    if (cause instanceof TidemarkError) throw cause
    throw new TidemarkError('relay/config', `the database ${path} cannot be opened: ${String(cause)}`, { cause })
  }
}

/**
 * Moves what a process left in the write-ahead log into the database, with an fsync of its own.
 *
 * Of a process that ended after a failed fsync, the file may show a commit that is not on the disk; what is built on it would be
 * lost with it in a power cut. On a full disk it stays where it is.
 */
function settle(database: DatabaseSync): void {
  try {
    database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  } catch (error) {
    if (!isDiskFull(error)) throw error
  }
}

/** A second connection that only reads. */
export const openForReading = (directory: string): DatabaseSync => new DatabaseSync(join(directory, databaseFile), { readOnly: true })

/**
 * The version of a relay's database.
 *
 * @throws {TidemarkError} `relay/config` when it is something else's, or newer than this relay.
 */
export function checkOwner(database: DatabaseSync, path: string): number {
  const version = numberOf(database, 'user_version')
  const id = numberOf(database, 'application_id')
  const tables = database.prepare('SELECT count(*) AS value FROM sqlite_schema').get()?.value
  // A relay that was killed while it made its database leaves an empty one.
  if (tables === 0 && version === 0 && id === 0) return 0
  if (id !== applicationId) throw new TidemarkError('relay/config', `${path} is not a relay's database`)
  if (version > schemaVersion)
    throw new TidemarkError('relay/config', `${path} is of version ${version}; this relay knows ${schemaVersion}`)
  return version
}

/** @throws {TidemarkError} `relay/config` when only a relay that opens it can bring it up to date. */
export function checkReadable(database: DatabaseSync, path: string): void {
  const version = checkOwner(database, path)
  if (version !== schemaVersion)
    throw new TidemarkError('relay/config', `${path} is of version ${version}, from before this relay: start the relay on it once`)
}

const numberOf = (database: DatabaseSync, pragma: string): number => Number(database.prepare(`PRAGMA ${pragma}`).get()?.[pragma] ?? 0)
