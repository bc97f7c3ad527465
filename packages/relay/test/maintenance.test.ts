import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { systemRandom } from '@tidemark/base'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { openKeeper, openSqliteLog, restoreBackup, type SqliteLog } from '../src/index.ts'
import { entry, letters, loadOf, purgeOf } from './log.contract.ts'
import { textUpdate } from './wire-client.ts'

let root = ''
let directory = ''
const logs: SqliteLog[] = []

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tidemark-keep-'))
  directory = join(root, 'data')
})

afterEach(async () => {
  for (const log of logs.splice(0)) await log.close()
  rmSync(root, { recursive: true })
})

async function open(at = directory): Promise<SqliteLog> {
  const log = await openSqliteLog({ directory: at, random: systemRandom, compacts: false })
  logs.push(log)
  await log.open('s')
  return log
}

const backupFile = (): string => join(root, 'backup.sqlite')

function change(path: string, sql: string): void {
  const database = new DatabaseSync(path)
  database.exec(sql)
  database.close()
}

describe('a backup', () => {
  test('[P2] of a log that is written to is one state of it: whole batches, from the beginning on', async () => {
    const log = await open()
    const batch = (n: number) => Array.from({ length: 8 }, (_, i) => entry(`d${i}`, n, { update: textUpdate('x', n) }))
    let isDone = false
    let written = 0
    const writing = (async () => {
      while (!isDone) await log.append(batch(++written))
    })()
    for (let i = 0; i < 3; i++) {
      const { path, spaces, bytes } = await log.maintenance.backup(join(root, `${i}.sqlite`))
      expect({ spaces, bytes: bytes > 0 }).toEqual({ spaces: 1, bytes: true })
      const copy = new DatabaseSync(path, { readOnly: true })
      const { updates, head } = copy.prepare('SELECT (SELECT count(*) FROM updates) AS updates, head FROM spaces').get() as {
        updates: number
        head: number
      }
      copy.close()
      expect([updates % 8, head]).toEqual([0, updates])
      expect(updates / 8).toBeLessThanOrEqual(written)
    }
    isDone = true
    await writing
    expect(readdirSync(root).filter((name) => name.includes('partial'))).toEqual([])
  })

  test('overwrites nothing, and leaves nothing where it cannot be written', async () => {
    const log = await open()
    writeFileSync(backupFile(), 'mine')
    await expect(log.maintenance.backup(backupFile())).rejects.toMatchObject({ code: 'relay/config' })
    expect(readFileSync(backupFile(), 'utf8')).toBe('mine')
    await expect(log.maintenance.backup(join(root, 'no', 'where.sqlite'))).rejects.toMatchObject({ code: 'relay/config' })
  })

  test('is restored into an empty directory, under another incarnation, with what was purged since purged', async () => {
    const log = await open()
    await log.append([entry('a', 1), entry('b', 2), entry('c', 3)])
    await log.maintenance.backup(backupFile())
    await log.append([entry('a', 4), purgeOf('c')])
    const { incarnations } = await log.open('s')
    await log.close()
    // The data are lost, but for the tombstones, which stand elsewhere.
    copyFileSync(join(directory, 'purged.jsonl'), join(root, 'purged.jsonl'))
    rmSync(directory, { recursive: true })
    const tombstones = join(root, 'purged.jsonl')
    const report = restoreBackup({ directory, from: backupFile(), overwrite: false, tombstones })
    expect(report).toMatchObject({ spaces: 1, replaced: null, tombstones: 1 })
    const again = await openSqliteLog({ directory, random: systemRandom, tombstones })
    logs.push(again)
    const history = await again.open('s')
    expect(history.incarnations).toEqual([...incarnations, { id: expect.any(String), first: 4 }])
    expect(letters([(await loadOf(again, 's', 'a'))?.update as Uint8Array])).toBe('1')
    expect(await again.load('s', 'c')).toBe('purged')
  })

  test('is not restored over a database unless told to, which is kept then, nor while a relay runs', async () => {
    const log = await open()
    await log.append([entry('a', 1)])
    await log.maintenance.backup(backupFile())
    await log.append([entry('a', 2)])
    const restore = (overwrite: boolean) => restoreBackup({ directory, from: backupFile(), overwrite })
    expect(() => restore(true)).toThrow(expect.objectContaining({ message: expect.stringContaining('in use by another relay') }))
    await log.close()
    expect(() => restore(false)).toThrow(expect.objectContaining({ message: expect.stringContaining('--force') }))
    expect(letters([(await loadOf(await open(), 's', 'a'))?.update as Uint8Array])).toBe('12')
    await logs.pop()?.close()
    const { replaced } = restore(true)
    expect(letters([(await loadOf(await open(), 's', 'a'))?.update as Uint8Array])).toBe('1')
    const kept = new DatabaseSync(replaced as string, { readOnly: true })
    expect(kept.prepare('SELECT count(*) AS count FROM updates').get()).toEqual({ count: 2 })
    kept.close()
  })

  test.each([
    ['is no database', () => writeFileSync(backupFile(), 'text '.repeat(1_000))],
    ['is another’s', () => change(backupFile(), 'CREATE TABLE theirs (x)')],
    ['is missing', () => undefined],
    ['is empty', () => writeFileSync(backupFile(), '')],
    [
      'has a damaged document',
      async () => {
        const other = await open(join(root, 'other'))
        await other.append([entry('a', 1)])
        await other.maintenance.backup(backupFile())
        change(backupFile(), "UPDATE updates SET bytes = x'ff'; UPDATE documents SET row_bytes = 1")
      },
    ],
  ])('that %s is refused before anything is changed', async (_, plant) => {
    await plant()
    expect(() => restoreBackup({ directory, from: backupFile(), overwrite: true })).toThrow(
      expect.objectContaining({ code: 'relay/config' }),
    )
    expect(existsSync(directory)).toBe(false)
  })

  test('whose restore was cut off is not taken for an empty directory', async () => {
    await (await open()).close()
    logs.pop()
    rmSync(join(directory, 'relay.sqlite'))
    writeFileSync(join(directory, 'relay.sqlite.restoring'), '')
    await expect(openSqliteLog({ directory, random: systemRandom })).rejects.toMatchObject({
      message: expect.stringContaining('cut off'),
    })
  })
})

describe('looking at a database', () => {
  test('tells of spaces and documents, beside a running relay and without one', async () => {
    const log = await open()
    await log.append([entry('a', 1), entry('b', 2), entry('a', 3, { principal: 'ann', kind: 'carry' })])
    await log.append([purgeOf('b')])
    expect(await log.maintenance.spaces()).toMatchObject([{ space: 's', documents: 1, purged: 1, head: 4, incarnations: 1 }])
    expect(await log.maintenance.documents('s', 0, 10)).toMatchObject([
      { document: 'a', number: 1, seq: 3, updates: 2, isPurged: false },
      { document: 'b', number: 2, isPurged: true, bytes: 0 },
    ])
    expect(await log.maintenance.documents('s', 1, 10)).toHaveLength(1)
    expect(await log.maintenance.documents('none', 0, 10)).toBeNull()
    expect(await log.maintenance.document('s', 'a')).toMatchObject({
      clients: 2,
      roots: ['t'],
      authors: [
        { principal: 'p', kind: 'push', updates: 1 },
        { principal: 'ann', kind: 'carry', updates: 1 },
      ],
    })
    expect(await log.maintenance.document('s', 'none')).toBeNull()
    const beside = openKeeper({ directory })
    expect(beside.spaces()).toMatchObject([{ space: 's' }])
    beside.close()
    await log.close()
    const without = openKeeper({ directory })
    expect(letters([without.state('s', 'a') as Uint8Array])).toBe('13')
    without.close()
    expect(() => openKeeper({ directory: root })).toThrow(expect.objectContaining({ code: 'relay/config' }))
  })

  test('snapshots are stored deflated, and read as what they were', async () => {
    const log = await open()
    const text = 'the same words again and again '.repeat(300)
    await log.append([entry('a', 1, { update: textUpdate(text, 1) }), entry('a', 2, { update: textUpdate('!', 2) })])
    const before = await loadOf(log, 's', 'a')
    await log.compact('s', 'a')
    const details = await log.maintenance.document('s', 'a')
    expect(details?.bytes).toBeGreaterThan(text.length)
    expect(details?.storedSnapshotBytes).toBeLessThan(text.length / 5)
    const after = await loadOf(log, 's', 'a')
    expect(letters([after?.update as Uint8Array])).toBe(letters([before?.update as Uint8Array]))
    expect(await log.maintenance.verify('full')).toMatchObject({ documents: 1, problems: [] })
  })
})

describe('verifying', () => {
  const damages: readonly (readonly [string, string, string])[] = [
    ['an update that is gone', 'DELETE FROM updates WHERE seq = 2', 'counts other updates'],
    ['an update that is damaged', "UPDATE updates SET bytes = x'ff' WHERE seq = 2", 'cannot be read'],
    ['a snapshot that is gone', 'DELETE FROM snapshots WHERE number = 2', 'no snapshot'],
    ['a snapshot that is damaged', 'UPDATE snapshots SET bytes = zeroblob(20) WHERE number = 2', 'cannot be read'],
    ['something of a purged document', "INSERT INTO snapshots VALUES (1, 3, 1, x'00', 0)", 'was purged'],
    ['a head that has fallen back', 'UPDATE spaces SET head = 1', 'behind its head'],
    ['updates of no document', 'PRAGMA foreign_keys = OFF; DELETE FROM documents WHERE number = 2', 'of no document'],
  ]
  test.each(damages)('in full finds %s', async (_, sql, said) => {
    const log = await open()
    await log.append([
      entry('a', 1),
      entry('a', 2),
      entry('big', 3, { update: textUpdate('x'.repeat(500), 3) }),
      entry('big', 4),
      entry('c', 5),
    ])
    await log.compact('s', 'big')
    await log.append([entry('big', 6), purgeOf('c')])
    expect(await log.maintenance.verify('full')).toMatchObject({ documents: 2, problems: [] })
    await log.close()
    change(join(directory, 'relay.sqlite'), sql)
    const keeper = openKeeper({ directory })
    const { problems } = keeper.verify('full')
    keeper.close()
    expect(problems.map(({ what }) => what).join('\n')).toContain(said)
  })

  test('quickly finds damaged pages, and in full a document that builds on what is not there', async () => {
    const log = await open()
    const doc = new Y.Doc({ guid: 'd' })
    doc.getText('t').insert(0, 'a')
    const first = Y.encodeStateVector(doc)
    doc.getText('t').insert(1, 'b')
    await log.append([entry('a', 0, { update: Y.encodeStateAsUpdate(doc, first) })])
    expect((await log.maintenance.verify('quick')).problems).toEqual([])
    expect((await log.maintenance.verify('full')).problems).toMatchObject([
      { space: 's', document: 'a', what: expect.stringContaining('builds on') },
    ])
    await log.append(Array.from({ length: 200 }, (_, i) => entry(`d${i}`, i + 1, { update: textUpdate('x'.repeat(2_000), i + 1) })))
    await log.close()
    const path = join(directory, 'relay.sqlite')
    const bytes = readFileSync(path)
    bytes.fill(0xff, Math.floor(bytes.length / 2), Math.floor(bytes.length / 2) + 4_096)
    writeFileSync(path, bytes)
    const keeper = openKeeper({ directory })
    expect(keeper.verify('quick').problems.length).toBeGreaterThan(0)
    keeper.close()
  })
})
