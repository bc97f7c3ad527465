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
  take(change: Uint8Array): void
  state(): Uint8Array
}

export interface Contender {
  readonly name: string
  open(state: Uint8Array | null, writer: number): Writer
  /** Loads a state and reads the field. */
  load(state: Uint8Array): unknown
}

const yjsDoc = (state: Uint8Array | null): Y.Doc => {
  const doc = new Y.Doc({ guid: 'bench' })
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
    take: (change) => Y.applyUpdate(doc, change, 'remote'),
    state: () => Y.encodeStateAsUpdate(doc),
  }
}

/** The value with what an honest comparison needs beside it: who set it, and when. */
export const plainMap: Contender = {
  name: 'Y.Map',
  open: (state, writer) => {
    const doc = yjsDoc(state)
    const map = doc.getMap('fields')
    return yjsWriter(doc, (value) => void map.set('severity', { v: value, by: `user${writer}`, t: Date.now() }))
  },
  load: (state) => yjsDoc(state).getMap('fields').get('severity'),
}

export const criticalField: Contender = {
  name: 'critical',
  open: (state, writer) => {
    const doc = yjsDoc(state)
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
        take: (change) => {
          ;[doc] = A.applyChanges(doc, [change])
        },
        state: () => A.save(doc),
      }
    },
    load: (state) => A.load<Fields>(state).severity,
  }
}

/** `writers` take turns, each taking the other's changes first; with `sessions` each turn begins from a stored state. */
export function measure(contender: Contender, sets: number, writers: number, sessions = 0): Cost {
  const turns = sessions > 0 ? sessions : writers
  const open: Writer[] = sessions > 0 ? [] : Array.from({ length: writers }, (_, index) => contender.open(null, index))
  let wireBytes = 0
  let setMs = 0
  let state: Uint8Array | null = null
  for (let n = 0; n < sets; n++) {
    const turn = sessions > 0 ? Math.floor((n * sessions) / sets) : n % turns
    if (sessions > 0 && open[turn] === undefined) {
      state = open[turn - 1]?.state() ?? null
      open[turn] = contender.open(state, turn % 10)
    }
    const writer = open[turn] as Writer
    const start = cpuMs()
    writer.set(fieldValue(n), n)
    setMs += cpuMs() - start
    const change = writer.change()
    wireBytes += change.byteLength
    if (sessions === 0) for (const other of open) if (other !== writer) other.take(change)
  }
  const rest = (open.at(-1) as Writer).state()
  return {
    wireBytesPerSet: wireBytes / sets,
    restBytes: rest.byteLength,
    setsPerSecond: (sets / setMs) * 1000,
    loadMs: loadTime(contender, rest),
  }
}

/** The time that this thread has had of a processor: what else runs on the machine does not count. */
function cpuMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}

function loadTime(contender: Contender, state: Uint8Array): number {
  const times = Array.from({ length: 21 }, () => {
    const start = cpuMs()
    contender.load(state)
    return cpuMs() - start
  })
  return times.sort((a, b) => a - b)[10] as number
}

const line = (what: string, { wireBytesPerSet, restBytes, setsPerSecond, loadMs }: Cost): string =>
  `${what.padEnd(34)} ${wireBytesPerSet.toFixed(1).padStart(8)} B/set ${String(restBytes).padStart(8)} B at rest ${Math.round(setsPerSecond).toString().padStart(7)} sets/s ${loadMs.toFixed(2).padStart(7)} ms load`

async function main(sets: number): Promise<void> {
  const contenders = [plainMap, criticalField, await automerge()]
  const shapes = [
    { name: '1 writer', writers: 1 },
    { name: '10 writers', writers: 10 },
    { name: '100 writers', writers: 100, share: 0.1 },
    { name: '1,000 sessions', writers: 1, sessions: 1_000 },
  ]
  for (const { name, writers, sessions = 0, share = 1 } of shapes) {
    const costs = contenders.map((contender) => ({
      contender,
      cost: measure(contender, Math.max(sessions, sets * share), writers, sessions),
    }))
    for (const { contender, cost } of costs) console.log(line(`${name}, ${contender.name}`, cost))
    const [map, field] = costs.map(({ cost }) => cost) as [Cost, Cost]
    const wire = field.wireBytesPerSet / map.wireBytesPerSet
    console.log(
      `  critical / Y.Map: wire ${wire.toFixed(2)}, rest ${(field.restBytes / map.restBytes).toFixed(2)}, speed ${(field.setsPerSecond / map.setsPerSecond).toFixed(2)}`,
    )
  }
}

if (import.meta.main) await main(Number(process.argv[2] ?? 10_000))
