import { systemClock, systemRandom, TidemarkError } from '@tidemark/base'
import { defaultRelayLimits } from '@tidemark/protocol'
import { createMemoryLog, createRelay } from '@tidemark/relay'
import { createMemoryDatabase, type MemoryFaults, memoryStore } from '@tidemark/store'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openSpace, type Space } from '../src/index.ts'
import { confirmed, Device, live, Network, Report, until } from './world.ts'

let network: Network
let devices: Device[]

beforeEach(() => {
  network = new Network()
  devices = []
})

afterEach(async () => {
  for (const device of devices) for (const space of device.spaces) await space.close()
  await network.relay?.close()
})

const device = (user: string): Device => {
  const one = new Device(network, user)
  devices.push(one)
  return one
}

/** Waits until a query of the space shows these titles. */
const shows = async (space: Space, expected: string[]): Promise<void> => {
  const query = space.query(Report)
  await query.loaded
  await until(query, (rows) => JSON.stringify(rows.map((row) => row.value.title).sort()) === JSON.stringify([...expected].sort()))
  query.close()
}

describe('local first', () => {
  test('[P1] a write is visible in the same tick, in the entity and in queries, without any network', async () => {
    const space = await device('ann').tab({ paused: true })
    const query = space.query(Report)
    const report = await space.create(Report, { title: 'Roof' })
    expect(report.value).toEqual({ title: 'Roof', severity: 'low' })
    expect(query.rows.map((row) => row.value.title)).toEqual(['Roof'])
    report.set({ title: 'Roof, north' })
    expect(report.value.title).toBe('Roof, north')
    expect(query.rows[0]?.value.title).toBe('Roof, north')
    report.shared.notes.insert(0, 'wet')
    expect(query.rows[0]?.value.notes).toBe('wet')
    await report.created.saved
  })

  test('[P1] what said saved is there after the tab is gone', async () => {
    const ann = device('ann')
    const space = await ann.tab({ paused: true })
    const report = await space.create(Report, { title: 'Roof' })
    report.shared.body.insert(0, [])
    await report.set({ severity: 'high' }).saved
    const again = await ann.tab({ paused: true })
    expect((await again.open(Report, report.id)).value).toEqual({ title: 'Roof', severity: 'high' })
    await shows(again, ['Roof'])
  })

  test('a refused value throws and changes nothing', async () => {
    const space = await device('ann').tab({ paused: true })
    const report = await space.create(Report, { title: 'Roof' })
    expect(() => report.set({ title: 'x'.repeat(101) })).toThrow(expect.objectContaining({ code: 'schema/invalid' }))
    expect(report.value.title).toBe('Roof')
    await expect(space.create(Report, { title: 'x'.repeat(101) })).rejects.toMatchObject({ code: 'schema/invalid' })
    await expect(space.open(Report, 'nowhere')).rejects.toMatchObject({ code: 'client/not-found' })
    await expect(space.create(Report, { title: 'Twice' }, { id: report.id })).rejects.toMatchObject({ code: 'client/exists' })
    await shows(space, ['Roof'])
  })

  test("an app's listener that throws stops neither saving nor syncing", async () => {
    const space = await device('ann').tab()
    const report = await space.create(Report, { title: 'Roof' })
    report.subscribe(() => {
      throw new Error('from the app')
    })
    await report.set({ title: 'Roof, north' }).confirmed
    await report.set({ title: 'Roof, south' }).confirmed
    expect(report.value.title).toBe('Roof, south')
  })

  test('a query keeps its order and limit while rows change', async () => {
    const space = await device('ann').tab({ paused: true })
    const query = space.query(Report, {
      where: (row) => row.value.severity === 'high',
      orderBy: (a, b) => (a.value.title < b.value.title ? -1 : a.value.title > b.value.title ? 1 : 0),
      limit: 2,
    })
    const reports = []
    for (const title of ['D', 'B', 'C', 'A']) reports.push(await space.create(Report, { title, severity: 'high' }))
    expect(query.rows.map((row) => row.value.title)).toEqual(['A', 'B'])
    reports[3]?.set({ severity: 'low' })
    expect(query.rows.map((row) => row.value.title)).toEqual(['B', 'C'])
    reports[0]?.set({ title: '0' })
    expect(query.rows.map((row) => row.value.title)).toEqual(['0', 'B'])
    const before = query.get()
    reports[2]?.set({ title: 'Z' })
    expect(query.get()).toBe(before)
  })
})

describe('synchronising', () => {
  test('[P3] two devices that wrote apart end equal', async () => {
    const [a, b] = [await device('ann').tab(), await device('bob').tab()]
    const mine = await a.create(Report, { title: 'Roof' })
    await mine.created.confirmed
    await shows(b, ['Roof'])
    const theirs = await b.open(Report, mine.id)
    a.sync.pause()
    b.sync.pause()
    mine.shared.notes.insert(0, 'from ann. ')
    theirs.shared.notes.insert(0, 'from bob. ')
    mine.set({ severity: 'high' })
    theirs.set({ title: 'Roof, north' })
    expect(mine.value).not.toEqual(theirs.value)
    a.sync.resume()
    b.sync.resume()
    await until(mine, (value) => value.title === 'Roof, north')
    await until(theirs, (value) => value.severity === 'high')
    await Promise.all([confirmed(a), confirmed(b)])
    expect(mine.shared.notes.toString()).toBe(theirs.shared.notes.toString())
    expect(mine.shared.notes.toString()).toContain('from ann. ')
    expect(mine.shared.notes.toString()).toContain('from bob. ')
  })

  test('[P2] confirmed comes only after the log has it', async () => {
    let commit = (): void => {}
    const held = new Promise<void>((resolve) => {
      commit = resolve
    })
    network.start(createMemoryLog({ random: systemRandom, beforeCommit: () => held }))
    const space = await device('ann').tab()
    await live(space)
    const report = await space.create(Report, { title: 'Roof' })
    await report.created.saved
    const seen: string[] = []
    void report.created.confirmed.then(() => seen.push('confirmed'))
    await until(space.status, (status) => status.pending.documents === 1)
    expect(seen).toEqual([])
    commit()
    await report.created.confirmed
    await confirmed(space)
    expect(space.status.get().pending).toEqual({ documents: 0, bytes: 0, sinceMs: null })
  })

  test('[P2] after the relay was killed, everything confirmed is there and the rest follows', async () => {
    const space = await device('ann').tab()
    const report = await space.create(Report, { title: 'Roof' })
    await report.created.confirmed
    network.kill()
    const write = report.set({ title: 'While it was down' })
    await write.saved
    expect(space.status.get().pending.documents).toBe(1)
    network.start()
    space.sync.retryNow()
    await write.confirmed
    await shows(await device('bob').tab(), ['While it was down'])
  })

  test('[P2] clients refill a relay that lost everything', async () => {
    const [a, b] = [await device('ann').tab(), await device('bob').tab()]
    const report = await a.create(Report, { title: 'Roof' })
    await report.created.confirmed
    await shows(b, ['Roof'])
    network.kill()
    network.start(createMemoryLog({ random: systemRandom }))
    b.sync.retryNow()
    await until(b.status, (status) => status.phase === 'live')
    await shows(await device('cy').tab(), ['Roof'])
  })

  test('[P1] what is pending is known after a restart, and goes out then', async () => {
    const ann = device('ann')
    const first = await ann.tab({ paused: true })
    await (await first.create(Report, { title: 'Roof' })).created.saved
    await (await first.create(Report, { title: 'Cellar' })).created.saved
    await first.close()
    const second = await ann.tab({ paused: true })
    await until(second.status, (status) => status.pending.documents === 2)
    expect((await second.sync.pending()).map((one) => one.problem)).toEqual([null, null])
    second.sync.resume()
    await confirmed(second)
    await shows(await device('bob').tab(), ['Cellar', 'Roof'])
  })

  test('[P7] a refused write stays here, says why, and holds nothing else up', async () => {
    network.kill()
    const announced = { ...defaultRelayLimits, maxUpdateBytes: 2_000 }
    network.relay = createRelay({ log: network.log, clock: systemClock, random: systemRandom, limits: { announced } })
    const space = await device('ann').tab()
    const large = await space.create(Report, { title: 'Large', notes: 'x'.repeat(5_000) })
    const small = await space.create(Report, { title: 'Small' })
    await small.created.confirmed
    await expect(large.created.confirmed).rejects.toMatchObject({ code: 'relay/too-large' })
    await until(space.status, (status) => status.refused === 1 && status.problem?.code === 'relay/too-large')
    expect(await space.sync.pending()).toEqual([])
    const [change] = space.refused.get()
    expect(change).toMatchObject({ name: `report/${large.id}`, code: 'relay/too-large' })
    expect(change?.bytes).toBeGreaterThan(5_000)
  })

  test('a long offline history travels whole', async () => {
    const ann = await device('ann').tab({ paused: true })
    const report = await ann.create(Report, { title: 'Diary' })
    let last = report.created
    for (let i = 0; i < 2_000; i++) {
      report.shared.notes.insert(report.shared.notes.length, `${i} `)
      if (i % 100 === 0) last = report.set({ title: `Diary ${i}` })
      if (i % 250 === 0) await last.saved
    }
    ann.sync.resume()
    await confirmed(ann)
    const bob = await device('bob').tab()
    await shows(bob, ['Diary 1900'])
    expect((await bob.open(Report, report.id)).shared.notes.toString()).toBe(report.shared.notes.toString())
  })
})

describe('tabs of one browser', () => {
  test('one connection serves all; an edit in any tab shows in the others and reaches the relay', async () => {
    const ann = device('ann')
    const [first, second] = [await ann.tab(), await ann.tab()]
    await live(first)
    await live(second)
    expect(network.connections).toBe(1)
    expect([first.status.get().role, second.status.get().role]).toEqual(['leader', 'follower'])
    const here = await second.create(Report, { title: 'Roof' })
    await here.created.confirmed
    await shows(first, ['Roof'])
    const there = await first.open(Report, here.id)
    there.shared.notes.insert(0, 'seen')
    await until(
      {
        get: () => here.shared.notes.toString(),
        subscribe: (listener) => {
          here.doc.on('update', listener)
          return () => here.doc.off('update', listener)
        },
      },
      (notes) => notes === 'seen',
    )
  })

  test('when the leader closes, another takes over and sends what is pending', async () => {
    const ann = device('ann')
    const first = await ann.tab()
    const second = await ann.tab()
    await live(second)
    const report = await second.create(Report, { title: 'Roof' })
    await first.close()
    await report.created.confirmed
    await until(second.status, (status) => status.role === 'leader' && status.phase === 'live')
    await shows(await device('bob').tab(), ['Roof'])
  })

  test('a pause in one tab holds in all', async () => {
    const ann = device('ann')
    const [first, second] = [await ann.tab(), await ann.tab()]
    await live(second)
    second.sync.pause()
    await until(first.status, (status) => status.phase === 'paused')
    expect(network.connections).toBe(0)
    first.sync.resume()
    await live(second)
  })
})

describe('a database that refuses', () => {
  test('[P6] edits wait, the status says why, and they are saved when it recovers', async () => {
    let isFull = false
    const faults: MemoryFaults = {
      beforeCommit: () => {
        if (isFull) throw new TidemarkError('store/full', 'test')
      },
    }
    const space = await device('ann').tab({ paused: true, faults })
    const report = await space.create(Report, { title: 'Roof' })
    await report.created.saved
    isFull = true
    const write = report.set({ title: 'Roof, north' })
    await until(space.status, (status) => status.storage.problem?.code === 'store/full' && status.saving)
    expect(report.value.title).toBe('Roof, north')
    isFull = false
    await write.saved
    await until(space.status, (status) => status.storage.problem === null && !status.saving)
  })
})

describe('opening', () => {
  const options = { name: 'acme', user: { id: 'ann' }, entities: [Report], store: memoryStore({ database: createMemoryDatabase() }) }
  test.each([
    ['protocol/name', { name: 'not a name!' }],
    ['protocol/name', { user: { id: '' } }],
    ['relay/config', { relay: { url: 'http://example.test' } }],
    ['schema/definition', { entities: [Report, Report] }],
  ])('refuses bad options with %s', async (code, wrong) => {
    await expect(openSpace({ ...options, ...wrong })).rejects.toMatchObject({ code })
  })

  test('works without a relay, on this device only', async () => {
    const space = await openSpace(options)
    const report = await space.create(Report, { title: 'Roof' })
    await report.created.saved
    expect(space.status.get().phase).toBe('local')
    await space.close()
    await expect(space.create(Report, { title: 'Late' })).rejects.toMatchObject({ code: 'client/closed' })
    expect(() => report.set({ title: 'Late' })).toThrow(expect.objectContaining({ code: 'client/closed' }))
  })
})
