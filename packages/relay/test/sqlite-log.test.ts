import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { systemRandom } from '@tidemark/base'
import { afterEach, describe, expect, test } from 'vitest'
import { openSqliteLog } from '../src/index.ts'
import { openDatabase } from '../src/sqlite-database.ts'
import { sqliteLogLimits } from '../src/sqlite-log.ts'
import { entry, faulty, letters, loadOf, logContract, purgeOf } from './log.contract.ts'
import { ManualClock } from './manual-clock.ts'
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
    backup: async () => {
      const copy = newDirectory()
      copyFileSync(join(directory, 'relay.sqlite'), join(copy, 'relay.sqlite'))
      return async () => copyFileSync(join(copy, 'relay.sqlite'), join(directory, 'relay.sqlite'))
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
    expect(letters([(await loadOf(again, 's', 'a'))?.update as Uint8Array])).toBe('x'.repeat(600))
    await again.close()
  })

  test('[P8] a read that takes too long is ended and fails alone; what waits behind it is answered, and compaction does not hold it up', async () => {
    const clock = new ManualClock()
    const told: unknown[] = []
    const logger = { info: () => undefined, error: () => undefined, warn: (fields: object) => void told.push(fields) }
    const log = await openSqliteLog({ directory: newDirectory(), random: systemRandom, clock, logger, compacts: false })
    await log.open('s')
    for (let i = 0; i < 5; i++) {
      await log.append(Array.from({ length: 400 }, (_, j) => entry('big', 1 + i * 400 + j, { update: textUpdate('x', 1 + i * 400 + j) })))
    }
    await log.append([entry('small', 9_000)])
    // Both threads are there.
    await Promise.all([log.compact('s', 'small'), log.load('s', 'small')])
    const ended = [log.load('s', 'big'), log.compact('s', 'big')].map((job) =>
      expect(job).rejects.toMatchObject({ code: 'relay/too-large' }),
    )
    const small = log.load('s', 'small')
    const claims = log.claims('s', [1])
    // No answer can come meanwhile.
    while (clock.waiting < 2) await Promise.resolve()
    clock.pass(sqliteLogLimits.compactLimitMs)
    await Promise.all(ended)
    expect([await small, await claims]).toMatchObject([{ seq: 2_001 }, new Map()])
    expect([log.endedJobs, told.length]).toEqual([2, 2])
    // Nothing was lost, and all of it works again.
    expect(letters([(await loadOf(log, 's', 'big'))?.update as Uint8Array])).toHaveLength(2_000)
    await log.compact('s', 'big')
    expect(await log.changes('s', 0, { maxItems: 1, maxBytes: 1 })).toBe('compacted')
    await log.close()
    await expect(log.load('s', 'big')).rejects.toMatchObject({ code: 'relay/log-failed' })
  })

  test('what is purged is in no file of the directory any more, compacted away or not', async () => {
    const directory = newDirectory()
    const log = await openSqliteLog({ directory, random: systemRandom, compacts: false })
    await log.open('s')
    const secret = (n: number): Uint8Array => textUpdate(`very secret ${'x'.repeat(20_000)}`, n)
    await log.append([entry('a', 1, { update: secret(1) }), entry('b', 2)])
    await log.compact('s', 'a')
    await log.append([entry('a', 3, { update: secret(3) })])
    const holders = (): string[] => readdirSync(directory).filter((name) => readFileSync(join(directory, name)).includes('very secret'))
    expect(holders()).not.toEqual([])
    await log.append([purgeOf('a')])
    expect(holders()).toEqual([])
    await log.close()
    expect(holders()).toEqual([])
    expect(readFileSync(join(directory, 'purged.jsonl'), 'utf8')).toBe('{"space":"s","document":"a"}\n')
  })

  test('a tombstone that was cut off in writing is passed over, and a file that holds something else is refused', async () => {
    const directory = newDirectory()
    const tombstones = join(newDirectory(), 'elsewhere.jsonl')
    writeFileSync(tombstones, '{"space":"s","document":"a"}\n{"space":"s","docu')
    const log = await openSqliteLog({ directory, tombstones, random: systemRandom })
    await log.open('s')
    expect(await log.load('s', 'a')).toBe('purged')
    await log.append([purgeOf('b')])
    await log.close()
    expect(existsSync(join(directory, 'purged.jsonl'))).toBe(false)
    expect(readFileSync(tombstones, 'utf8').split('\n')).toEqual(['{"space":"s","document":"a"}', '{"space":"s","document":"b"}', ''])
    writeFileSync(tombstones, 'not this\n')
    await expect(openSqliteLog({ directory, tombstones, random: systemRandom })).rejects.toMatchObject({ code: 'relay/config' })
    await (await openSqliteLog({ directory, random: systemRandom })).close()
  })

  test('a database of version 1 is carried over', async () => {
    const directory = newDirectory()
    const log = await openSqliteLog({ directory, random: systemRandom })
    await log.open('s')
    await log.append([entry('a', 1)])
    await log.close()
    withDatabase(
      join(directory, 'relay.sqlite'),
      'DROP TABLE readers; DROP TABLE awaiting; ALTER TABLE documents DROP COLUMN purged; ALTER TABLE snapshots DROP COLUMN codec; PRAGMA user_version = 1',
    )
    const again = await openSqliteLog({ directory, random: systemRandom })
    await again.open('s')
    await again.append([purgeOf('a')])
    expect(await again.load('s', 'a')).toBe('purged')
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
