/**
 * What is done to a whole data directory while no relay runs on it, and read-only access beside one.
 *
 * Invariants
 * 1. Nothing is overwritten without being told to, and what is replaced is kept under another name.
 * 2. A restore is there whole or not at all, and its tombstones are the directory's own: what was purged stays purged.
 */
import { copyFileSync, existsSync, renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { TidemarkError } from '@tidemark/base'
import { checkOwner, checkReadable, databaseFile, lockDirectory, openForReading, restoringFile, schemaVersion } from './sqlite-database.ts'
import { SqliteKeeper, syncFile } from './sqlite-keeper.ts'
import { verifyDatabase } from './sqlite-verify.ts'
import { openTombstones, syncDirectory, tombstonesFile } from './tombstones.ts'

export interface DirectoryOptions {
  readonly directory: string
  /** As of `openSqliteLog`. */
  readonly tombstones?: string
}

/**
 * Opens the database of a directory for looking at it, beside a running relay or without one.
 *
 * @throws {TidemarkError} `relay/config` when there is none, or it is not a relay's.
 */
export function openKeeper({ directory, tombstones = join(directory, tombstonesFile) }: DirectoryOptions): SqliteKeeper {
  const path = join(directory, databaseFile)
  if (!existsSync(path)) throw new TidemarkError('relay/config', `${directory} holds no ${databaseFile}: it is no relay's data directory`)
  try {
    const database = openForReading(directory)
    checkReadable(database, path)
    return new SqliteKeeper(database, openTombstones(tombstones))
  } catch (cause) {
    if (cause instanceof TidemarkError) throw cause
    throw new TidemarkError('relay/config', `${path} cannot be opened: ${String(cause)}`, { cause })
  }
}

export interface RestoreOptions extends DirectoryOptions {
  /** A file that `backup` wrote. */
  readonly from: string
  /** Whether a database that is there is to be replaced. */
  readonly overwrite: boolean
}

export interface RestoreReport {
  readonly bytes: number
  readonly spaces: number
  /** Where the database that was there before is kept; null when there was none. */
  readonly replaced: string | null
  /** Names whose tombstones will be applied when the relay opens. */
  readonly tombstones: number
}

/**
 * Puts a backup in a data directory.
 *
 * The relay that opens it begins a new incarnation, by which clients notice what was lost, and hand it back.
 *
 * @throws {TidemarkError} `relay/config` when a relay runs on the directory, something would be overwritten, or the file is not a
 * sound backup; nothing is changed then.
 */
export function restoreBackup({ directory, from, overwrite, tombstones = join(directory, tombstonesFile) }: RestoreOptions): RestoreReport {
  const spaces = checkBackup(from)
  const unlock = lockDirectory(directory)
  try {
    const path = join(directory, databaseFile)
    const isThere = existsSync(path)
    if (isThere && !overwrite) {
      throw new TidemarkError('relay/config', `${directory} holds a database already; --force replaces it, and keeps it under another name`)
    }
    const stones = openTombstones(tombstones).read().length
    const partial = join(directory, restoringFile)
    copyFileSync(from, partial)
    syncFile(partial)
    const replaced = isThere ? putAside(path) : null
    // What belongs to another database must not be taken for this one's.
    for (const suffix of ['-wal', '-shm']) rmSync(path + suffix, { force: true })
    renameSync(partial, path)
    syncDirectory(directory)
    return { bytes: statSync(path).size, spaces, replaced, tombstones: stones }
  } finally {
    unlock()
  }
}

function checkBackup(from: string): number {
  if (!existsSync(from)) throw new TidemarkError('relay/config', `there is no backup ${from}`)
  let database: DatabaseSync | null = null
  try {
    database = new DatabaseSync(from, { readOnly: true })
    const version = checkOwner(database, from)
    if (version === 0) throw new TidemarkError('relay/config', `${from} is empty`)
    const { problems, spaces } = verifyDatabase(database, version === schemaVersion ? 'full' : 'quick', null)
    const [first] = problems
    if (first !== undefined)
      throw new TidemarkError(
        'relay/config',
        `the backup ${from} is damaged: ${[first.space, first.document, first.what].filter(Boolean).join(' ')}`,
      )
    return spaces
  } catch (cause) {
    if (cause instanceof TidemarkError) throw cause
    throw new TidemarkError('relay/config', `the backup ${from} cannot be read: ${String(cause)}`, { cause })
  } finally {
    database?.close()
  }
}

/** Moves a database aside, with its write-ahead log, which holds its latest commits. */
function putAside(path: string): string {
  for (let n = 1; ; n++) {
    const aside = `${path}.replaced-${n}`
    if (existsSync(aside)) continue
    // The write-ahead log first: the database is then complete under one name or the other.
    for (const suffix of ['-wal', '-shm']) if (existsSync(path + suffix)) renameSync(path + suffix, aside + suffix)
    renameSync(path, aside)
    return aside
  }
}
