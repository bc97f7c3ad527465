import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defineEntity, latest, memoryStore, openSpace, type Space, text } from '@tidemark/client'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { z } from 'zod'
import { type RelayProcess, startRelayProcess } from '../src/relay-process.ts'

const Note = defineEntity('note', { version: 1, fields: { title: latest(z.string()), text: text() } })

let folder: string
let relay: RelayProcess
let space: Space
const providers: WebsocketProvider[] = []

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tidemark-stock-'))
  relay = await startRelayProcess(folder)
  space = await openSpace({ name: 'acme', user: { id: 'ann' }, entities: [Note], store: memoryStore(), relay: { url: relay.url } })
})

afterEach(async () => {
  for (const provider of providers.splice(0)) provider.destroy()
  await space.close()
  await relay.stop('SIGTERM')
  rmSync(folder, { recursive: true, force: true })
})

function stock(document: string): WebsocketProvider {
  const provider = new WebsocketProvider(`${relay.url}/acme`, document, new Y.Doc(), {
    WebSocketPolyfill: WebSocket as unknown as typeof globalThis.WebSocket,
    disableBc: true,
  })
  providers.push(provider)
  return provider
}

/** Resolves when `holds`, now or after an update of one of the documents. */
function until(docs: readonly Y.Doc[], holds: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (!holds()) return
      for (const doc of docs) doc.off('update', look)
      resolve()
    }
    for (const doc of docs) doc.on('update', look)
    look()
  })
}

test('[P9] two stock y-websocket clients and a Tidemark client edit one document and end equal', async () => {
  const note = await space.create(Note, { title: 'Shared', text: 'From Tidemark. ' }, { id: 'shared' })
  await note.created.confirmed
  const one = stock('note/shared')
  const two = stock('note/shared')
  const docs = [note.doc, one.doc, two.doc]
  const texts = (): string[] => docs.map((doc) => doc.getText('text').toString())
  await until(docs, () => texts().every((text) => text.includes('From Tidemark.')))

  one.doc.getText('text').insert(0, 'From the first. ')
  two.doc.getText('text').insert(0, 'From the second. ')
  note.shared.text.insert(0, 'Tidemark again. ')
  two.doc.getText('text').delete(two.doc.getText('text').length - 1, 1)
  await until(
    docs,
    () =>
      new Set(texts()).size === 1 && ['From the first.', 'From the second.', 'Tidemark again.'].every((part) => texts()[0]?.includes(part)),
  )

  one.disconnect()
  one.doc.getText('text').insert(0, 'Offline in the first. ')
  note.set({ title: 'Renamed meanwhile' })
  one.connect()
  await until(docs, () => new Set(texts()).size === 1 && texts()[0]?.includes('Offline in the first.') === true)
  await until(docs, () => docs.every((doc) => Note.row(doc).title === 'Renamed meanwhile'))
  expect(docs.map((doc) => Note.row(doc))).toEqual(Array(3).fill(Note.row(note.doc)))
})

test('[P9] a stock y-websocket client and a Tidemark client see who is in the document, and that they left', async () => {
  const note = await space.create(Note, { title: 'Shared' }, { id: 'shared' })
  await note.created.confirmed
  const provider = stock('note/shared')
  await until([provider.doc], () => Note.row(provider.doc).title === 'Shared')
  provider.awareness.setLocalStateField('name', 'Stock')
  note.awareness.setLocalStateField('name', 'Tidemark')
  const everybody = [note.awareness, provider.awareness]
  await Promise.all(everybody.map((awareness) => shows(awareness, ['Stock', 'Tidemark'])))
  provider.destroy()
  await shows(note.awareness, ['Tidemark'])
  const again = stock('note/shared')
  await shows(again.awareness, ['Tidemark'])
  note.close()
  await shows(again.awareness, [])
})

interface Shown {
  getStates(): ReadonlyMap<number, { readonly [part: string]: unknown }>
  on(event: 'change', listener: () => void): void
  off(event: 'change', listener: () => void): void
}

/** Resolves when exactly these are named. */
function shows(awareness: Shown, names: readonly string[]): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      const shown = [...awareness.getStates().values()].flatMap(({ name }) => (typeof name === 'string' ? [name] : []))
      if (shown.sort().join() !== names.join()) return
      awareness.off('change', look)
      resolve()
    }
    awareness.on('change', look)
    look()
  })
}
