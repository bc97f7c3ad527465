import { execFileSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, rmdirSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { systemClock, systemRandom, TidemarkError } from '@tidemark/base'
import { expect, test } from 'vitest'
import { createMemoryLog, createRelay, type Log, openSqliteLog, type RelayLogger } from '../src/index.ts'
import { failureOf } from '../src/sqlite-calls.ts'
import { openDatabase } from '../src/sqlite-database.ts'
import { SqliteWriter } from '../src/sqlite-writer.ts'
import { openTombstones } from '../src/tombstones.ts'
import { entry, letters, loadOf, purgeOf } from './log.contract.ts'
import { connect, textUpdate } from './wire-client.ts'

function logger(): RelayLogger & { readonly lines: string[] } {
  const lines: string[] = []
  const add = (_: object, message: string): void => void lines.push(message)
  return { lines, info: add, warn: add, error: add }
}

test('[P6] on a full disk a push is refused for the time being, reading goes on, and it recovers by itself', async () => {
  let isFull = false
  const log = createMemoryLog({
    random: systemRandom,
    beforeCommit: () => {
      if (isFull) throw new TidemarkError('relay/disk-full', 'no room')
    },
  })
  const told = logger()
  const relay = createRelay({ log, clock: systemClock, random: systemRandom, logger: told })
  const [ada, bob] = [connect(relay), connect(relay)]
  await Promise.all([ada.welcomed(), bob.welcomed()])
  const first = ada.push('note/1', textUpdate('a', 1))
  await Promise.all([ada.until(() => ada.isAcked(first)), bob.until(() => bob.state.documents.has('note/1'))])

  isFull = true
  const refused = [ada.push('note/1', textUpdate('b', 2)), ada.push('note/1', textUpdate('c', 3)), ada.push('note/2', textUpdate('d', 4))]
  await ada.until(() => refused.every((n) => ada.refused.get(n) === 'relay/disk-full'))
  await expect(relay.purge('acme', 'note/1', 'admin')).rejects.toMatchObject({ code: 'relay/disk-full' })
  expect(relay.figures.diskFull).toBe(1)
  const cal = connect(relay)
  await cal.welcomed()
  await cal.until(() => cal.state.documents.has('note/1'))
  expect([ada.closedWith, bob.closedWith]).toEqual([null, null])

  isFull = false
  const again = [ada.push('note/1', textUpdate('b', 2)), ada.push('note/2', textUpdate('d', 4))]
  await ada.until(() => again.every((n) => ada.isAcked(n)))
  await bob.until(() => bob.state.documents.has('note/2'))
  expect(letters(bob.state.documents.get('note/1') ?? [])).toBe('ab')
  expect(relay.figures.diskFull).toBe(0)
  // One incarnation all along.
  expect(bob.welcome?.incarnation).toBe(cal.welcome?.incarnation)
  expect(told.lines).toEqual(['the disk is full: changes are refused, reading goes on', 'the disk takes changes again'])
  await relay.close()
})

test('[P2] what was judged by a state that a full disk took back is not taken, so that nothing is acknowledged that is not there', async () => {
  const [isAppending, isAsking, room, owners] = Array.from({ length: 4 }, () => Promise.withResolvers<void>())
  let [isFull, claims] = [true, 0]
  const memory = createMemoryLog({
    random: systemRandom,
    beforeCommit: async () => {
      if (!isFull) return
      isAppending?.resolve()
      await room?.promise
      isFull = false
      throw new TidemarkError('relay/disk-full', 'no room')
    },
  })
  const log: Log = Object.assign(Object.create(memory) as Log, {
    claims: async (space: string, clients: readonly number[]) => {
      if (++claims === 2) {
        isAsking?.resolve()
        await owners?.promise
      }
      return memory.claims(space, clients)
    },
  })
  const relay = createRelay({ log: bound(log, memory), clock: systemClock, random: systemRandom })
  const ada = connect(relay)
  await ada.welcomed()
  const first = ada.push('note/1', textUpdate('a', 1))
  await isAppending?.promise
  const second = ada.push('note/1', textUpdate('b', 2))
  await isAsking?.promise
  room?.resolve()
  await ada.until(() => ada.refused.get(first) === 'relay/disk-full')
  owners?.resolve()
  await ada.until(() => ada.refused.has(second) || ada.isAcked(second))
  const again = [ada.push('note/1', textUpdate('a', 1)), ada.push('note/1', textUpdate('b', 2))]
  await ada.until(() => again.every((n) => ada.isAcked(n)))
  expect(letters([(await loadOf(memory, 'acme', 'note/1'))?.update as Uint8Array])).toMatch(/^(ab|ba)$/)
  await relay.close()
})

/** `log` with the other methods of `inner`, which has private fields. */
const bound = (log: Log, inner: Log): Log =>
  new Proxy(log, {
    get: (target, key) => {
      if (Object.hasOwn(target, key)) return Reflect.get(target, key) as unknown
      const value = Reflect.get(inner, key) as unknown
      return typeof value === 'function' ? value.bind(inner) : value
    },
  })

test('a database that may not grow says so, stores nothing of the batch, and goes on when it may', () => {
  const directory = mkdtempSync(join(tmpdir(), 'tidemark-full-'))
  const database = openDatabase(directory)
  const writer = new SqliteWriter(database, 'opening', openTombstones(join(directory, 'purged.jsonl')))
  writer.open('s', 'one')
  writer.append([entry('a', 1)])
  const pages = Number(database.prepare('PRAGMA page_count').get()?.page_count)
  database.exec(`PRAGMA max_page_count = ${pages + 4}`)
  const big = entry('b', 2, { update: textUpdate('x'.repeat(100_000), 2) })
  const attempt = (): unknown => {
    try {
      return writer.append([entry('a', 3), big])
    } catch (error) {
      return failureOf(1, error)
    }
  }
  expect(attempt()).toMatchObject({ failure: { code: 'relay/disk-full' } })
  expect(database.prepare('SELECT count(*) AS updates FROM updates').get()).toEqual({ updates: 1 })
  database.exec('PRAGMA max_page_count = 1000000')
  expect(attempt()).toMatchObject({ places: [{ seq: 2 }, { seq: 3 }] })
  writer.close()
  rmSync(directory, { recursive: true })
})

/** A file system of so many bytes, or null where this process may not mount one. */
function mountSmall(bytes: number): string | null {
  const directory = mkdtempSync(join(tmpdir(), 'tidemark-small-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', directory], { stdio: 'ignore' })
    return directory
  } catch {
    // reason: only a privileged process on Linux may; the test says that it was skipped.
    rmdirSync(directory)
    return null
  }
}

function fill(path: string): void {
  const file = openSync(path, 'w')
  try {
    for (const bytes of [65_536, 4_096, 512]) {
      try {
        while (writeSync(file, Buffer.alloc(bytes)) > 0);
      } catch (error) {
        expect(error).toMatchObject({ code: 'ENOSPC' })
      }
    }
  } finally {
    closeSync(file)
  }
}

test('[P2] on a file system that is really full nothing that was acknowledged is lost, and freeing it is all that it takes', async (context) => {
  const directory = mountSmall(2 << 20)
  if (directory === null) return context.skip('needs the right to mount a file system')
  const ballast = join(directory, 'ballast')
  try {
    let log = await openSqliteLog({ directory, random: systemRandom })
    const { incarnations } = await log.open('s')
    const acked: number[] = []
    // A byte each, so that what is there can be told by its letters.
    const write = (n: number): Promise<unknown> => log.append([entry('a', n, { update: textUpdate(String.fromCharCode(0x4e00 + n), n) })])
    await write(1)
    acked.push(1)
    fill(ballast)
    let failure: unknown = null
    for (let n = 2; failure === null; n++) {
      try {
        await write(n)
        acked.push(n)
      } catch (error) {
        failure = error
      }
    }
    expect(failure).toMatchObject({ code: 'relay/disk-full' })
    await expect(log.append([purgeOf('b')])).rejects.toMatchObject({ code: 'relay/disk-full' })
    const expected = (): string => acked.map((n) => String.fromCharCode(0x4e00 + n)).join('')
    expect(letters([(await loadOf(log, 's', 'a'))?.update as Uint8Array])).toBe(expected())
    rmSync(ballast)
    await write(900)
    acked.push(900)
    expect(await log.open('s')).toMatchObject({ incarnations })
    await log.close()
    fill(ballast)
    // Each opening begins an incarnation, which takes room.
    await expect(openSqliteLog({ directory, random: systemRandom })).rejects.toMatchObject({
      code: 'relay/config',
      message: expect.stringContaining('full'),
    })
    rmSync(ballast)
    log = await openSqliteLog({ directory, random: systemRandom })
    await log.open('s')
    expect(letters([(await loadOf(log, 's', 'a'))?.update as Uint8Array])).toBe(expected())
    await log.close()
    const database = new DatabaseSync(join(directory, 'relay.sqlite'))
    expect(database.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' })
    database.close()
  } finally {
    execFileSync('umount', ['-l', directory])
    rmdirSync(directory)
  }
})
