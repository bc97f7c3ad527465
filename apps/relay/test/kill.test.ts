import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, expect, test } from 'vitest'
import * as Y from 'yjs'
import { type Dialled, dial } from '../../../packages/relay/test/network.ts'
import { createReplicaState, type ReplicaState, type WireClient } from '../../../packages/relay/test/wire-client.ts'
import { type RelayProcess, startRelay } from './relay-process.ts'

const kills = 5
const writers = 4
const documents = ['note/a', 'note/b', 'note/c'] as const

const directory = mkdtempSync(join(tmpdir(), 'tidemark-kill-'))
let relay: RelayProcess | null = null

afterEach(async () => {
  await relay?.end('SIGKILL')
  rmSync(directory, { recursive: true })
})

/** A small seeded generator, so that a failing run can be repeated. */
function seeded(seed: number): (below: number) => number {
  let state = seed >>> 0
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return (state >>> 8) % below
  }
}

/** One that writes unique words and remembers which of them were acknowledged. */
class Writer {
  readonly acked = new Set<string>()
  readonly #docs = new Map(documents.map((name) => [name, new Y.Doc({ guid: name })]))
  readonly #name: string
  readonly #random: (below: number) => number
  readonly #state: ReplicaState = createReplicaState()
  #words = 0

  constructor(name: string, random: (below: number) => number) {
    this.#name = name
    this.#random = random
  }

  /** Writes until the connection breaks; `onAck` hears of each acknowledged push. */
  async write(url: string, onAck: () => void): Promise<void> {
    const client = dial(url, { state: this.#state })
    const waiting = new Map<number, string[]>()
    await client.welcomed().catch(() => undefined)
    // What was on its way when the relay died may be lost; the relay takes what it lacks.
    for (const [name, doc] of this.#docs) waiting.set(client.push(name, Y.encodeStateAsUpdate(doc)), wordsOf(doc))
    while (client.closedWith === null) {
      for (let burst = 1 + this.#random(4); burst > 0; burst--) this.#push(client, waiting)
      const last = client.pushed
      await client.until(() => client.isAcked(last) || client.refused.size > 0 || client.closedWith !== null)
      expect([...client.refused]).toEqual([])
      for (const [n, words] of waiting) {
        if (!client.isAcked(n)) continue
        for (const word of words) this.acked.add(word)
        waiting.delete(n)
        onAck()
      }
    }
  }

  #push(client: WireClient & Dialled, waiting: Map<number, string[]>): void {
    const name = documents[this.#random(documents.length)] as (typeof documents)[number]
    const doc = this.#docs.get(name) as Y.Doc
    const word = `${this.#name}${this.#words++}`
    const before = Y.encodeStateVector(doc)
    const list = doc.getArray<string>('t')
    list.insert(this.#random(list.length + 1), [word])
    waiting.set(client.push(name, Y.encodeStateAsUpdate(doc, before)), [word])
  }
}

const wordsOf = (doc: Y.Doc): string[] => doc.getArray<string>('t').toArray()

test('[P2] an acknowledged or shown update survives kill -9 at any moment, and the database opens', async () => {
  const random = seeded(20_260)
  const crew = Array.from({ length: writers }, (_, i) => new Writer(`w${i}-`, random))
  const seen = createReplicaState()
  const args = ['serve', '--port', '0', '--data', directory, '--allow-anonymous']
  for (let i = 0; i < kills; i++) {
    const current = await startRelay(args)
    relay = current
    const reader = dial(current.url, { state: seen })
    await reader.welcomed()
    // Enough for documents to be compacted under way.
    let left = 200 + random(500)
    let ended: Promise<unknown> | null = null
    const onAck = (): void => {
      if (--left <= 0) ended ??= current.end('SIGKILL')
    }
    await Promise.all(crew.map((writer) => writer.write(current.url, onAck)))
    await ended
    await reader.until(() => reader.closedWith !== null)
    relay = null
  }

  const database = new DatabaseSync(join(directory, 'relay.sqlite'))
  expect(database.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' })
  database.close()

  relay = await startRelay(args)
  const fresh = dial(relay.url)
  const { head } = await fresh.welcomed()
  await fresh.until(() => fresh.state.cursor?.seq === head)
  const kept = new Set(documents.flatMap((name) => wordsOf(fresh.doc(name))))
  const acked = crew.flatMap((writer) => [...writer.acked])
  expect(acked.length).toBeGreaterThan(kills * 200)
  expect(acked.filter((word) => !kept.has(word))).toEqual([])
  for (const [name, updates] of seen.documents) {
    const doc = new Y.Doc({ guid: name })
    for (const update of updates) Y.applyUpdate(doc, update)
    expect(wordsOf(doc).filter((word) => !kept.has(word))).toEqual([])
  }

  const back = dial(relay.url, { state: seen })
  await back.welcomed()
  // Nothing that was shown is lost, so nobody is rewound by a kill.
  expect(back.welcome?.common).toBe(seen.cursor?.seq)
  expect(await relay.end('SIGTERM')).toBe(0)
  relay = null
}, 60_000)
