/** The entity of the bench, and documents of about 1 KB of it. */
import { critical, defineEntity, latest, setOf, text } from '@tidemark/client'
import * as Y from 'yjs'
import { z } from 'zod'
import type { SeedDocument } from './contender.ts'

export const Note = defineEntity('note', {
  version: 1,
  fields: {
    title: latest(z.string()),
    severity: critical(z.enum(['low', 'high']).optional()),
    place: latest(z.string()),
    tags: setOf(z.string()),
    body: text(),
  },
})

const words = 'beam slab crack water north stair door rust level paint glass window third noted later again fixed open'.split(' ')

/** `count` documents, the same each time. */
export function seedDocuments(count: number): SeedDocument[] {
  return Array.from({ length: count }, (_, n) => {
    const id = idOf(n)
    const doc = new Y.Doc({ guid: `note/${id}` })
    doc.clientID = n + 1
    const word = (i: number): string => words[(n * 7 + i * 13 + ((n * i) % 5)) % words.length] as string
    Note.initialise(doc, { title: `${word(1)} ${word(2)} ${n}`, place: `${word(3)} ${word(4)}` }, { user: 'ann' })
    doc.getText('body').insert(0, Array.from({ length: 150 }, (_, i) => word(i)).join(' '))
    return { id, update: Y.encodeStateAsUpdate(doc), row: Note.row(doc) }
  })
}

export const idOf = (n: number): string => `n${String(n).padStart(6, '0')}`
