import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync, StatementSync } from 'node:sqlite'
import { systemClock } from '@tidemark/base'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { sqliteStore } from '../../src/sqlite/sqlite-store.ts'
import { local, numbers, rejection } from '../contract/harness.ts'
import { localStoreContract, type StoreHarness } from '../local-store.contract.ts'

const where = { space: 'acme', user: 'ann' }

function newDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'tidemark-store-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** What `node:sqlite` throws: SQLite's own result codes, 13 for a full disk and 10 for one that does not answer. */
const sqliteError = (code: 'store/full' | 'store/failed'): Error =>
  Object.assign(new Error('injected'), { code: 'ERR_SQLITE_ERROR', errcode: code === 'store/full' ? 13 : 10 })

function sqliteHarness(): StoreHarness {
  const directory = newDirectory()
  return {
    open: ({ clock, ...place }) => sqliteStore({ directory, clock })(place),
    failWrite(number, code) {
      const { run } = StatementSync.prototype
      let writes = 0
      const spy = vi.spyOn(StatementSync.prototype, 'run')
      const fault = { hit: false, lift: () => spy.mockRestore() }
      spy.mockImplementation(function (this: StatementSync, ...values) {
        if (++writes !== number) return run.apply(this, values)
        fault.hit = true
        throw sqliteError(code)
      })
      onTestFinished(fault.lift)
      return fault
    },
  }
}

/** Calls `before` ahead of each statement that opens a transaction for writing, on the connection that it opens on. */
function beforeBegin(before: (database: DatabaseSync) => void): void {
  const { exec } = DatabaseSync.prototype
  const spy = vi.spyOn(DatabaseSync.prototype, 'exec')
  onTestFinished(() => spy.mockRestore())
  spy.mockImplementation(function (this: DatabaseSync, text) {
    if (text === 'BEGIN IMMEDIATE') before(this)
    exec.call(this, text)
  })
}

localStoreContract('sqlite', sqliteHarness, { runs: 60 })

describe('a store in SQLite', () => {
  test('is there again after closing, in a file of its own for each space and user', async () => {
    const directory = newDirectory()
    const places = [where, { ...where, user: 'bob' }, { ...where, space: 'Acme' }, { space: 'a/../b c', user: '' }]
    for (const [i, place] of places.entries()) {
      const store = await sqliteStore({ directory })(place)
      await store.commit({ updates: [local('a', 'w', i + 1)] })
      await store.close()
    }
    expect(readdirSync(directory)).toHaveLength(places.length)
    for (const [i, place] of places.entries()) {
      const store = await sqliteStore({ directory, durability: 'strict' })(place)
      expect(numbers((await store.load(['a'])).get('a'))).toBe(`w${i + 1}`)
      await store.close()
    }
  })

  test('stores the batches of one turn in one transaction', async () => {
    const store = await sqliteStore({ directory: newDirectory() })(where)
    let transactions = 0
    beforeBegin(() => transactions++)
    await Promise.all([1, 2, 3].map((n) => store.commit({ updates: [local('a', 'w', n)] })))
    expect(transactions).toBe(1)
    await store.close()
  })

  test('[P6] says store/full when the disk has no room, loses nothing, and goes on when it has', async () => {
    const directory = newDirectory()
    const store = await sqliteStore({ directory })(where)
    await store.commit({ updates: [local('a', 'w', 1)] })
    // SQLite's own limit of pages is one of the connection, so it is set there.
    let limit = 1
    beforeBegin((database) => database.prepare(`PRAGMA max_page_count = ${limit}`).get())
    const big = { updates: [local('b', 'w', 2, 200_000)] }
    await expect(store.commit(big)).rejects.toEqual(rejection('store/full'))
    expect(store.status.get().problem).toEqual(rejection('store/full'))
    expect((await store.load(['a', 'b'])).size).toBe(1)
    limit = 1_000_000
    await store.commit(big)
    expect(store.status.get().problem).toBeNull()
    expect((await store.load(['a', 'b'])).size).toBe(2)
    await store.close()
  })

  test('refuses a file of a newer build and one of another program, and leaves both as they are', async () => {
    for (const [pragma, code] of [
      ['user_version = 99', 'store/outdated'],
      ['application_id = 1', 'store/failed'],
    ] as const) {
      const directory = newDirectory()
      const first = await sqliteStore({ directory })(where)
      await first.commit({ updates: [local('a', 'w', 1)] })
      await first.close()
      const path = join(directory, readdirSync(directory)[0] as string)
      const other = new DatabaseSync(path)
      other.exec(`PRAGMA ${pragma}`)
      await expect(sqliteStore({ directory })(where)).rejects.toEqual(rejection(code))
      expect(other.prepare('SELECT count(*) AS n FROM updates').get()?.n).toBe(1)
      other.close()
    }
  })

  test('says store/blocked when another process does not let go', async () => {
    const directory = newDirectory()
    const store = await sqliteStore({ directory, clock: systemClock })(where)
    const path = join(directory, readdirSync(directory).find((file) => file.endsWith('.sqlite')) as string)
    const other = new DatabaseSync(path)
    other.exec('BEGIN IMMEDIATE')
    await expect(store.commit({ updates: [local('a', 'w', 1)] })).rejects.toEqual(rejection('store/blocked'))
    other.exec('ROLLBACK')
    other.close()
    await store.commit({ updates: [local('a', 'w', 1)] })
    await store.close()
  })

  test('cannot be opened where no directory can be', async () => {
    await expect(sqliteStore({ directory: '/dev/null/x' })(where)).rejects.toEqual(rejection('store/failed'))
  })

  test('refuses a value that is not JSON', async () => {
    const store = await sqliteStore({ directory: newDirectory() })(where)
    // reason: the type forbids what a program without types could pass
    await expect(store.commit({ state: { value: (() => undefined) as unknown as null } })).rejects.toEqual(rejection('store/failed'))
    await store.close()
  })
})
