import { randomId, systemRandom } from '@tidemark/base'
import { expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { passphrase } from '../src/encryption.ts'
import { defineEntity, indexedDbStore, latest, openSpace, type Space } from '../src/index.ts'

const Note = defineEntity('note', { version: 1, fields: { title: latest(z.string()) } })

function opener(): (words?: string) => Promise<Space> {
  const databaseName = `test-${randomId(systemRandom)}`
  const spaces: Space[] = []
  onTestFinished(async () => {
    for (const space of spaces) await space.close()
    for (const { name = '' } of await indexedDB.databases()) if (name.startsWith(databaseName)) indexedDB.deleteDatabase(name)
  })
  return async (words = 'correct horse') => {
    const encryption = passphrase({ passphrase: words, iterations: 10_000 })
    const space = await openSpace({
      name: 'acme',
      user: { id: 'ann' },
      entities: [Note],
      store: indexedDbStore({ databaseName, encryption }),
    })
    spaces.push(space)
    return space
  }
}

test('a sealed space works as any other, and needs its passphrase to be opened', async () => {
  const open = opener()
  const space = await open()
  const note = await space.create(Note, { title: 'Roof' }, { id: 'roof' })
  await note.created.saved
  await space.close()
  await expect(open('wrong')).rejects.toMatchObject({ code: 'store/wrong-passphrase' })
  const again = await open()
  const query = again.query(Note)
  await expect.poll(() => query.rows.map((row) => row.value.title)).toEqual(['Roof'])
  expect((await again.open(Note, 'roof')).value.title).toBe('Roof')
})

test('a lock closes the space in every tab, after what they wrote is saved', async () => {
  const open = opener()
  const [one, other] = [await open(), await open()]
  const [a, b] = [await one.create(Note, { title: 'a' }), await other.create(Note, { title: 'b' })]
  await one.lock()
  await expect.poll(() => other.status.get().locked).toBe(true)
  expect(one.status.get().locked).toBe(true)
  await Promise.all([a.created.saved, b.created.saved])
  for (const space of [one, other]) expect(() => space.query(Note)).toThrow(expect.objectContaining({ code: 'client/closed' }))
  const again = await open()
  expect(again.status.get().locked).toBe(false)
  const query = again.query(Note)
  await expect.poll(() => query.rows.map((row) => row.value.title).toSorted()).toEqual(['a', 'b'])
})
