/** The tab that is killed: writes tokens into documents as fast as it can, and says which of them are saved. */
import { defineEntity, type Entity, indexedDbStore, latest, openSpace, type Space, text } from '@tidemark/client'
import { z } from 'zod'

const Note = defineEntity('note', { version: 1, fields: { title: latest(z.string()), body: text() } })

type Durability = 'relaxed' | 'strict'

const open = (durability: Durability): Promise<Space> =>
  openSpace({ name: 'kill', user: { id: 'ann' }, entities: [Note], store: indexedDbStore({ durability, databaseName: durability }) })

/** The documents of one generation: made where they are not there yet. */
async function openNotes(space: Space, documents: number, generation: number): Promise<Entity<(typeof Note)['fields']>[]> {
  const query = space.query(Note, { includeDeleted: true })
  await query.loaded
  const ids = new Set(query.rows.map(({ id }) => id))
  const all = Array.from({ length: documents }, (_, n) => `n${generation}-${n}`)
  return await Promise.all(
    all.map((id) =>
      space
        .open(Note, id)
        .catch(() =>
          ids.has(id) ? Promise.reject(new Error(`${id} is listed but not there`)) : space.create(Note, { title: id }, { id }),
        ),
    ),
  )
}

const scope = globalThis as unknown as {
  /** Every token that the database has in the documents of these generations. */
  tokens(durability: Durability, documents: number, generations: readonly number[]): Promise<string[]>
  /** Writes until it is killed. */
  burst(durability: Durability, documents: number, generation: number, round: number): Promise<void>
  saved(tokens: readonly string[]): void
}

scope.tokens = async (durability, documents, generations) => {
  const space = await open(durability)
  const tokens: string[] = []
  for (const generation of generations) {
    const notes = await openNotes(space, documents, generation)
    tokens.push(...notes.flatMap((note) => note.shared.body.toString().match(/<[^>]*>/g) ?? []))
    for (const note of notes) note.close()
  }
  const { kind, quarantined, problem } = space.status.get().storage
  if (kind !== 'indexeddb' || quarantined > 0 || problem !== null)
    throw new Error(`the database is ${kind}, ${quarantined} quarantined, ${problem}`)
  await space.close()
  return tokens
}

scope.burst = async (durability, documents, generation, round) => {
  const notes = await openNotes(await open(durability), documents, generation)
  let told: string[] = []
  for (let n = 0; ; n++) {
    const note = notes[n % documents] as (typeof notes)[number]
    const token = `<${round}.${n}>`
    const { saved } = note.write(() => note.shared.body.insert(note.shared.body.length, token))
    void saved.then(() => {
      // Told at once, many together: what was not told when the tab died is not asked for.
      if (told.push(token) > 1) return
      queueMicrotask(() => {
        scope.saved(told)
        told = []
      })
    })
    if (n % 50 === 49) await new Promise((resolve) => setTimeout(resolve))
  }
}
