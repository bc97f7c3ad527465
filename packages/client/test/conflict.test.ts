import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Space } from '../src/index.ts'
import { confirmed, Device, Finding, Network, until } from './world.ts'

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

async function person(user: string): Promise<Space> {
  const device = new Device(network, user)
  devices.push(device)
  return device.tab()
}

/** The finding, once it is on this device. */
async function arrival(space: Space, id: string) {
  const query = space.query(Finding)
  await until(query, (rows) => rows.some((row) => row.id === id))
  query.close()
  return space.open(Finding, id)
}

describe('critical fields between devices', () => {
  test('[P4] two values set apart stand side by side everywhere, until a third person decides for all', async () => {
    const [ann, bob, cy] = [await person('ann'), await person('bob'), await person('cy')]
    const at = await ann.create(Finding, { title: 'Beam', severity: 'low' })
    await at.created.confirmed
    const [theirs, third] = [await arrival(bob, at.id), await arrival(cy, at.id)]
    ann.sync.pause()
    bob.sync.pause()
    await at.write(() => at.edit().set({ severity: 'medium' })).saved
    await theirs.write(() => theirs.edit().set({ severity: 'high' })).saved
    ann.sync.resume()
    bob.sync.resume()

    for (const finding of [at, theirs, third]) await until(finding, () => finding.conflicts.length === 1)
    const [conflict] = third.conflicts
    expect(new Set(conflict?.candidates.map(({ value, authors }) => `${value} by ${authors.map(({ user }) => user)}`))).toEqual(
      new Set(['medium by ann', 'high by bob']),
    )
    expect(conflict?.base).toBe('low')
    const rows = cy.query(Finding)
    await until(rows, ([row]) => row?.value.$conflicts === 1)

    const write = third.write(() =>
      conflict?.decide({ choose: conflict.candidates.find(({ value }) => value === 'high')?.id ?? '' }, { reason: 'seen it' }),
    )
    await write.confirmed
    for (const finding of [at, theirs]) await until(finding, () => finding.conflicts.length === 0)
    for (const finding of [at, theirs, third]) {
      expect(finding.value.severity).toMatchObject({ status: 'settled', value: 'high' })
      expect(finding.decisions).toMatchObject([
        { user: 'cy', value: 'high', reason: 'seen it', rejected: [{ value: 'medium', user: 'ann' }] },
      ])
    }
    await until(rows, ([row]) => row?.value.$conflicts === undefined)
  })

  test('a deleted entity leaves the lists of all devices, and comes back when it is restored', async () => {
    const [ann, bob] = [await person('ann'), await person('bob')]
    const here = await ann.create(Finding, { title: 'Beam', severity: 'low' })
    await here.created.confirmed
    const there = await arrival(bob, here.id)
    const rows = bob.query(Finding)
    const all = bob.query(Finding, { includeDeleted: true })
    await here.delete({ reason: 'twice' }).confirmed
    await until(rows, (listed) => listed.length === 0)
    expect(there.life).toMatchObject({ status: 'deleted', user: 'ann', reason: 'twice' })
    expect(all.rows).toHaveLength(1)
    expect(() => there.set({ title: 'Late' })).toThrow(expect.objectContaining({ code: 'schema/deleted' }))
    await there.restore().confirmed
    await until(rows, (listed) => listed.length === 1)
    await confirmed(bob)
  })

  test('[P1] a receipt around several writes covers those within it too', async () => {
    const ann = await person('ann')
    const at = await ann.create(Finding, { title: 'Beam', severity: 'low' })
    await at.created.confirmed
    ann.sync.pause()
    let isConfirmed = false
    const outer = at.write(() => at.set({ title: 'Beam, north' }))
    void outer.confirmed.then(() => {
      isConfirmed = true
    })
    await outer.saved
    expect(ann.status.get().saving).toBe(false)
    expect((await ann.sync.pending()).map(({ name }) => name)).toEqual([`finding/${at.id}`])
    expect(isConfirmed).toBe(false)
    ann.sync.resume()
    await outer.confirmed
  })

  test('undo is a change of its own, with a receipt', async () => {
    const ann = await person('ann')
    const finding = await ann.create(Finding, { title: 'Beam', severity: 'low' })
    expect(finding.undo()).toBeNull()
    finding.set({ title: 'Beam, west' })
    await finding.undo()?.confirmed
    expect(finding.value.title).toBe('Beam')
    await finding.redo()?.saved
    expect(finding.value.title).toBe('Beam, west')
  })
})
