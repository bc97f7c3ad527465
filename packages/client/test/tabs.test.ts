import { systemClock } from '@tidemark/base'
import { type Batch, type LocalStore, memoryStore, type OpenStore } from '@tidemark/store'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Platform } from '../src/index.ts'
import { gate, Stage, turns } from './stage.ts'
import { type Device, live, Report, until } from './world.ts'

let stage: Stage

beforeEach(() => {
  stage = new Stage()
})

afterEach(() => stage.close())

const record = (on: Device, name: string) => on.database.tables({ space: 'acme', user: on.user }).record(name)

describe('tabs', () => {
  test('a third tab shows what the leader was storing when it closed', async () => {
    const ann = stage.device('ann-third')
    const held = gate()
    let isHolding = false
    let isAsked = (): void => {}
    const asked = new Promise<void>((resolve) => {
      isAsked = resolve
    })
    const faults = {
      beforeCommit: async (batch: Batch) => {
        if (!isHolding || batch.cursor === undefined || (batch.updates ?? []).length === 0) return
        isAsked()
        await held.wait
      },
    }
    const leader = await stage.browserTab(ann, { faults })
    await live(leader)
    const [second, third] = [await stage.browserTab(ann), await stage.browserTab(ann)]
    await live(third)
    const report = await third.create(Report, { title: 'Roof' })
    await report.created.confirmed
    const bob = await stage.device('bob').tab()
    await live(bob)
    const theirs = await bob.open(Report, report.id)
    isHolding = true
    await theirs.set({ title: 'Roof, north' }).confirmed
    await asked
    const closing = leader.close()
    setImmediate(held.open)
    await closing
    await until(second.status, (status) => status.role === 'leader' && status.phase === 'live')
    expect((await until(report, (value) => value.title !== 'Roof')).title).toBe('Roof, north')
  })

  test('where there are no locks, every tab leads without an error', async () => {
    const errors = vi.spyOn(console, 'error').mockImplementation(() => undefined)
    const space = await stage.browserTab(stage.device('ann-locks'), { platform: { locks: { hold: (_name, held) => void held() } } })
    await live(space)
    const said = errors.mock.calls.map(([error]) => String(error))
    errors.mockRestore()
    expect(said).toEqual([])
  })

  test('a row that a follower has stored later is not replaced by an older one of the leader', async () => {
    const ann = stage.device('ann-rows')
    const held = gate()
    let isHolding = false
    let isAsked = (): void => {}
    const asked = new Promise<void>((resolve) => {
      isAsked = resolve
    })
    // The leader's row is stored, but it hears of that late, as from a busy event loop.
    const slow: OpenStore = async (where) => {
      const inner = await memoryStore({ database: ann.database })(where)
      const commit: LocalStore['commit'] = async (batch) => {
        const committed = await inner.commit(batch)
        if (isHolding && batch.rows !== undefined && batch.updates === undefined) {
          isAsked()
          await held.wait
        }
        return committed
      }
      return new Proxy(inner, {
        get: (target, key) => {
          if (key === 'commit') return commit
          const value = Reflect.get(target, key, target) as unknown
          return typeof value === 'function' ? value.bind(target) : value
        },
      })
    }
    const leader = await stage.browserTab(ann, { store: slow })
    await live(leader)
    const follower = await stage.browserTab(ann)
    await live(follower)
    const query = leader.query(Report)
    const [report] = [await follower.create(Report, { title: 'One' })]
    await report.created.confirmed
    const bob = await stage.device('bob').tab()
    await live(bob)
    isHolding = true
    await (await bob.open(Report, report.id)).set({ title: 'Two' }).confirmed
    await asked
    await report.set({ title: 'Three' }).saved
    report.close()
    await until(query, (rows) => rows[0]?.value.title === 'Three')
    isHolding = false
    held.open()
    await turns(100)
    expect(query.rows[0]?.value.title).toBe('Three')
    const theirs = follower.query(Report)
    await theirs.loaded
    expect(theirs.rows[0]?.value.title).toBe('Three')
  })

  test('what a tab stored and could not tell before it died is pushed by the leader, and shown in every tab', async () => {
    const ann = stage.device('ann-crash')
    // The leader's waits are a thousand times shorter, so that whatever it does now and then is done here.
    const clock = { ...systemClock, schedule: (delayMs: number, run: () => void) => systemClock.schedule(delayMs / 1_000, run) }
    const leader = await stage.browserTab(ann, { platform: { clock } })
    await live(leader)
    const other = await stage.browserTab(ann)
    const known = await leader.create(Report, { title: 'Cellar' })
    await known.created.confirmed
    const lists = [leader.query(Report), other.query(Report)]
    const there = await other.open(Report, known.id)
    const mute: Platform['openChannel'] = () => ({ post: () => {}, close: () => {} })
    const dying = await stage.browserTab(ann, { platform: { openChannel: mute } })
    const report = await dying.create(Report, { title: 'Roof' })
    await report.created.saved
    const theirs = await dying.open(Report, known.id)
    await theirs.set({ title: 'Cellar, wet' }).saved
    await dying.close()
    await vi.waitFor(() => expect(record(ann, `report/${report.id}`)?.pending).toEqual({}))
    for (const entity of [known, there]) await until(entity, (value) => value.title === 'Cellar, wet')
    const titles = ['Cellar, wet', 'Roof']
    for (const list of lists)
      await until(
        list,
        (rows) =>
          rows
            .map(({ value }) => value.title)
            .sort()
            .join() === titles.join(),
      )
  })
})
