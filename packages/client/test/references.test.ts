import { memoryStore } from '@tidemark/store'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { defineEntity, latest, openSpace, reference, type Space } from '../src/index.ts'
import { confirmed, Device, Network, until } from './world.ts'

const Person = defineEntity('person', { version: 1, fields: { name: latest(z.string()) } })
const Task = defineEntity('task', { version: 1, fields: { title: latest(z.string()), owner: reference(Person) } })

const open = (network: Network, user: string): Promise<Space> =>
  openSpace({
    name: 'acme',
    user: { id: user },
    entities: [Person, Task],
    store: memoryStore(),
    relay: { url: 'ws://relay.test' },
    platform: new Device(network, user).platform(),
  })

test('a reference to what somebody else deleted is seen without opening it, with who and why, and restored from there', async () => {
  const network = new Network()
  const [ann, bob] = [await open(network, 'ann'), await open(network, 'bob')]
  const person = await ann.create(Person, { name: 'Cy' }, { id: 'cy' })
  const task = await ann.create(Task, { title: 'Roof', owner: 'cy' }, { id: 'roof' })
  await confirmed(ann)
  const tasks = bob.query(Task)
  await until(tasks, (rows) => rows.length === 1)
  const seen = await bob.open(Task, 'roof')
  const status = (): string | undefined => seen.references[0]?.status
  await until(seen, () => status() === 'present')
  person.delete({ reason: 'left the firm' })
  await until(seen, () => status() === 'deleted')
  expect(seen.references).toMatchObject([{ field: 'owner', type: 'person', id: 'cy', deleted: { user: 'ann', reason: 'left the firm' } }])
  seen.references[0]?.restore()
  await until(seen, () => status() === 'present')
  await until(person, () => person.life.status === 'alive')
  expect(task.references).toMatchObject([{ status: 'present', deleted: null }])
  for (const space of [ann, bob]) await space.close()
})

test('a reference to what this device does not have yet is absent, and present once it comes', async () => {
  const network = new Network()
  const [ann, bob] = [await open(network, 'ann'), await open(network, 'bob')]
  const task = await bob.create(Task, { title: 'Roof', owner: 'cy' })
  await until(task, () => task.references[0]?.status === 'absent')
  expect(() => task.references[0]?.restore()).toThrow(expect.objectContaining({ code: 'client/not-found' }))
  await ann.create(Person, { name: 'Cy' }, { id: 'cy' })
  await until(task, () => task.references[0]?.status === 'present')
  for (const space of [ann, bob]) await space.close()
})

test('a reference to what is open here follows its document', async () => {
  const ann = await open(new Network(), 'ann')
  const task = await ann.create(Task, { title: 'Roof', owner: 'cy' })
  const person = await ann.create(Person, { name: 'Cy' }, { id: 'cy' })
  await until(task, () => task.references[0]?.status === 'present')
  person.delete()
  expect(task.references[0]?.status).toBe('deleted')
  task.references[0]?.restore()
  expect(person.life.status).toBe('alive')
  task.set({ owner: null })
  expect(task.references).toEqual([])
  await ann.close()
})
