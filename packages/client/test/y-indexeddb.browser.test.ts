import { randomId, systemRandom } from '@tidemark/base'
import { expect, onTestFinished, test } from 'vitest'
import { IndexeddbPersistence } from 'y-indexeddb'
import * as Y from 'yjs'
import { z } from 'zod'
import { defineEntity, indexedDbStore, latest, openSpace, text } from '../src/index.ts'
import { importYIndexeddb } from '../src/take-over/index.ts'

const Note = defineEntity('note', {
  version: 1,
  fields: { title: latest(z.string().default('')), body: text() },
  mapping: { map: 'meta', keys: { title: 'title' } },
})

test('[P9] a document that the published y-indexeddb keeps becomes an entity: listed, open, editable', async () => {
  const database = `old-${randomId(systemRandom)}`
  const doc = new Y.Doc({ guid: database })
  const persistence = new IndexeddbPersistence(database, doc)
  await persistence.whenSynced
  doc.getMap('meta').set('title', 'Roof')
  doc.getText('body').insert(0, 'Tiles are loose')
  await persistence.destroy()

  const databaseName = `test-${randomId(systemRandom)}`
  const space = await openSpace({ name: 'acme', user: { id: 'ann' }, entities: [Note], store: indexedDbStore({ databaseName }) })
  onTestFinished(async () => {
    await space.close()
    indexedDB.deleteDatabase(database)
  })
  await expect(importYIndexeddb(space, { database, entity: Note, id: 'a/b' })).rejects.toMatchObject({ code: 'protocol/name' })
  expect(await importYIndexeddb(space, { database, entity: Note, id: 'roof' })).toMatchObject({ isComplete: true })
  const note = await space.open(Note, 'roof')
  expect([note.value.title, note.shared.body.toString()]).toEqual(['Roof', 'Tiles are loose'])
  const query = space.query(Note)
  await expect.poll(() => query.rows.map((row) => row.value.title)).toEqual(['Roof'])
  await note.set({ title: 'Roof, north side' }).saved
  await importYIndexeddb(space, { database, entity: Note, id: 'roof' })
  expect(note.value.title).toBe('Roof, north side')
})
