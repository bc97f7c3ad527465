/** What the relay refuses: the document goes on without it, in every tab, and nothing of it is lost. */
import { systemClock, systemRandom, type TidemarkError } from '@tidemark/base'
import { createRelay, type RelayHooks } from '@tidemark/relay'
import { afterEach, describe, expect, test } from 'vitest'
import type { Entity, Receipt, Space } from '../src/index.ts'
import { confirmed, Device, live, Network, Report, until } from './world.ts'

const opened: Space[] = []
afterEach(async () => {
  for (const space of opened.splice(0)) await space.close()
})

/** A relay that takes nothing with `word` in it, for as long as it is set. */
class Picky {
  readonly network = new Network()
  word: string | null = 'BAD'
  asked = (): void => {}

  constructor() {
    const beforeCommit: RelayHooks['beforeCommit'] = ({ update }) => {
      this.asked()
      return this.word !== null && Buffer.from(update).includes(this.word) ? { refuse: 'not that word' } : undefined
    }
    const { network } = this
    network.relay = createRelay({ log: network.log, clock: systemClock, random: systemRandom, hooks: { beforeCommit } })
  }

  device(user: string): Device {
    return new Device(this.network, user)
  }
}

async function tab(device: Device, options: Parameters<Device['tab']>[0] = {}): Promise<Space> {
  const space = await device.tab(options)
  opened.push(space)
  return space
}

const codeOf = (receipt: Receipt): Promise<string> =>
  receipt.confirmed.then(
    () => 'confirmed',
    (error: TidemarkError) => error.code,
  )

const isRefused = (space: Space, count: number): Promise<unknown> =>
  until(space.status, ({ refused, pending, saving }) => refused === count && pending.documents === 0 && !saving)

const notesOf = (entity: Entity<typeof Report.fields>): string => entity.shared.notes.toString()

const notesBecome = (entity: Entity<typeof Report.fields>, wanted: string): Promise<unknown> =>
  until({ get: () => notesOf(entity), subscribe: (listener) => followText(entity, listener) }, (notes) => notes === wanted)

/** Calls `listener` after each change of the document, whichever is shown. */
function followText(entity: Entity<typeof Report.fields>, listener: () => void): () => void {
  let { doc } = entity
  const mount = (): void => {
    doc.off('update', listener)
    doc = entity.doc
    doc.on('update', listener)
    listener()
  }
  doc.on('update', listener)
  const stop = entity.branch.subscribe(mount)
  return () => {
    stop()
    doc.off('update', listener)
  }
}

describe('a refused write', () => {
  test('[P7] is kept aside with what builds on it; the document goes on without them, and so does everything else', async () => {
    const picky = new Picky()
    const space = await tab(picky.device('ann'))
    await live(space)
    const report = await space.create(Report, { title: 'Roof', notes: 'dry ' })
    const other = await space.create(Report, { title: 'Cellar' })
    await report.created.confirmed
    space.sync.pause()
    const good = report.write(() => report.shared.notes.insert(4, 'north '))
    await good.saved
    const bad = report.write(() => report.shared.notes.insert(10, 'BAD '))
    await bad.saved
    const onTop = report.write(() => report.shared.notes.insert(14, 'south '))
    await onTop.saved
    const elsewhere = other.set({ title: 'Cellar, wet' })
    let told = 0
    const [firstDoc, firstBranch] = [report.doc, report.branch.get()]
    report.branch.subscribe(() => told++)
    space.sync.resume()
    expect(await codeOf(good)).toBe('confirmed')
    expect([await codeOf(bad), await codeOf(onTop)]).toEqual(['relay/refused', 'relay/refused'])
    expect(await codeOf(elsewhere)).toBe('confirmed')
    await notesBecome(report, 'dry north ')
    expect(report.doc).not.toBe(firstDoc)
    expect(told).toBe(1)
    expect(report.branch.get()).toBe(firstBranch + 1)
    await isRefused(space, 1)
    expect(space.refused.get()).toMatchObject([{ name: `report/${report.id}`, type: 'report', code: 'relay/refused' }])
    expect(space.status.get().problem?.code).toBe('relay/refused')
    expect(await codeOf(report.write(() => report.shared.notes.insert(0, 'very ')))).toBe('confirmed')
    const bob = await tab(picky.device('bob'))
    await confirmed(bob)
    expect(notesOf(await bob.open(Report, report.id))).toBe('very dry north ')
  })

  test('[P7] shows both sides, is tried again as it was written, and merges', async () => {
    const picky = new Picky()
    const ann = await tab(picky.device('ann'))
    const report = await ann.create(Report, { title: 'Roof', notes: 'dry' })
    await report.created.confirmed
    expect(await codeOf(report.write(() => report.shared.notes.insert(3, ', BAD')))).toBe('relay/refused')
    await isRefused(ann, 1)
    await notesBecome(report, 'dry')
    const [change] = ann.refused.get()
    if (change === undefined) throw new Error('nothing is listed')
    expect(await ann.refused.preview(change)).toMatchObject({ accepted: { notes: 'dry' }, refused: { notes: 'dry, BAD' } })
    // Still refused: it comes back to the list.
    expect(await codeOf(await ann.refused.tryAgain(change))).toBe('relay/refused')
    await isRefused(ann, 1)
    const bob = await tab(picky.device('bob'))
    await confirmed(bob)
    const theirs = await bob.open(Report, report.id)
    await theirs.write(() => theirs.shared.notes.insert(0, 'very ')).confirmed
    await notesBecome(report, 'very dry')
    picky.word = null
    const [again] = ann.refused.get()
    if (again === undefined) throw new Error('nothing is listed')
    expect(await codeOf(await ann.refused.tryAgain(again))).toBe('confirmed')
    await isRefused(ann, 0)
    await Promise.all([notesBecome(report, 'very dry, BAD'), notesBecome(theirs, 'very dry, BAD')])
    expect(ann.status.get().problem).toBe(null)
  })

  test('[P7] is there after a restart, in every tab, until somebody discards it', async () => {
    const picky = new Picky()
    const device = picky.device('ann')
    const first = await device.tab()
    const report = await first.create(Report, { title: 'Roof' })
    await report.created.confirmed
    expect(await codeOf(report.set({ title: 'BAD' }))).toBe('relay/refused')
    await first.close()
    const [leader, follower] = [await tab(device), await tab(device)]
    await Promise.all([isRefused(leader, 1), isRefused(follower, 1)])
    await until(follower.status, ({ problem }) => problem?.code === 'relay/refused')
    expect((await follower.open(Report, report.id)).value.title).toBe('Roof')
    const [change] = follower.refused.get()
    if (change === undefined) throw new Error('nothing is listed')
    await expect(leader.sync.settled()).rejects.toMatchObject({ code: 'relay/refused' })
    await follower.refused.discard(change)
    await Promise.all([isRefused(leader, 0), isRefused(follower, 0)])
    await expect(follower.refused.preview(change)).rejects.toMatchObject({ code: 'client/not-found' })
    await leader.sync.settled()
    expect(leader.status.get().problem).toBe(null)
  })

  test('[P7] of another tab takes nothing of this one along, and is gone from here too', async () => {
    const picky = new Picky()
    const device = picky.device('ann')
    const [leader, follower] = [await tab(device), await tab(device)]
    await live(follower)
    const report = await leader.create(Report, { title: 'Roof', notes: 'dry' })
    await report.created.confirmed
    await until(follower.query(Report), (rows) => rows.length === 1)
    const there = await follower.open(Report, report.id)
    leader.sync.pause()
    const bad = report.write(() => report.shared.notes.insert(0, 'BAD '))
    await bad.saved
    await notesBecome(there, 'BAD dry')
    const good = there.write(() => there.shared.notes.insert(there.shared.notes.length, ' and warm'))
    await good.saved
    follower.sync.resume()
    expect([await codeOf(bad), await codeOf(good)]).toEqual(['relay/refused', 'confirmed'])
    await Promise.all([notesBecome(report, 'dry and warm'), notesBecome(there, 'dry and warm')])
    await Promise.all([isRefused(leader, 1), isRefused(follower, 1)])
  })

  test('[P7] an editor that goes on in the document of before loses nothing: it is kept aside too', async () => {
    const picky = new Picky()
    const space = await tab(picky.device('ann'))
    const report = await space.create(Report, { title: 'Roof', notes: 'dry' })
    await report.created.confirmed
    const { notes } = report.shared
    expect(await codeOf(report.write(() => notes.insert(0, 'BAD ')))).toBe('relay/refused')
    await notesBecome(report, 'dry')
    expect(await codeOf(report.write(() => notes.insert(4, 'late ')))).toBe('relay/refused')
    await isRefused(space, 1)
    const [change] = space.refused.get()
    if (change === undefined) throw new Error('nothing is listed')
    expect(await space.refused.preview(change)).toMatchObject({ accepted: { notes: 'dry' }, refused: { notes: 'BAD late dry' } })
  })

  test('[P7] that created a document leaves nothing of it in lists, and trying again brings it back', async () => {
    const picky = new Picky()
    const space = await tab(picky.device('ann'))
    const query = space.query(Report)
    const report = await space.create(Report, { title: 'BAD' })
    expect(await codeOf(report.created)).toBe('relay/refused')
    report.close()
    await until(query, (rows) => rows.length === 0)
    await expect(space.open(Report, report.id)).rejects.toMatchObject({ code: 'client/not-found' })
    expect(await space.refused.preview(space.refused.get()[0] as never)).toMatchObject({ accepted: null, refused: { title: 'BAD' } })
    picky.word = null
    space.sync.retryNow()
    await isRefused(space, 0)
    await until(query, (rows) => rows[0]?.value.title === 'BAD')
    expect((await space.open(Report, report.id)).value.title).toBe('BAD')
  })

  test('[P7] among a hundred that wait is found by halves; all others are confirmed', async () => {
    const picky = new Picky()
    const space = await tab(picky.device('ann'))
    const first = await space.create(Report, { title: 'Roof', notes: '.'.repeat(101) })
    await first.created.confirmed
    first.close()
    space.sync.pause()
    const receipts: Receipt[] = []
    for (let i = 0; i < 100; i++) {
      // Each on a client id of its own and between dots of its own, so that none builds on another.
      const report = await space.open(Report, first.id)
      receipts.push(report.write(() => report.shared.notes.insert(2 * i + 1, i === 70 ? '☃' : 'x')))
      await receipts.at(-1)?.saved
      report.close()
    }
    picky.word = '☃'
    let pushes = 0
    picky.asked = () => pushes++
    space.sync.resume()
    const codes = await Promise.all(receipts.map(codeOf))
    expect(codes.flatMap((code, i) => (code === 'confirmed' ? [] : [i]))).toEqual([70])
    expect(pushes).toBeLessThan(30)
  })

  test('[P7] that no relay can read stops nothing else', async () => {
    const picky = new Picky()
    const space = await tab(picky.device('ann'))
    const [report, other] = [await space.create(Report, { title: 'Roof', notes: 'dry' }), await space.create(Report, { title: 'Cellar' })]
    await Promise.all([report.created.confirmed, other.created.confirmed])
    space.sync.pause()
    const bad = report.write(() => report.shared.notes.format(0, 3, { link: { href: 'x', ['__proto__']: 'y' } }))
    await bad.saved
    const odd = report.write(() => report.doc.getMap('__proto__').set('__proto__', 1))
    await odd.saved
    const good = other.set({ title: 'Cellar, wet' })
    space.sync.resume()
    expect(await codeOf(good)).toBe('confirmed')
    expect(await codeOf(odd)).toBe('relay/invalid')
    await live(space)
  })

  test('[P7] that was erased meanwhile stays in the list, and is not put into what is gone', async () => {
    const picky = new Picky()
    const space = await tab(picky.device('ann'))
    const report = await space.create(Report, { title: 'Roof' })
    await report.created.confirmed
    expect(await codeOf(report.set({ title: 'BAD' }))).toBe('relay/refused')
    await isRefused(space, 1)
    const [change] = space.refused.get()
    if (change === undefined) throw new Error('nothing is listed')
    await picky.network.relay?.purge('acme', change.name, 'operator')
    await expect.poll(() => space.open(Report, report.id).catch((error: TidemarkError) => error.code)).toBe('relay/purged')
    await expect(space.refused.tryAgain(change)).rejects.toMatchObject({ code: 'relay/purged' })
    space.sync.retryNow()
    await isRefused(space, 1)
  })
})
