import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { z } from 'zod'
import { type AttachedEntity, createStampClock, defineEntity, type Entry, entriesName, latest, limits } from '../src/index.ts'
import { newDoc, testClock } from './notation.ts'

const Pair = defineEntity('pair', { version: 1, fields: { a: latest(z.number().optional()), b: latest(z.number().optional()) } })
type Fields = (typeof Pair)['fields']

type Step =
  | { readonly type: 'set'; readonly at: number; readonly field: 'a' | 'b' }
  | { readonly type: 'deliver'; readonly to: number; readonly pick: number }
  | { readonly type: 'sync'; readonly from: number; readonly to: number }
  | { readonly type: 'restart'; readonly at: number }

const replicaCount = 4
const replica = fc.nat(replicaCount - 1)
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ type: fc.constant('set' as const), at: replica, field: fc.constantFrom('a' as const, 'b' as const) }),
  },
  { weight: 6, arbitrary: fc.record({ type: fc.constant('deliver' as const), to: replica, pick: fc.nat(1_000) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('sync' as const), from: replica, to: replica }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('restart' as const), at: replica }) },
)

/** What one replica has set, and which sets it had integrated when it did: the order that the register must respect. */
interface Write {
  readonly id: number
  readonly field: 'a' | 'b'
  readonly after: ReadonlySet<number>
}

/** Replicas with wrong clocks, and every update that was ever made, delivered one by one in any order, also twice. */
class World {
  readonly docs: Y.Doc[] = []
  readonly entities: AttachedEntity<Fields>[] = []
  readonly updates: Uint8Array[] = []
  readonly writes: Write[] = []
  readonly clocks = [0, 300_000, 86_400_000, -86_400_000].map((skewMs) => testClock(skewMs))
  readonly shown = new Set<string>()

  constructor() {
    for (let at = 0; at < replicaCount; at++) this.#start(at, null)
  }

  #start(at: number, state: Uint8Array | null): void {
    const doc = newDoc()
    if (state !== null) Y.applyUpdate(doc, state)
    doc.on('update', (update: Uint8Array, origin: unknown) => void (origin !== 'remote' && this.updates.push(update)))
    this.docs[at] = doc
    this.entities[at] = Pair.attach(doc, { user: `user${at}`, stamps: createStampClock(this.clocks[at] as { now: () => number }) })
  }

  run(steps: readonly Step[]): void {
    for (const one of steps) {
      for (const clock of this.clocks) clock.advance(1)
      this.#step(one)
      this.#nothingBlank()
    }
  }

  #step(one: Step): void {
    if (one.type === 'set') this.#set(one.at, one.field)
    else if (one.type === 'deliver' && this.updates.length > 0) {
      Y.applyUpdate(this.docs[one.to] as Y.Doc, this.updates[one.pick % this.updates.length] as Uint8Array, 'remote')
    } else if (one.type === 'sync') this.sync(one.from, one.to)
    else if (one.type === 'restart') {
      this.entities[one.at]?.close()
      for (const field of ['a', 'b']) this.shown.delete(`${one.at}${field}`)
      this.#start(one.at, Y.encodeStateAsUpdate(this.docs[one.at] as Y.Doc))
    }
  }

  #set(at: number, field: 'a' | 'b'): void {
    const doc = this.docs[at] as Y.Doc
    const clock = Y.getState(doc.store, doc.clientID)
    const id = this.writes.length
    this.writes.push({ id, field, after: this.#integrated(doc) })
    this.#dots.push([doc.clientID, clock])
    this.entities[at]?.set({ [field]: id })
    expect(this.entities[at]?.value[field], 'an own later write is never hidden').toBe(id)
    const own = (doc.getArray(entriesName).toArray() as Entry[]).find((entry) => entry.v === id)
    expect(own?.i, 'an entry names its own struct').toEqual([doc.clientID, clock])
  }

  readonly #dots: [number, number][] = []

  #integrated(doc: Y.Doc): ReadonlySet<number> {
    return new Set(this.#dots.flatMap(([client, clock], id) => (Y.getState(doc.store, client) > clock ? [id] : [])))
  }

  sync(from: number, to: number): void {
    Y.applyUpdate(this.docs[to] as Y.Doc, Y.encodeStateAsUpdate(this.docs[from] as Y.Doc), 'remote')
  }

  #nothingBlank(): void {
    for (const [at, { value }] of this.entities.entries()) {
      for (const field of ['a', 'b'] as const) {
        if (value[field] !== undefined) this.shown.add(`${at}${field}`)
        else expect(this.shown.has(`${at}${field}`), 'nothing goes blank').toBe(false)
      }
    }
  }

  heal(): void {
    for (let round = 0; round < 2; round++) {
      for (let from = 0; from < replicaCount; from++) for (let to = 0; to < replicaCount; to++) this.sync(from, to)
    }
  }

  /** Writes of a field that no other write of it had seen. */
  maximal(field: 'a' | 'b'): number[] {
    const writes = this.writes.filter((write) => write.field === field)
    return writes.filter((write) => !writes.some((other) => other.after.has(write.id))).map((write) => write.id)
  }
}

const steps = (maxLength: number): fc.Arbitrary<Step[]> => fc.array(step, { minLength: 1, maxLength, size: 'max' })

function check(script: readonly Step[]): void {
  const world = new World()
  world.run(script)
  world.heal()
  const [first, ...others] = world.entities
  const reloaded = newDoc()
  Y.applyUpdate(reloaded, Y.encodeStateAsUpdate(world.docs[0] as Y.Doc))
  for (const entity of [...others, Pair.attach(reloaded)]) {
    expect(entity.syncing).toBe(false)
    expect(entity.value).toEqual(first?.value)
  }
  for (const field of ['a', 'b'] as const) {
    const maximal = world.maximal(field)
    if (maximal.length === 0) expect(first?.value[field]).toBeUndefined()
    else expect(maximal, 'the winner is a write that no other had seen').toContain(first?.value[field])
  }
}

describe('[P3] replicas of an entity', () => {
  test('converge to a write that nobody had seen, with wrong clocks, reordering and duplicates', () => {
    fc.assert(fc.property(steps(60), check), { numRuns: 250 })
  })

  test('still do so over long runs that prune on the way', () => {
    fc.assert(fc.property(fc.array(step, { minLength: 200, maxLength: 400, size: 'max' }), check), { numRuns: 25 })
  })

  test('agree on the greater stamp between two writes that did not know of each other', () => {
    const world = new World()
    world.run([
      { type: 'set', at: 1, field: 'a' },
      { type: 'set', at: 0, field: 'a' },
    ])
    world.heal()
    expect(world.entities.map((entity) => entity.value.a)).toEqual([0, 0, 0, 0])
  })

  test('never let a clock that runs a day fast beat a write that had seen its own', () => {
    const world = new World()
    world.run([
      { type: 'set', at: 2, field: 'a' },
      { type: 'sync', from: 2, to: 3 },
      { type: 'set', at: 3, field: 'a' },
    ])
    world.heal()
    expect(world.entities.map((entity) => entity.value.a)).toEqual([1, 1, 1, 1])
  })
})

describe('prune', () => {
  test('[P8] keeps a field that was set ten thousand times small', () => {
    const doc = newDoc()
    const entity = Pair.attach(doc)
    for (let n = 0; n < 10_000; n++) entity.set({ a: n })
    expect(doc.getArray(entriesName).length).toBeLessThanOrEqual(2 * limits.keptEntries)
    expect(Y.encodeStateAsUpdate(doc).byteLength).toBeLessThan(4_000)
    expect(entity.value.a).toBe(9_999)
  })

  test('removes nothing while the document waits for structs', () => {
    const writer = newDoc()
    const updates: Uint8Array[] = []
    writer.on('update', (update: Uint8Array) => void updates.push(update))
    const source = Pair.attach(writer)
    source.set({ b: 1 })
    source.set({ b: 2 })
    const doc = newDoc()
    const entity = Pair.attach(doc)
    Y.applyUpdate(doc, updates[1] as Uint8Array)
    expect(entity.syncing).toBe(true)
    for (let n = 0; n < 100; n++) entity.set({ a: n })
    expect(doc.getArray(entriesName).length).toBe(100)
    Y.applyUpdate(doc, updates[0] as Uint8Array)
    entity.set({ a: 100 })
    expect(doc.getArray(entriesName).length).toBeLessThan(2 * limits.keptEntries)
    expect(entity.value).toEqual({ a: 100, b: 2 })
  })
})
