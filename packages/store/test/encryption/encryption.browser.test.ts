import type { TidemarkError } from '@tidemark/base'
import { describe, expect, onTestFinished, test } from 'vitest'
import { changeKey, deviceKey, eraseSealed, passphrase, rotateKey } from '../../src/encryption/index.ts'
import { pageLimits } from '../../src/encryption/pages.ts'
import { indexedDbStore } from '../../src/indexeddb-store.ts'
import type { LocalStore } from '../../src/local-store.ts'
import { local, numbers, pendingOf, rejection, remote } from '../contract/harness.ts'
import { beforeEachWrite, patch, quotaExceeded } from '../idb-faults.ts'
import { localStoreContract, type StoreHarness } from '../local-store.contract.ts'
import { cheap, epochs, newDatabaseName, open, raw, request, reservedUses, reserveMore, where } from './sealed.ts'

function sealedHarness(): StoreHarness {
  const databaseName = newDatabaseName()
  const encryption = cheap()
  return {
    open: ({ clock, ...place }) => indexedDbStore({ databaseName, clock, encryption })(place),
    failWrite(number, code) {
      let writes = 0
      const fault = { hit: false, lift: () => restore() }
      const restore = beforeEachWrite(() => {
        if (++writes !== number) return
        fault.hit = true
        throw code === 'store/full' ? quotaExceeded() : new DOMException('injected', 'UnknownError')
      })
      return fault
    },
  }
}

localStoreContract('indexeddb sealed', sealedHarness, { runs: 6 })

/** All that stands in the database, names of databases too, as text: strings as they are, bytes as Latin-1 and as UTF-8. */
const everything = (databaseName: string): Promise<string> =>
  raw(databaseName, async (handle) => {
    const parts: string[] = [handle.name]
    const take = (value: unknown): void => {
      if (value instanceof Uint8Array) parts.push(String.fromCharCode(...value), new TextDecoder().decode(value))
      else if (typeof value === 'object' && value !== null) for (const [key, one] of Object.entries(value)) [key, one].forEach(take)
      else parts.push(String(value))
    }
    const transaction = handle.transaction([...handle.objectStoreNames])
    for (const name of handle.objectStoreNames) {
      const store = transaction.objectStore(name)
      for (const [i, value] of (await request<unknown[]>(store.getAll())).entries()) {
        take(value)
        take((await request(store.getAllKeys()))[i])
      }
    }
    return parts.join('\n')
  })

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)

const filled = async (store: LocalStore): Promise<void> => {
  await store.commit({
    updates: [
      { ...local('report/secret-id', 'w', 1), bytes: bytesOf('secret-content-local') },
      { ...remote('report/secret-id', 'w', 2), bytes: bytesOf('secret-content-remote') },
      { ...local('report/secret-refused', 'w', 3), bytes: bytesOf('secret-content-refused') },
    ],
    rows: [{ type: 'report', id: 'secret-id', name: 'report/secret-id', reflects: 0, value: { title: 'secret-title' } }],
    cursor: { follows: null, next: { incarnation: 'secret-cursor' } },
    state: { 'secret-key': 'secret-value' },
    docs: [{ name: 'report/secret-other', behind: 3 }],
    quarantine: [{ name: 'report/secret-id', part: 'record', bytes: bytesOf('secret-damaged'), reason: 'secret-reason' }],
  })
  const refused = (await store.load(['report/secret-refused'])).get('report/secret-refused')
  await store.commit({
    forks: [
      { name: 'report/secret-refused', follows: refused?.record.revision ?? 0, refused: refused?.updates ?? [], code: 'relay/too-large' },
    ],
    snapshots: [
      {
        name: 'report/secret-id',
        bytes: bytesOf('secret-snapshot'),
        format: 'v1',
        follows: 0,
        replaces: [{ writer: 'w', n: 2, size: 21 }],
      },
    ],
  })
}

const seen = async (store: LocalStore) => ({
  documents: [...(await store.load(['report/secret-id', 'report/secret-refused', 'report/secret-other'])).values()]
    .map((one) => ({ ...one, record: { ...one.record, changedMs: 0, pendingSinceMs: 0 } }))
    .sort((a, b) => (a.record.name < b.record.name ? -1 : 1)),
  rows: await store.rows('report'),
  pending: await pendingOf(store),
  behind: (await store.behind(9)).toSorted(),
  refused: (await store.refused()).map(({ sinceMs: _, ...one }) => one),
  quarantined: (await store.quarantined()).map(({ atMs: _, ...one }) => one),
  state: await store.state(),
})

describe('a sealed database', () => {
  test('holds no name, field, value, cursor, passphrase or reason in the clear, also after folding', async () => {
    const databaseName = newDatabaseName()
    const store = await open(databaseName, { encryption: cheap('secret-passphrase') })
    await filled(store)
    await store.commit({
      rows: Array.from({ length: pageLimits.minSingles }, (_, i) => {
        const id = `secret-${i}`
        return { type: 'note', id, name: `note/${id}`, reflects: 0, value: { title: `secret-title-${i}` } }
      }),
    })
    expect(await store.tidy?.()).toBe(true)
    const text = await everything(databaseName)
    expect(text.length).toBeGreaterThan(20_000)
    expect(text).not.toMatch(/secret|report|note|title/)
    expect((await indexedDB.databases()).map(({ name }) => name).join()).not.toMatch(/secret/)
    // The same scan finds all of it where nothing is sealed.
    const plain = newDatabaseName()
    await filled(await open(plain, {}))
    expect(await everything(plain)).toMatch(/secret-content-local[\s\S]*/)
  })

  test('gives everything back after it was closed', async () => {
    const [databaseName, plain] = [newDatabaseName(), newDatabaseName()]
    const [sealed, clear] = [await open(databaseName), await open(plain, {})]
    for (const store of [sealed, clear]) await filled(store)
    await sealed.close()
    expect(await seen(await open(databaseName))).toEqual(await seen(clear))
  })

  test('does not open with another passphrase, and is as it was', async () => {
    const databaseName = newDatabaseName()
    const store = await open(databaseName)
    await filled(store)
    const before = await seen(store)
    await store.close()
    const raws = await everything(databaseName)
    await expect(open(databaseName, { encryption: cheap('wrong') })).rejects.toEqual(rejection('store/wrong-passphrase'))
    await expect(open(databaseName, { encryption: cheap('') })).rejects.toEqual(rejection('store/wrong-passphrase'))
    await expect(open(databaseName, { encryption: deviceKey() })).rejects.toEqual(rejection('store/failed'))
    expect(await everything(databaseName)).toBe(raws)
    expect(await seen(await open(databaseName))).toEqual(before)
  })

  test('asks for a new passphrase or for the one that it has', async () => {
    const databaseName = newDatabaseName()
    const asked: boolean[] = []
    const encryption = passphrase({
      iterations: 10_000,
      passphrase: async ({ isNew }) => {
        asked.push(isNew)
        return 'spoken'
      },
    })
    await (await open(databaseName, { encryption })).close()
    await open(databaseName, { encryption })
    expect(asked).toEqual([true, false])
  })

  test('opens in two tabs at once that both find it new', async () => {
    const databaseName = newDatabaseName()
    const [one, other] = await Promise.all([open(databaseName), open(databaseName)])
    await one.commit({ updates: [local('a', 'w', 1)] })
    expect(numbers((await other.load(['a'])).get('a'))).toBe('w1')
    const third = newDatabaseName()
    const opened = await Promise.allSettled([open(third, { encryption: cheap('a') }), open(third, { encryption: cheap('b') })])
    expect(opened.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    expect(opened.find(({ status }) => status === 'rejected')).toMatchObject({ reason: rejection('store/wrong-passphrase') })
  })

  test('by the device’s key opens without asking, and says when the key is lost', async () => {
    const databaseName = newDatabaseName()
    const store = await open(databaseName, { encryption: deviceKey() })
    await filled(store)
    await store.close()
    expect(await pendingOf(await open(databaseName, { encryption: deviceKey() }))).toBe('report/secret-id:w1')
    await raw(
      databaseName,
      async (handle) => void (await request(handle.transaction('state', 'readwrite').objectStore('state').delete('keys'))),
    )
    await expect(open(databaseName, { encryption: deviceKey() })).rejects.toEqual(rejection('store/key-lost'))
    await expect(open(databaseName)).rejects.toEqual(rejection('store/key-lost'))
  })

  test('on an insecure page is refused before anything is made', async () => {
    const databaseName = newDatabaseName()
    const subtle = Object.getOwnPropertyDescriptor(Crypto.prototype, 'subtle') as PropertyDescriptor
    Object.defineProperty(Crypto.prototype, 'subtle', { configurable: true, value: undefined })
    onTestFinished(() => void Object.defineProperty(Crypto.prototype, 'subtle', subtle))
    await expect(open(databaseName)).rejects.toEqual(rejection('store/insecure-context'))
    expect((await indexedDB.databases()).some(({ name = '' }) => name.startsWith(databaseName))).toBe(false)
  })

  test('takes another passphrase without touching what is stored', async () => {
    const databaseName = newDatabaseName()
    const store = await open(databaseName)
    await filled(store)
    const before = await seen(store)
    await store.close()
    await expect(changeKey({ ...where, databaseName }, 'wrong', 'device')).rejects.toEqual(rejection('store/wrong-passphrase'))
    await changeKey({ ...where, databaseName }, 'correct horse', { passphrase: 'battery staple', iterations: 10_000 })
    await expect(open(databaseName)).rejects.toEqual(rejection('store/wrong-passphrase'))
    const changed = await open(databaseName, { encryption: cheap('battery staple') })
    expect(await seen(changed)).toEqual(before)
    await changed.close()
    await changeKey({ ...where, databaseName }, 'battery staple', 'device')
    expect(await seen(await open(databaseName, { encryption: deviceKey() }))).toEqual(before)
  })

  test('its key changes also while another tab reserves uses, which stay counted', async () => {
    const databaseName = newDatabaseName()
    const store = await open(databaseName)
    await filled(store)
    const before = await seen(store)
    let reserved = 0
    // Between reading the record and changing it, as another tab does when it comes to the end of what it reserved.
    const restore = patch(
      SubtleCrypto.prototype,
      'deriveKey',
      (derive) =>
        async function (this: SubtleCrypto, ...parameters: Parameters<SubtleCrypto['deriveKey']>) {
          if (reserved === 0) reserved = await reserveMore(databaseName)
          return await derive.apply(this, parameters)
        } as SubtleCrypto['deriveKey'],
    )
    await changeKey({ ...where, databaseName }, 'correct horse', { passphrase: 'battery staple', iterations: 10_000 })
    restore()
    expect(await reservedUses(databaseName)).toBe(reserved)
    await store.close()
    expect(await seen(await open(databaseName, { encryption: cheap('battery staple') }))).toEqual(before)
  })

  test('erased cannot be read by anyone, even where another tab holds it open', async () => {
    const databaseName = newDatabaseName()
    const store = await open(databaseName)
    await filled(store)
    const [own] = (await indexedDB.databases()).filter(({ name = '' }) => name.startsWith(databaseName))
    const holder = await request(indexedDB.open(own?.name ?? ''))
    await store.close()
    await expect(eraseSealed({ ...where, databaseName })).rejects.toEqual(rejection('store/blocked'))
    holder.close()
    await expect.poll(async () => (await indexedDB.databases()).some(({ name = '' }) => name.startsWith(databaseName))).toBe(false)
    expect(await pendingOf(await open(databaseName, { encryption: cheap('another') }))).toBe('')
  })
})

test('a sealed database whose record of keys is damaged can be erased', async () => {
  const databaseName = newDatabaseName()
  const store = await open(databaseName)
  await filled(store)
  await store.close()
  await raw(databaseName, async (handle) => {
    const state = handle.transaction('state', 'readwrite').objectStore('state')
    await request(state.put({ key: 'keys', value: { version: 1, epochs: [] }, epoch: 1 }))
  })
  await expect(open(databaseName)).rejects.toEqual(rejection('store/key-lost'))
  await eraseSealed({ ...where, databaseName })
  expect(await pendingOf(await open(databaseName))).toBe('')
})

describe('the key of a sealed database', () => {
  test('is rotated under open tabs: all go on, nothing is lost, and the old one goes when nothing needs it', async () => {
    const databaseName = newDatabaseName()
    const [one, other] = [await open(databaseName), await open(databaseName)]
    await filled(one)
    const before = await seen(one)
    await rotateKey({ ...where, databaseName }, cheap())
    // Neither tab knows yet: the commits of both are sealed again by the new key, in their order.
    const commits = await Promise.all([
      one.commit({ updates: [local('report/b', 'x', 1)] }),
      one.commit({ updates: [local('report/b', 'x', 2)] }),
      other.commit({ updates: [local('report/c', 'y', 1)] }),
    ])
    expect(commits.map(({ revisions }) => [...revisions])).toEqual([[['report/b', 1]], [['report/b', 2]], [['report/c', 1]]])
    expect(await pendingOf(one)).toMatch(/report\/b:x1,x2/)
    expect(await epochs(databaseName)).toEqual([1, 2])
    while ((await epochs(databaseName)).length > 1) expect(await one.tidy?.()).toBe(true)
    expect(await epochs(databaseName)).toEqual([2])
    for (const store of [one, other, await open(databaseName)])
      expect(await seen(store)).toEqual({ ...before, pending: await pendingOf(one) })
  })

  test('[P1] that goes while another tab decodes what it read makes no sound record look damaged', async () => {
    const databaseName = newDatabaseName()
    const store = await open(databaseName)
    await store.commit({ updates: [local('a', 'w', 1), local('b', 'w', 2)] })
    const [leader, other] = [await open(databaseName), await open(databaseName)]
    const { sign } = SubtleCrypto.prototype
    onTestFinished(() => {
      SubtleCrypto.prototype.sign = sign
    })
    const [held, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    // Names are opened first, and ask for a signature; the bodies after them.
    SubtleCrypto.prototype.sign = async function (this: SubtleCrypto, ...asked: Parameters<typeof sign>) {
      held.resolve()
      await released.promise
      return await sign.apply(this, asked)
    } as typeof sign
    const reading = other.pending(9)
    await held.promise
    SubtleCrypto.prototype.sign = sign
    await rotateKey({ ...where, databaseName }, cheap())
    while ((await epochs(databaseName)).length > 1) await leader.tidy?.()
    await other.commit({ updates: [local('c', 'y', 1)] })
    released.resolve()
    expect((await reading).map(({ updates }) => updates.length)).toEqual([1, 1])
    await other.commit({})
    expect(await leader.quarantined()).toEqual([])
    expect(await pendingOf(leader)).toBe(await pendingOf(other))
    expect(numbers((await leader.load(['a'])).get('a'))).toBe('w1')
  })

  test('is rotated by itself when it was used as often as it may be', async () => {
    const databaseName = newDatabaseName()
    const encryption = passphrase({ passphrase: 'x', iterations: 10_000, limits: { maxUses: 8, reservedUses: 4 } })
    const store = await open(databaseName, { encryption })
    for (let n = 1; n <= 30; n++) await store.commit({ updates: [local('a', 'w', n)] })
    expect(((await epochs(databaseName)).at(-1) as number) >= 4).toBe(true)
    const again = await open(databaseName, { encryption })
    expect((await again.load(['a'])).get('a')?.updates).toHaveLength(30)
  })

  test('that another tab wrapped by another passphrase locks this one at the next rotation; nothing is lost', async () => {
    const databaseName = newDatabaseName()
    const store = await open(databaseName)
    await store.commit({ updates: [local('a', 'w', 1)] })
    await changeKey({ ...where, databaseName }, 'correct horse', { passphrase: 'battery staple', iterations: 10_000 })
    await store.commit({ updates: [local('a', 'w', 2)] })
    await rotateKey({ ...where, databaseName }, cheap('battery staple'))
    await expect(store.commit({ updates: [local('a', 'w', 3)] })).rejects.toEqual(rejection('store/locked'))
    await expect(store.load(['a'])).rejects.toEqual(rejection('store/locked'))
    const again = await open(databaseName, { encryption: cheap('battery staple') })
    expect(numbers((await again.load(['a'])).get('a'))).toBe('w1,w2')
  })

  test('rotation that is broken off anywhere is finished later', async () => {
    const databaseName = newDatabaseName()
    const store = await open(databaseName)
    await filled(store)
    const before = await seen(store)
    await rotateKey({ ...where, databaseName }, cheap())
    let failing = 0
    for (let number = 1; (await epochs(databaseName)).length > 1; number++) {
      const tab = await open(databaseName)
      let writes = 0
      const restore = beforeEachWrite(() => {
        if (++writes === number) throw new DOMException('injected', 'UnknownError')
      })
      try {
        while ((await epochs(databaseName)).length > 1) await tab.tidy?.()
      } catch (error) {
        expect((error as TidemarkError).code).toBe('store/failed')
        failing++
      } finally {
        restore()
      }
      expect(await seen(tab)).toEqual(before)
      await tab.close()
    }
    expect(failing).toBeGreaterThan(3)
  })
})

test('names are told in the order of their keys, each once, so that groups of documents are neighbours in the database', async () => {
  const databaseName = newDatabaseName()
  const store = await open(databaseName)
  const names = Array.from({ length: 40 }, (_, i) => `note/${i}`)
  await store.commit({ updates: names.map((name, i) => remote(name, 'w', i + 1)) })
  const ordered = (await store.inStoredOrder?.([...names, 'note/0'])) as string[]
  expect(ordered.toSorted()).toEqual(names.toSorted())
  expect(ordered).not.toEqual(names)
  const keys = await raw(databaseName, (database) => request(database.transaction('docs').objectStore('docs').getAllKeys()))
  const half = await store.load(ordered.slice(0, 20))
  await store.commit({ updates: ordered.slice(0, 20).map((name, i) => remote(name, 'w', i + 100)) })
  const changed = await raw(databaseName, (database) =>
    request<{ name: string; revision: number }[]>(database.transaction('docs').objectStore('docs').getAll()),
  )
  expect(half.size).toBe(20)
  expect(changed.filter(({ revision }) => revision > 1).map(({ name }) => name)).toEqual(keys.slice(0, 20))
})
