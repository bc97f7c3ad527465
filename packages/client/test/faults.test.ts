import { systemRandom, TidemarkError } from '@tidemark/base'
import { createMemoryDisk, createMemoryLog } from '@tidemark/relay'
import { type Batch, type MemoryFaults, memoryStore, type OpenStore } from '@tidemark/store'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { gate, outcome, Stage, turns } from './stage.ts'
import { confirmed, live, Report, until } from './world.ts'

let stage: Stage

beforeEach(() => {
  stage = new Stage()
})

afterEach(() => stage.close())

describe('receipts', () => {
  test('a write on an entity whose space was closed is not called saved', async () => {
    const space = await stage.device('ann').tab({ paused: true })
    const report = await space.create(Report, { title: 'Roof' })
    await report.created.saved
    await space.close()
    let saved: Promise<void>
    try {
      saved = report.set({ title: 'Lost' }).saved
    } catch (error) {
      expect(error).toMatchObject({ code: 'client/closed' })
      return
    }
    expect(await outcome(saved)).toBe('rejected')
  })

  test('a write on a document that the relay has refused is rejected too', async () => {
    const space = await stage.device('ann').tab()
    await live(space)
    const large = await space.create(Report, { title: 'Large', notes: 'x'.repeat(17 << 20) })
    await expect(large.created.confirmed).rejects.toMatchObject({ code: 'relay/too-large' })
    await until(large.branch, (branch) => branch > 0)
    expect(() => large.set({ title: 'Again' })).toThrow('client/not-found')
  })

  test('a follower hears of an acknowledgement that was being stored when the leader closed', async () => {
    const ann = stage.device('ann-ack')
    const held = gate()
    let isAsked = (): void => {}
    const asked = new Promise<void>((resolve) => {
      isAsked = resolve
    })
    const faults = {
      beforeCommit: async (batch: Batch) => {
        if (batch.acknowledged === undefined) return
        isAsked()
        await held.wait
      },
    }
    const leader = await stage.browserTab(ann, { faults })
    await live(leader)
    const follower = await stage.browserTab(ann)
    await live(follower)
    const report = await follower.create(Report, { title: 'Roof' })
    await asked
    const closing = leader.close()
    setImmediate(held.open)
    await closing
    await until(follower.status, (status) => status.role === 'leader' && status.phase === 'live')
    expect([await outcome(report.created.confirmed), follower.status.get().pending.documents]).toEqual(['resolved', 0])
  })
})

describe('what a restored relay lacks', () => {
  test('[P2] a late acknowledgement does not hide that a document has a later change of another', async () => {
    const disk = createMemoryDisk()
    stage.network.start(createMemoryLog({ random: systemRandom, disk }))
    const ann = stage.device('ann')
    const held = gate()
    let isHolding = false
    const faults: MemoryFaults = { beforeCommit: (batch) => (isHolding && batch.acknowledged !== undefined ? held.wait : undefined) }
    const a = await ann.tab({ faults })
    const [other, shared] = [
      await a.create(Report, { title: 'Other' }, { id: 'a' }),
      await a.create(Report, { title: 'Roof' }, { id: 'b' }),
    ]
    await confirmed(a)
    const b = await stage.device('bob').tab()
    await live(b)
    const theirs = await b.open(Report, 'b')
    isHolding = true
    other.set({ title: 'Other, north' })
    shared.set({ title: 'Roof, north' })
    await until(theirs, (value) => value.title === 'Roof, north')
    const backup = structuredClone(disk)
    await theirs.set({ severity: 'high' }).confirmed
    await turns(10)
    held.open()
    await until(shared, (value) => value.severity === 'high')
    await confirmed(a)
    await b.close()
    stage.network.kill()
    await until(a.status, (status) => status.phase !== 'live')
    stage.network.start(createMemoryLog({ random: systemRandom, disk: backup }))
    a.sync.retryNow()
    await live(a)
    await confirmed(a)
    await turns(100)
    const cy = await stage.device('cy').tab()
    await live(cy)
    expect((await cy.open(Report, 'b')).value).toEqual(shared.value)
  })

  test('[P2] an acknowledgement of the life before, stored late, does not hide that the restored relay lacks the change', async () => {
    const disk = createMemoryDisk()
    stage.network.start(createMemoryLog({ random: systemRandom, disk }))
    const held = gate()
    let isAsked = (): void => {}
    const asked = new Promise<void>((resolve) => {
      isAsked = resolve
    })
    const faults: MemoryFaults = {
      beforeCommit: (batch) => {
        if (batch.acknowledged === undefined) return
        isAsked()
        return held.wait
      },
    }
    const a = await stage.device('ann').tab({ faults })
    await live(a)
    const backup = structuredClone(disk)
    const report = await a.create(Report, { title: 'Roof' })
    await asked
    stage.network.kill()
    stage.network.start(createMemoryLog({ random: systemRandom, disk: backup }))
    await turns(2)
    a.sync.retryNow()
    await turns(20)
    held.open()
    await report.created.confirmed
    await live(a)
    await turns(100)
    const bob = await stage.device('bob').tab()
    await live(bob)
    expect((await bob.open(Report, report.id)).value.title).toBe('Roof')
  })
})

describe('the saver', () => {
  test('[P1] closing tries once more to save what the database refused before', async () => {
    let isFull = false
    const ann = stage.device('ann')
    const space = await ann.tab({
      paused: true,
      faults: {
        beforeCommit: () => {
          if (isFull) throw new TidemarkError('store/full', 'test')
        },
      },
    })
    const report = await space.create(Report, { title: 'Roof' })
    await report.created.saved
    isFull = true
    report.set({ title: 'Roof, north' })
    await until(space.status, (status) => status.storage.problem?.code === 'store/full')
    await turns(3)
    isFull = false
    await space.close()
    const again = await ann.tab({ paused: true })
    expect((await again.open(Report, report.id)).value.title).toBe('Roof, north')
  })
})

describe('documents in memory', () => {
  test('of two creations of one id at a time, one is refused', async () => {
    const space = await stage.device('ann').tab({ paused: true })
    const both = await Promise.allSettled([
      space.create(Report, { title: 'First' }, { id: 'same' }),
      space.create(Report, { title: 'Second' }, { id: 'same' }),
    ])
    expect(both.map((one) => one.status).sort()).toEqual(['fulfilled', 'rejected'])
  })

  test('a document that is opened and closed while another opening is on its way stays open for that one', async () => {
    const ann = stage.device('ann')
    const first = await ann.tab({ paused: true })
    const { id, created } = await first.create(Report, { title: 'Roof' })
    await created.saved
    await first.close()
    const lost: number[] = []
    for (let steps = 0; steps < 30; steps++) {
      const space = await ann.tab({ paused: true })
      const slow = space.open(Report, id)
      for (let i = 0; i < steps; i++) await Promise.resolve()
      const quick = space.open(Report, id).then((report) => report.close())
      const report = await slow
      await quick
      let heard = false
      report.doc.on('update', () => {
        heard = true
      })
      await report.set({ title: `Roof ${steps}` }).saved
      if (!heard || report.doc.isDestroyed) lost.push(steps)
      await space.close()
    }
    expect(lost).toEqual([])
  })
})

describe('status', () => {
  test('a count that is asked for while another ends is not lost', async () => {
    const ann = stage.device('ann')
    let counts = 0
    const store: OpenStore = async (where) => {
      const inner = await memoryStore({ database: ann.database })(where)
      return new Proxy(inner, {
        get: (target, key) => {
          if (key === 'pendingTotals') counts++
          const value = Reflect.get(target, key, target) as unknown
          return typeof value === 'function' ? value.bind(target) : value
        },
      })
    }
    const space = await ann.tab({ paused: true, store } as never)
    const sync = space.sync as unknown as { wrote(updates: readonly unknown[]): void }
    const lost: number[] = []
    for (let steps = 0; steps < 20; steps++) {
      await turns(2)
      const before = counts
      sync.wrote([])
      for (let i = 0; i < steps; i++) await Promise.resolve()
      sync.wrote([])
      await turns(2)
      if (counts - before < 2) lost.push(steps)
    }
    expect(lost).toEqual([])
  })

  test('[P6] an address that the browser refuses to dial is a status, not a connection for ever', async () => {
    const errors = vi.spyOn(console, 'error').mockImplementation(() => undefined)
    const space = await stage.browserTab(stage.device('ann-dial'), {
      platform: {
        connect: () => {
          throw new DOMException('mixed content', 'SecurityError')
        },
      },
    })
    await turns(50)
    const { phase, problem, retryAtMs } = space.status.get()
    errors.mockRestore()
    expect({ phase, hasReason: problem !== null || retryAtMs !== null }).not.toEqual({ phase: 'connecting', hasReason: false })
  })

  test('[P6] a token that cannot be had is the reason shown', async () => {
    const ann = stage.device('ann')
    const space = await ann.tab({
      relay: {
        url: 'ws://relay.test',
        token: () => {
          throw new TidemarkError('relay/signed-out', 'no session')
        },
      },
    } as never)
    await until(space.status, (status) => status.phase === 'waiting' || status.phase === 'stopped')
    expect(space.status.get().problem?.code).toBe('relay/signed-out')
  })

  test('[P2] what a restored relay lacks counts as pending until it is carried back', async () => {
    const a = await stage.device('ann').tab()
    await (await a.create(Report, { title: 'Roof' })).created.confirmed
    await confirmed(a)
    stage.network.kill()
    let release = (): void => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    stage.network.start(createMemoryLog({ random: systemRandom, beforeCommit: () => held }))
    a.sync.retryNow()
    await until(a.status, (status) => status.phase === 'waiting' || status.phase === 'connecting')
    await live(a)
    await turns(20)
    const { documents } = a.status.get().pending
    release()
    expect(documents).toBe(1)
  })
})

describe('queries', () => {
  test('rows that could not be read once are read when the database is back', async () => {
    const ann = stage.device('ann')
    const first = await ann.tab({ paused: true })
    await (await first.create(Report, { title: 'Roof' })).created.saved
    await first.close()
    let isBroken = true
    const errors = vi.spyOn(console, 'error').mockImplementation(() => undefined)
    const store: OpenStore = async (where) => {
      const inner = await memoryStore({ database: ann.database })(where)
      return new Proxy(inner, {
        get: (target, key) => {
          if (key === 'rows' && isBroken) return () => Promise.reject(new TidemarkError('store/failed', 'test'))
          const value = Reflect.get(target, key, target) as unknown
          return typeof value === 'function' ? value.bind(target) : value
        },
      })
    }
    const space = await ann.tab({ paused: true, store } as never)
    await space.query(Report).loaded.catch(() => undefined)
    isBroken = false
    const query = space.query(Report)
    await query.loaded.catch(() => undefined)
    errors.mockRestore()
    expect(query.rows.map((row) => row.value.title)).toEqual(['Roof'])
  })
})

describe('a broken catch-up', () => {
  test('[P5] a relay that only restarts is not carried back what was read before', async () => {
    const disk = createMemoryDisk()
    const logged: string[] = []
    const log = () =>
      createMemoryLog({ random: systemRandom, disk, beforeCommit: (batch) => void logged.push(...batch.map((one) => one.kind)) })
    stage.network.start(log())
    const bob = await stage.device('bob').tab()
    for (let i = 0; i < 8; i++) await (await bob.create(Report, { title: `${i}`, notes: 'x'.repeat(600_000) })).created.confirmed
    const ann = stage.device('ann')
    let pages = 0
    const carried: string[] = []
    const faults: MemoryFaults = {
      beforeCommit: (batch) => {
        for (const doc of batch.docs ?? []) if (doc.carry === true) carried.push(doc.name)
        if (batch.cursor !== undefined && (batch.updates?.length ?? 0) > 0 && ++pages === 2) {
          stage.network.kill()
          throw new TidemarkError('store/failed', 'test')
        }
      },
    }
    const a = await ann.tab({ faults })
    await until(a.status, (status) => status.phase === 'waiting')
    stage.network.start(log())
    a.sync.retryNow()
    await live(a)
    expect(carried).toEqual([])
  })
})
