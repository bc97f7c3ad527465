import { describe, expect, test } from 'vitest'
import { pageLimits } from '../../src/encryption/pages.ts'
import type { LocalStore } from '../../src/local-store.ts'
import { remote } from '../contract/harness.ts'
import { patch } from '../idb-faults.ts'
import { counts, newDatabaseName, open, raw, request } from './sealed.ts'

describe('folded rows', () => {
  const row = (i: number, title = `t${i}`) => {
    const id = `n${String(i).padStart(5, '0')}`
    return { type: 'note', id, name: `note/${id}`, reflects: 0, value: { title } }
  }
  const titles = async (store: LocalStore): Promise<string[]> =>
    (await store.rows('note')).map(({ value }) => (value as { title: string }).title)
  const some = pageLimits.minSingles + 40
  const rows = Array.from({ length: some }, (_, i) => row(i))

  test('are listed once, in order, as they were written last', async () => {
    const databaseName = newDatabaseName()
    const store = await open(databaseName)
    await store.commit({ rows })
    await store.commit({ rows: [{ ...row(1), type: 'other' }] })
    expect(await store.tidy?.()).toBe(true)
    expect(await counts(databaseName)).toEqual({ rows: 1, pages: 2 })
    expect(await store.tidy?.()).toBe(false)
    await store.commit({ rows: [row(7, 'changed'), row(some, 'new')] })
    const expected = [...rows.map((_, i) => (i === 7 ? 'changed' : `t${i}`)), 'new']
    expect(await titles(store)).toEqual(expected)
    await store.commit({ rows: Array.from({ length: pageLimits.minSingles }, (_, i) => row(i + 30, 'again')) })
    expect(await store.tidy?.()).toBe(true)
    expect(await titles(await open(databaseName))).toEqual(
      expected.map((title, i) => (i >= 30 && i < 30 + pageLimits.minSingles ? 'again' : title)),
    )
  })

  test('leave a row that was written while they were folded as it is', async () => {
    const databaseName = newDatabaseName()
    const [one, other] = [await open(databaseName), await open(databaseName)]
    await one.commit({ rows })
    // The commit comes between what the folding reads and what it replaces.
    let isFirst = true
    const run = IDBDatabase.prototype.transaction
    const late = other.commit.bind(other)
    let written: Promise<unknown> = Promise.resolve()
    patch(
      IDBDatabase.prototype,
      'transaction',
      () =>
        function (this: IDBDatabase, ...given: Parameters<typeof run>) {
          if (given[1] === 'readwrite' && isFirst) {
            isFirst = false
            written = late({ rows: [row(3, 'late')] })
          }
          return run.apply(this, given)
        },
    )
    await one.tidy?.()
    await written
    expect((await titles(one))[3]).toBe('late')
    expect(await titles(other)).toHaveLength(some)
  })

  test('of a damaged page are projected anew: their documents are behind, and the rest is listed', async () => {
    const databaseName = newDatabaseName()
    const store = await open(databaseName)
    await store.commit({ updates: rows.map(({ name }, i) => remote(name, 'w', i + 1)), rows })
    expect(await store.rowsBehind(9)).toEqual([])
    await store.tidy?.()
    await raw(databaseName, async (handle) => {
      const pages = handle.transaction('pages', 'readwrite').objectStore('pages')
      const page = (await request(pages.getAll()))[0] as { body: Uint8Array }
      page.body[40] = (page.body[40] as number) ^ 1
      await request(pages.put(page))
    })
    expect(await titles(store)).toHaveLength(some - pageLimits.rows)
    await expect.poll(() => store.rowsBehind(some + 1)).toHaveLength(some)
    expect(await store.quarantined()).toHaveLength(1)
  })
})

test.each([
  ['sealed', undefined],
  ['in the clear', {}],
] as const)(
  'a damaged cursor, %s, keeps no space from opening: everything is caught up again, and the next cursor is taken',
  async (_, options) => {
    const databaseName = newDatabaseName()
    const store = await open(databaseName, options)
    await store.commit({ cursor: { follows: null, next: { seq: 7 } }, state: { replica: 'r' } })
    await raw(databaseName, async (handle) => {
      const state = handle.transaction('state', 'readwrite').objectStore('state')
      const row = (await request(state.get('cursor'))) as { value: Uint8Array | object }
      await request(state.put({ ...row, value: row.value instanceof Uint8Array ? row.value.slice(0, -1) : { seq: 8 } }))
    })
    expect(await store.state()).toEqual({ cursor: null, values: { replica: 'r' } })
    await expect.poll(async () => (await store.quarantined()).length).toBe(1)
    await store.commit({ cursor: { follows: null, next: { seq: 1 } } })
    expect((await store.state()).cursor).toEqual({ seq: 1 })
  },
)
