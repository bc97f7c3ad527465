/**
 * What a critical field costs, beside a native `Y.Map` and Automerge: `node apps/bench/src/fields.ts [sets]`.
 *
 * Bytes a set on the wire (one update each), bytes at rest, sets a second, and milliseconds to load and read; after that
 * many sets by 1, 10 and 100 writers who take turns, and by 1,000 sessions one after the other.
 */
import { critical, defineEntity, type Edit } from '@tidemark/schema'
import * as Y from 'yjs'
import { z } from 'zod'

const Report = defineEntity('report', { version: 1, fields: { severity: critical(z.string().optional()) } })

/** A value of about ten characters, as all contenders get it. */
export const fieldValue = (n: number): string => `value-${String(n).padStart(5, '0')}`

export interface Cost {
  readonly wireBytesPerSet: number
  readonly restBytes: number
  readonly setsPerSecond: number
  readonly loadMs: number
}

/** One document of one writer. */
export interface Writer {
  set(value: string, n: number): void
  /** What the last set sends. */
  change(): Uint8Array
  /** Takes what others sent, in order. */
  take(changes: readonly Uint8Array[]): void
  state(): Uint8Array
}

export interface Contender {
  readonly name: string
  open(state: Uint8Array | null, writer: number): Writer
  /** Loads a state and reads the field. */
  load(state: Uint8Array): unknown
}

/** Who only reads. */
const reader = -1

/** A document of the given writer, whose client id is as long as any, and the same for every contender. */
const yjsDoc = (state: Uint8Array | null, writer = reader): Y.Doc => {
  const doc = new Y.Doc({ guid: 'bench' })
  doc.clientID = 0x50000000 + (Math.imul(writer + 1, 0x9e3779b1) % 0x10000000)
  if (state !== null) Y.applyUpdate(doc, state)
  return doc
}

function yjsWriter(doc: Y.Doc, set: Writer['set']): Writer {
  let last: Uint8Array = new Uint8Array()
  doc.on('update', (update: Uint8Array, origin: unknown) => {
    if (origin !== 'remote') last = update
  })
  return {
    set,
    change: () => last,
    take: (changes) => {
      const apply = (): void => {
        for (const change of changes) Y.applyUpdate(doc, change, 'remote')
      }
      Y.transact(doc, apply, 'remote', false)
    },
    state: () => Y.encodeStateAsUpdate(doc),
  }
}

/** The value with what an honest comparison needs beside it: who set it, and when. */
export const plainMap: Contender = {
  name: 'Y.Map',
  open: (state, writer) => {
    const doc = yjsDoc(state, writer)
    const map = doc.getMap('fields')
    return yjsWriter(doc, (value) => void map.set('severity', { v: value, by: `user${writer}`, t: Date.now() }))
  },
  load: (state) => yjsDoc(state).getMap('fields').get('severity'),
}

export const criticalField: Contender = {
  name: 'critical',
  open: (state, writer) => {
    const doc = yjsDoc(state, writer)
    const entity = Report.attach(doc, { user: `user${writer}` })
    return yjsWriter(doc, (value) => {
      const edit: Edit<(typeof Report)['fields']> = entity.edit()
      edit.set({ severity: value })
    })
  },
  load: (state) => {
    const doc = yjsDoc(state)
    const entity = Report.attach(doc)
    const { value } = entity
    entity.close()
    return value.severity
  },
}

async function automerge(): Promise<Contender> {
  const A = await import('@automerge/automerge')
  interface Fields extends Record<string, unknown> {
    severity?: { v: string; by: string; t: number }
  }
  return {
    name: 'Automerge',
    open: (state, writer) => {
      let doc = state === null ? A.init<Fields>() : A.load<Fields>(state)
      return {
        set: (value) => {
          doc = A.change(doc, (fields) => {
            fields.severity = { v: value, by: `user${writer}`, t: Date.now() }
          })
        },
        change: () => A.getLastLocalChange(doc) ?? new Uint8Array(),
        take: (changes) => {
          ;[doc] = A.applyChanges(doc, [...changes])
        },
        state: () => A.save(doc),
      }
    },
    load: (state) => A.load<Fields>(state).severity,
  }
}

/** `writers` take turns, each taking the others' changes first; with `sessions` each turn begins from a stored state. */
export function measure(contender: Contender, sets: number, writers: number, sessions = 0): Cost {
  const open: Writer[] = sessions > 0 ? [] : Array.from({ length: writers }, (_, index) => contender.open(null, index))
  const sent: Uint8Array[] = []
  const taken = open.map(() => 0)
  const timesMs: number[] = []
  for (let n = 0; n < sets; n++) {
    const turn = sessions > 0 ? Math.floor((n * sessions) / sets) : n % writers
    if (sessions > 0 && open[turn] === undefined) open[turn] = contender.open(open[turn - 1]?.state() ?? null, turn)
    const writer = open[turn] as Writer
    // All but its own last change.
    if (sessions === 0 && writers > 1) writer.take(sent.slice(taken[turn]))
    const startMs = performance.now()
    writer.set(fieldValue(n), n)
    timesMs.push(performance.now() - startMs)
    sent.push(writer.change())
    taken[turn] = n + 1
  }
  const rest = (open.at(-1) as Writer).state()
  return {
    wireBytesPerSet: sent.reduce((sum, change) => sum + change.byteLength, 0) / sets,
    restBytes: rest.byteLength,
    setsPerSecond: 1000 / typicalMs(timesMs),
    loadMs: loadTime(contender, rest),
  }
}

/** The mean without the slowest of fifty: in those something else had the processor. */
function typicalMs(timesMs: readonly number[]): number {
  const counted = timesMs.toSorted((a, b) => a - b).slice(0, Math.ceil(timesMs.length * 0.98))
  return counted.reduce((sum, ms) => sum + ms, 0) / counted.length
}

/** The median of many loads. */
function loadTime(contender: Contender, state: Uint8Array): number {
  const times = Array.from({ length: 41 }, () => {
    const startMs = performance.now()
    contender.load(state)
    return performance.now() - startMs
  })
  return times.sort((a, b) => a - b)[20] as number
}

const line = (what: string, { wireBytesPerSet, restBytes, setsPerSecond, loadMs }: Cost): string =>
  `${what.padEnd(34)} ${wireBytesPerSet.toFixed(1).padStart(8)} B/set ${String(restBytes).padStart(8)} B at rest ${Math.round(setsPerSecond).toString().padStart(7)} sets/s ${loadMs.toFixed(2).padStart(7)} ms load`

/** Automerge gets a tenth of the sets and sessions: all of them would take it most of an hour. */
const automergeShare = 0.1

async function main(sets: number): Promise<void> {
  const contenders = [plainMap, criticalField, await automerge()]
  const shapes = [
    { name: '1 writer', writers: 1 },
    { name: '10 writers', writers: 10 },
    { name: '100 writers', writers: 100 },
    { name: '1,000 sessions', writers: 1, sessions: 1_000 },
  ]
  // What a program does first is slow; that is not what is compared.
  for (const contender of contenders.slice(0, 2)) measure(contender, 3_000, 10)
  for (const { name, writers, sessions = 0 } of shapes) {
    const costs = contenders.map((contender) => {
      const share = contender.name === 'Automerge' ? automergeShare : 1
      const cost = measure(contender, Math.max(sessions, sets) * share, writers, sessions * share)
      console.log(line(`${name}, ${contender.name}`, cost))
      return cost
    })
    const [map, field] = costs as [Cost, Cost, Cost]
    const wire = field.wireBytesPerSet / map.wireBytesPerSet
    console.log(
      `  critical / Y.Map: wire ${wire.toFixed(2)}, rest ${(field.restBytes / map.restBytes).toFixed(2)}, speed ${(field.setsPerSecond / map.setsPerSecond).toFixed(2)}, load ${(field.loadMs / map.loadMs).toFixed(2)}`,
    )
  }
}

if (import.meta.main) await main(Number(process.argv[2] ?? 10_000))
