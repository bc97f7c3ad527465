import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { systemRandom } from '@tidemark/base'
import { afterEach, describe, expect, test } from 'vitest'
import { openSqliteLog } from '../src/index.ts'
import { openDatabase } from '../src/sqlite-database.ts'
import { entry, faulty, letters, logContract } from './log.contract.ts'
import { textUpdate } from './wire-client.ts'

const directories: string[] = []

function newDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'tidemark-log-'))
  directories.push(directory)
  return directory
}

afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true })
})

/** Makes the database itself refuse an insert by the faulty principal, in the middle of a transaction. */
function plantFault(directory: string): void {
  const database = new DatabaseSync(join(directory, 'relay.sqlite'))
  database.exec(`CREATE TRIGGER IF NOT EXISTS fault BEFORE INSERT ON updates WHEN NEW.principal = '${faulty}'
    BEGIN SELECT RAISE(ABORT, 'disk I/O error'); END`)
  database.close()
}

logContract('the log in SQLite', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'tidemark-log-'))
  return {
    open: async () => {
      const log = await openSqliteLog({ directory, random: systemRandom, compacts: false })
      plantFault(directory)
      return log
    },
    remove: async () => rmSync(directory, { recursive: true }),
  }
})

describe('the log in SQLite', () => {
  test('a second relay on the same directory is refused, until the first has closed', async () => {
    const directory = newDirectory()
    const log = await openSqliteLog({ directory, random: systemRandom })
    await expect(openSqliteLog({ directory, random: systemRandom })).rejects.toMatchObject({
      code: 'relay/config',
      message: expect.stringContaining('in use by another relay'),
    })
    await log.close()
    await (await openSqliteLog({ directory, random: systemRandom })).close()
  })

  test.each([
    ['a file that is no database', (path: string) => writeFileSync(path, 'this is a text '.repeat(100))],
    ['another application’s database', (path: string) => withDatabase(path, 'CREATE TABLE theirs (x)')],
    [
      'a newer relay’s database',
      (path: string) => withDatabase(path, `CREATE TABLE t (x); PRAGMA application_id = ${0x54494445}; PRAGMA user_version = 99`),
    ],
  ])('%s is refused and left as it is', async (_, plant) => {
    const directory = newDirectory()
    const path = join(directory, 'relay.sqlite')
    plant(path)
    const before = readFileSync(path)
    await expect(openSqliteLog({ directory, random: systemRandom })).rejects.toMatchObject({ code: 'relay/config' })
    expect(readFileSync(path)).toEqual(before)
  })

  test('a directory that cannot be made is a typed error', async () => {
    const file = join(newDirectory(), 'file')
    writeFileSync(file, '')
    await expect(openSqliteLog({ directory: join(file, 'data'), random: systemRandom })).rejects.toMatchObject({ code: 'relay/config' })
  })

  test('documents are compacted by themselves as their logs grow', async () => {
    const directory = newDirectory()
    const log = await openSqliteLog({ directory, random: systemRandom })
    await log.open('s')
    const batch = Array.from({ length: 600 }, (_, i) => entry('a', i + 1, { update: textUpdate('x', i + 1) }))
    await log.append(batch)
    await log.append([entry('b', 1)])
    await log.close()
    const again = await openSqliteLog({ directory, random: systemRandom })
    await again.open('s')
    expect(await again.changes('s', 0, { maxItems: 1, maxBytes: 1 })).toBe('compacted')
    expect(letters([(await again.load('s', 'a'))?.update as Uint8Array])).toBe('x'.repeat(600))
    await again.close()
  })

  test('[P2] a commit is synced: write-ahead log with synchronous FULL', () => {
    const database = openDatabase(newDirectory())
    expect(database.prepare('PRAGMA journal_mode').get()).toEqual({ journal_mode: 'wal' })
    expect(database.prepare('PRAGMA synchronous').get()).toEqual({ synchronous: 2 })
    database.close()
  })
})

function withDatabase(path: string, sql: string): void {
  const database = new DatabaseSync(path)
  database.exec(sql)
  database.close()
}
