/** The page of the local-database bench: runs one measurement at a time, on one contender, when the runner asks. */
import { indexedDbStore } from '@tidemark/client'
import { deviceKey } from '@tidemark/client/encryption'
import type * as Y from 'yjs'
import { createBare } from './bare.ts'
import { bodyOf, type Contender, type Writing } from './contender.ts'
import { idOf, seedDocuments } from './note.ts'
import { createTidemark } from './tidemark.ts'
import { createYIndexeddb } from './y-indexeddb.ts'

/** By the name that the runner and the report use. Another way to keep Tidemark's data is one more line. */
const contenders: Readonly<Record<string, () => Contender>> = {
  bare: createBare,
  tidemark: () => createTidemark({ store: () => indexedDbStore() }),
  'tidemark-strict': () => createTidemark({ store: () => indexedDbStore({ durability: 'strict' }) }),
  'tidemark-sealed': () => createTidemark({ store: () => indexedDbStore({ encryption: deviceKey() }) }),
  'y-indexeddb': createYIndexeddb,
}

/** Each gives milliseconds, unless it says otherwise. */
const measurements = {
  async fill(contender: Contender, documents: number) {
    return await timed(() => contender.fill(seedDocuments(documents)))
  },
  async list(contender: Contender, documents: number) {
    let rows: readonly unknown[] | null = null
    const ms = await timed(async () => {
      rows = await contender.list()
    })
    keep(rows)
    if (rows !== null && (rows as unknown[]).length !== documents) throw new Error(`${(rows as unknown[]).length} rows`)
    return rows === null ? null : ms
  },
  async openAll(contender: Contender, documents: number) {
    const ids = Array.from({ length: documents }, (_, n) => idOf(n))
    let characters = 0
    const ms = await timed(async () => {
      const opened = await contender.openAll(ids)
      characters = opened.characters
      keep(opened)
    })
    if (characters < documents * 400) throw new Error(`only ${characters} characters`)
    return ms
  },
  /** From nothing open to one edit of one document in the database. */
  async firstEdit(contender: Contender, documents: number) {
    return await timed(async () => {
      const { doc, durable } = await contender.write(idOf(Math.floor(documents / 2)))
      type(doc, 'x')
      await durable()
    })
  },
  /** Median and 95th percentile of one edit at a time. */
  async latency(contender: Contender, edits: number) {
    const { doc, durable } = await contender.write(idOf(1))
    const times: number[] = []
    for (let i = 0; i < edits; i++) {
      times.push(
        await timed(async () => {
          type(doc, 'x')
          await durable()
        }),
      )
    }
    times.sort((a, b) => a - b)
    return { medianMs: times[Math.floor(edits / 2)], p95Ms: times[Math.floor(edits * 0.95)] }
  },
  /** So many edits as fast as they can be typed, one after the other over `documents`. */
  async burst(contender: Contender, edits: number, documents: number) {
    const writings = await contender.writeMany(Array.from({ length: documents }, (_, n) => idOf(n)))
    return await timed(async () => {
      for (let i = 0; i < edits; i++) type((writings[i % documents] as Writing).doc, 'x')
      for (const { durable } of writings) await durable()
    })
  },
  async putLarge(contender: Contender, state: string, updates: readonly string[]) {
    return await timed(() => contender.putLarge('large', fromBase64(state), updates.map(fromBase64)))
  },
  async openLarge(contender: Contender, characters: number) {
    return await timed(async () => {
      const { doc } = await contender.write('large')
      keep(doc)
      if (bodyOf(doc).length !== characters) throw new Error(`${bodyOf(doc).length} characters`)
    })
  },
}

export type Measurement = keyof typeof measurements

const type = (doc: Y.Doc, letter: string): void => bodyOf(doc).insert(bodyOf(doc).length, letter)

const fromBase64 = (text: string): Uint8Array => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))

async function timed(run: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now()
  await run()
  return performance.now() - startMs
}

const kept: unknown[] = []
const keep = (value: unknown): void => void kept.push(value)

const scope = globalThis as unknown as {
  measure: (contender: string, measurement: Measurement, ...parameters: never[]) => Promise<unknown>
}
scope.measure = async (contender, measurement, ...parameters) => {
  const create = contenders[contender]
  if (create === undefined) throw new Error(`no contender ${contender}`)
  return await (measurements[measurement] as (contender: Contender, ...rest: never[]) => Promise<unknown>)(create(), ...parameters)
}
