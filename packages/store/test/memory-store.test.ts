import { TidemarkError } from '@tidemark/base'
import { describe, expect, test } from 'vitest'
import { createMemoryDatabase } from '../src/memory-database.ts'
import { type MemoryFaults, memoryStore } from '../src/memory-store.ts'
import { local, rejection } from './contract/harness.ts'
import { localStoreContract, type StoreHarness } from './local-store.contract.ts'

function memoryHarness(): StoreHarness {
  const database = createMemoryDatabase()
  let beforeWrite: MemoryFaults['beforeWrite'] = () => undefined
  return {
    open: ({ clock, ...where }) => memoryStore({ database, clock, faults: { beforeWrite: (write) => beforeWrite?.(write) } })(where),
    failWrite(number, code) {
      const fault = {
        hit: false,
        lift: () => {
          beforeWrite = () => undefined
        },
      }
      let writes = 0
      beforeWrite = () => {
        if (++writes !== number) return
        fault.hit = true
        throw new TidemarkError(code, 'injected')
      }
      return fault
    },
  }
}

localStoreContract('memory', memoryHarness, { runs: 150 })

describe('a store in memory', () => {
  const where = { space: 's', user: 'u' }

  test('says that it is one, and why', async () => {
    const fallback = new TidemarkError('store/unavailable', 'refused')
    expect((await memoryStore()(where)).status.get()).toMatchObject({ kind: 'memory', fallback: null, problem: null })
    expect((await memoryStore({ fallback })(where)).status.get().fallback).toBe(fallback)
  })

  test('holds later commits back while a fault delays one', async () => {
    const delay = Promise.withResolvers<void>()
    const store = await memoryStore({ faults: { beforeCommit: ({ state }) => (state?.slow === true ? delay.promise : undefined) } })(where)
    const done: string[] = []
    const commits = [
      store.commit({ state: { slow: true } }).then(() => done.push('slow')),
      store.commit({ updates: [local('a', 'w', 1)] }).then(() => done.push('fast')),
    ]
    expect((await store.load(['a'])).size).toBe(0)
    delay.resolve()
    await Promise.all(commits)
    expect(done).toEqual(['slow', 'fast'])
  })

  test('turns an error of its own into store/failed', async () => {
    const store = await memoryStore()(where)
    // reason: the type forbids what a program without types could pass
    const value = (() => undefined) as unknown as null
    await expect(store.commit({ state: { value } })).rejects.toEqual(rejection('store/failed'))
  })
})
