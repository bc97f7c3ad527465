/** Tidemark: a space without a relay, its database opened as an app would. */
import { openSpace, type Space } from '@tidemark/client'
import type { Batch, OpenStore } from '@tidemark/store'
import { bodyOf, type Contender, type SeedDocument, type Writing } from './contender.ts'
import { Note } from './note.ts'

const where = { space: 'bench', user: 'ann' }
const nameOf = (id: string): string => `note/${id}`
/** Documents in one commit while filling, as a catch-up would bring them. */
const together = 500

export interface TidemarkOptions {
  /** Makes the store, as the app does: durability, encryption. */
  readonly store: () => OpenStore
}

export function createTidemark({ store }: TidemarkOptions): Contender {
  const open = (): Promise<Space> => openSpace({ name: where.space, user: { id: where.user }, entities: [Note], store: store() })
  const write = async (space: Space, id: string): Promise<Writing> => {
    const note = await space.open(Note, id)
    return {
      doc: note.doc,
      durable: async () => {
        while (space.status.get().saving) await changeOf(space)
      },
    }
  }
  return {
    async fill(documents) {
      const filled = await store()(where)
      for (let i = 0; i < documents.length; i += together) await filled.commit(batchOf(documents.slice(i, i + together), i))
      // What the leading tab does when nobody waits: rows of a sealed database go into pages.
      while ((await filled.tidy?.()) === true);
      await filled.close()
    },
    async list() {
      const space = await open()
      const query = space.query(Note)
      await query.loaded
      return query.rows
    },
    async openAll(ids) {
      const space = await open()
      const notes = await Promise.all(ids.map((id) => space.open(Note, id)))
      const characters = notes.reduce((sum, { doc }) => sum + bodyOf(doc).length, 0)
      return { characters, kept: [space, notes] }
    },
    write: async (id) => write(await open(), id),
    async writeMany(ids) {
      const space = await open()
      return await Promise.all(ids.map((id) => write(space, id)))
    },
    async putLarge(id, state, updates) {
      const filled = await store()(where)
      const name = nameOf(id)
      const typed = updates.map((bytes, i) => ({ name, writer: 'large', n: i + 1, bytes, origin: 'remote' as const }))
      const { compactState } = await import('@tidemark/updates')
      await filled.commit({ snapshots: [{ name, ...compactState(null, [state]), follows: 0, replaces: [] }] })
      for (const update of typed) await filled.commit({ updates: [update] })
      await filled.commit({ rows: [{ type: 'note', id, name, value: {}, reflects: typed.length }] })
      await filled.close()
    },
  }
}

function batchOf(documents: readonly SeedDocument[], from: number): Batch {
  return {
    updates: documents.map(({ id, update }, i) => ({ name: nameOf(id), writer: 'fill', n: from + i + 1, bytes: update, origin: 'remote' })),
    rows: documents.map(({ id, row }) => ({ type: 'note', id, name: nameOf(id), value: row as never, reflects: 0 })),
    docs: documents.map(({ id }, i) => ({ name: nameOf(id), lastSeq: from + i + 1 })),
  }
}

const changeOf = (space: Space): Promise<void> =>
  new Promise((resolve) => {
    const stop = space.status.subscribe(() => {
      stop()
      resolve()
    })
  })
