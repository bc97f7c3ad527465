import { systemClock } from '@tidemark/base'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Entity, EntityAwareness, Platform, Space } from '../src/index.ts'
import { presenceLimits } from '../src/presence.ts'
import { Stage, turns } from './stage.ts'
import { live, Report } from './world.ts'

let stage: Stage

beforeEach(() => {
  stage = new Stage()
})

afterEach(() => stage.close())

/** Names shown in a document, in order. */
const names = (awareness: EntityAwareness): string[] => [...awareness.getStates().values()].flatMap(({ name }) => name ?? []).sort()

const shows = (awareness: EntityAwareness, wanted: readonly string[]): Promise<void> =>
  new Promise((resolve) => {
    const look = (): void => {
      if (names(awareness).join() !== wanted.join()) return
      awareness.off('change', look)
      resolve()
    }
    awareness.on('change', look)
    look()
  })

const open = async (space: Space, name: string, id = 'roof'): Promise<Entity<(typeof Report)['fields']>> => {
  await live(space)
  const report = await space.open(Report, id)
  report.awareness.setLocalStateField('name', name)
  return report
}

const create = async (space: Space): Promise<void> => {
  await live(space)
  await (await space.create(Report, { title: 'Roof' }, { id: 'roof' })).created.confirmed
}

describe('presence', () => {
  test('people in one document see one another, and that somebody left', async () => {
    const ann = await stage.device('ann').tab()
    await create(ann)
    const bob = await stage.device('bob').tab()
    const [annsReport, bobsReport] = [await open(ann, 'Ann'), await open(bob, 'Bob')]
    await Promise.all([shows(annsReport.awareness, ['Ann', 'Bob']), shows(bobsReport.awareness, ['Ann', 'Bob'])])
    const late = bobsReport.awareness
    bobsReport.close()
    await shows(annsReport.awareness, ['Ann'])
    // An editor that is taken down after its document does not bring its person back.
    late.setLocalState({ name: 'Bob' })
    expect(late.getStates().has(late.clientID)).toBe(false)
    await open(bob, 'Bob again')
    await shows(annsReport.awareness, ['Ann', 'Bob again'])
    await bob.close()
    await shows(annsReport.awareness, ['Ann'])
  })

  test('tabs see one another without a network, and go through the connection of the leading one', async () => {
    const device = stage.device('ann')
    const [first, second] = [await device.tab(), await device.tab()]
    await create(first)
    const bob = await stage.device('bob').tab()
    // Only the tab that does not lead has the document open.
    const seen = await open(second, 'Second')
    const bobs = await open(bob, 'Bob')
    await Promise.all([shows(bobs.awareness, ['Bob', 'Second']), shows(seen.awareness, ['Bob', 'Second'])])
    const leading = await open(first, 'First')
    await Promise.all([bobs, seen, leading].map(({ awareness }) => shows(awareness, ['Bob', 'First', 'Second'])))
    expect(stage.network.connections).toBe(2)
    stage.network.kill()
    await Promise.all([seen, leading].map(({ awareness }) => shows(awareness, ['First', 'Second'])))
    seen.awareness.setLocalStateField('name', 'Second, offline')
    await shows(leading.awareness, ['First', 'Second, offline'])
    stage.network.start()
    for (const space of [first, bob]) space.sync.retryNow()
    await Promise.all([bobs, seen, leading].map(({ awareness }) => shows(awareness, ['Bob', 'First', 'Second, offline'])))
  })

  test('when the leading tab closes, the next one says for all who is there', async () => {
    const device = stage.device('ann')
    const [first, second, third] = [await device.tab(), await device.tab(), await device.tab()]
    await create(first)
    const bob = await stage.device('bob').tab()
    const bobs = await open(bob, 'Bob')
    await open(first, 'First')
    const [two, three] = [await open(second, 'Second'), await open(third, 'Third')]
    await shows(bobs.awareness, ['Bob', 'First', 'Second', 'Third'])
    await first.close()
    await Promise.all([bobs, two, three].map(({ awareness }) => shows(awareness, ['Bob', 'Second', 'Third'])))
  })

  test('a tab that dies without a word is gone after a while, and there is one timer for all documents', async () => {
    const device = stage.device('ann')
    let nowMs = 0
    const beats = new Set<() => void>()
    const clock: Platform['clock'] = {
      ...systemClock,
      monotonic: () => nowMs,
      schedule: (delayMs, run) => {
        if (delayMs !== presenceLimits.renewMs) return systemClock.schedule(delayMs, run)
        beats.add(run)
        return () => beats.delete(run)
      },
    }
    const leader = await stage.browserTab(device, { platform: { clock } })
    await create(leader)
    await (await leader.create(Report, { title: 'Wall' }, { id: 'wall' })).created.confirmed
    let isMute = false
    const openChannel: Platform['openChannel'] = (name, listener) => {
      const channel = new BroadcastChannel(name)
      channel.onmessage = (event) => void (isMute || listener((event as MessageEvent).data))
      return { post: (message) => void (isMute || channel.postMessage(message)), close: () => channel.close() }
    }
    const dying = await stage.browserTab(device, { platform: { openChannel } })
    const left = await open(leader, 'Leader')
    await open(leader, 'Leader', 'wall')
    expect(beats.size).toBe(1)
    await open(dying, 'Dying')
    const bob = await stage.device('bob').tab()
    const bobs = await open(bob, 'Bob')
    await shows(bobs.awareness, ['Bob', 'Dying', 'Leader'])
    isMute = true
    nowMs = presenceLimits.silenceMs + 1
    for (const beat of [...beats]) {
      beats.delete(beat)
      beat()
    }
    await Promise.all([left, bobs].map(({ awareness }) => shows(awareness, ['Bob', 'Leader'])))
  })

  test('what is no JSON object is refused and changes nothing, and a changed client id takes its state along', async () => {
    const ann = await stage.device('ann').tab()
    await create(ann)
    const { awareness, doc } = await open(ann, 'Ann')
    const bad = [[], 'x', { f: 1n }] as unknown as Record<string, unknown>[]
    for (const state of bad) expect(() => awareness.setLocalState(state)).toThrow(expect.objectContaining({ code: 'schema/invalid' }))
    expect(() => awareness.setLocalState({ x: 'x'.repeat(70_000) })).toThrow(expect.objectContaining({ code: 'schema/too-large' }))
    expect(awareness.getLocalState()).toEqual({ name: 'Ann' })
    const before = doc.clientID
    doc.clientID = before + 1
    doc.transact(() => undefined)
    expect([...awareness.getStates().keys()]).toEqual([before + 1])
    awareness.setLocalState(null)
    awareness.setLocalStateField('name', 'nobody')
    await turns(10)
    expect(awareness.getStates().size).toBe(0)
  })
})
