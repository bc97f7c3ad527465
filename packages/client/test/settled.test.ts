import { setTimeout as wait } from 'node:timers/promises'
import { systemClock, systemRandom } from '@tidemark/base'
import { defaultRelayLimits } from '@tidemark/protocol'
import { createRelay } from '@tidemark/relay'
import { memoryStore } from '@tidemark/store'
import { afterEach, describe, expect, test } from 'vitest'
import { openSpace, type Space, warnBeforeUnload } from '../src/index.ts'
import { Device, live, Network, Report, until } from './world.ts'

const closing: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

const closed = (space: Space): Space => {
  closing.push(() => space.close())
  return space
}

const isOpen = async (promise: Promise<unknown>): Promise<boolean> => {
  const open = Symbol('open')
  return (await Promise.race([promise.catch(() => undefined), wait(0, open)])) === open
}

describe('[P6] settled()', () => {
  test('resolves once everything that was written here is confirmed', async () => {
    const network = new Network()
    const space = closed(await new Device(network, 'ann').tab({ paused: true }))
    const report = await space.create(Report, { title: 'Roof' })
    const settled = space.sync.settled()
    await report.created.saved
    expect(await isOpen(settled)).toBe(true)
    space.sync.resume()
    await settled
    expect(space.status.get()).toMatchObject({ saving: false, pending: { documents: 0 } })
    await space.sync.settled()
  })

  test('without a relay resolves once it is saved', async () => {
    const space = closed(await openSpace({ name: 'acme', user: { id: 'ann' }, entities: [Report], store: memoryStore() }))
    const report = await space.create(Report, { title: 'Roof' })
    let isSaved = false
    const { saved } = report.set({ title: 'Roof, north' })
    saved.then(() => {
      isSaved = true
    })
    await space.sync.settled()
    expect(isSaved).toBe(true)
  })

  test('rejects with the reason when nothing but refused changes is left', async () => {
    const network = new Network()
    const announced = { ...defaultRelayLimits, maxUpdateBytes: 2_000 }
    network.relay = createRelay({ log: network.log, clock: systemClock, random: systemRandom, limits: { announced } })
    const space = closed(await new Device(network, 'ann').tab({ paused: true }))
    const small = await space.create(Report, { title: 'Small' })
    await (await space.create(Report, { title: 'Large', notes: 'x'.repeat(5_000) })).created.saved
    const settled = space.sync.settled()
    space.sync.resume()
    await expect(settled).rejects.toMatchObject({ code: 'relay/too-large' })
    await small.created.confirmed
  })

  test('gives up after its time, and leaves everything as it is', async () => {
    const network = new Network()
    const space = closed(await new Device(network, 'ann').tab({ paused: true }))
    const report = await space.create(Report, { title: 'Roof' })
    await expect(space.sync.settled({ timeoutMs: 1 })).rejects.toMatchObject({ code: 'client/not-confirmed', retryable: true })
    await expect(report.created.confirmedWithin(1)).rejects.toMatchObject({ code: 'client/not-confirmed' })
    space.sync.resume()
    await report.created.confirmedWithin(20_000)
  })

  test('rejects when the space is closed first', async () => {
    const space = await new Device(new Network(), 'ann').tab({ paused: true })
    await space.create(Report, { title: 'Roof' })
    const settled = space.sync.settled()
    await Promise.all([space.close(), expect(settled).rejects.toMatchObject({ code: 'client/closed' })])
  })
})

test('[P6] what is pending says of which entity it is', async () => {
  const space = closed(await new Device(new Network(), 'ann').tab({ paused: true }))
  const report = await space.create(Report, { title: 'Roof' })
  await report.created.saved
  expect(await space.sync.pending()).toMatchObject([{ type: 'report', id: report.id, problem: null }])
})

test('[P1] a page is asked about only while something would be lost, or is not confirmed', async () => {
  const network = new Network()
  const space = closed(await new Device(network, 'ann').tab({ paused: true }))
  const asked = (target: EventTarget): boolean => {
    const event = new Event('beforeunload', { cancelable: true })
    target.dispatchEvent(event)
    return event.defaultPrevented
  }
  const [untilSaved, untilConfirmed] = [new EventTarget(), new EventTarget()]
  const stop = [warnBeforeUnload(space, { target: untilSaved }), warnBeforeUnload(space, { until: 'confirmed', target: untilConfirmed })]
  const report = await space.create(Report, { title: 'Roof' })
  report.set({ title: 'Roof, north' })
  expect([asked(untilSaved), asked(untilConfirmed)]).toEqual([true, true])
  await until(space.status, (status) => !status.saving)
  expect([asked(untilSaved), asked(untilConfirmed)]).toEqual([false, true])
  space.sync.resume()
  await live(space)
  await space.sync.settled()
  expect(asked(untilConfirmed)).toBe(false)
  report.set({ title: 'Roof, south' })
  for (const end of stop) end()
  expect([asked(untilSaved), asked(untilConfirmed)]).toEqual([false, false])
})
