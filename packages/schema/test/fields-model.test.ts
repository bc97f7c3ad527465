/**
 * Sets, counters, lists, merged and arbitrated fields against a reference model: random histories of three replicas with
 * wrong clocks, every update delivered by itself, in any order, also twice, and replicas that start again.
 * `TIDEMARK_MODEL_RUNS=50000 npx vitest run --project node packages/schema/test/fields-model.test.ts` runs as many.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { z } from 'zod'
import {
  type Arbiter,
  type AttachedEntity,
  arbitrated,
  counter,
  defineEntity,
  type Entry,
  entriesName,
  list,
  merged,
  setOf,
} from '../src/index.ts'
import * as model from './model/fields.ts'
import { newDoc, testClock } from './notation.ts'

const Sheet = defineEntity('sheet', {
  version: 1,
  fields: {
    tags: setOf(z.string()),
    visits: counter(),
    steps: list(z.string()),
    reading: merged(z.string().optional(), (base, values) => model.fold(base, values as string[])),
    seat: arbitrated(z.string()),
  },
})

const word = fc.constantFrom('a', 'b')
const at = fc.nat(2)
const pick = fc.nat(1_000)
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ type: fc.constantFrom('tag', 'untag', 'read', 'propose'), at, word }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('count'), at, amount: fc.integer({ min: -5, max: 5 }).filter((n) => n !== 0) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constantFrom('insert', 'delete'), at, pick }) },
  { weight: 6, arbitrary: fc.record({ type: fc.constant('deliver'), at, pick }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constantFrom('sync', 'copy', 'arbitrate'), at, pick }) },
)
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

interface Place {
  readonly doc: Y.Doc
  readonly entity: AttachedEntity<(typeof Sheet)['fields']>
  readonly delivered: Set<model.FieldOp>
}

class World {
  readonly #clocks = [testClock(), testClock(86_400_000), testClock(-86_400_000)]
  readonly #places: Place[] = []
  readonly #updates: { readonly bytes: Uint8Array; readonly op: model.FieldOp | null }[] = []
  /** What each set of delivered ops reads as: the same wherever it is read. */
  readonly #reads = new Map<string, string>()
  readonly #judged = new Map<string, boolean>()
  #op: model.FieldOp | null = null
  #ops = 0

  constructor() {
    for (let index = 0; index < 3; index++) this.#start(index, null, new Set())
  }

  #start(index: number, state: Uint8Array | null, delivered: Set<model.FieldOp>): void {
    this.#places[index]?.entity.close()
    const doc = newDoc()
    if (state !== null) Y.applyUpdate(doc, state, 'remote')
    doc.on('update', (bytes: Uint8Array, origin: unknown) => void (origin !== 'remote' && this.#updates.push({ bytes, op: this.#op })))
    const entity = Sheet.attach(doc, { user: `user${index}`, clock: this.#clocks[index] as { now: () => number } })
    this.#places[index] = { doc, entity, delivered: new Set(delivered) }
  }

  run(steps: readonly Step[]): void {
    for (const one of steps) {
      for (const clock of this.#clocks) clock.advance(1)
      this.#step(one)
      for (const place of this.#places) this.#check(place)
    }
  }

  #step(one: Step): void {
    const place = this.#places[one.at] as Place
    if ('word' in one) this.#word(place, one.type, one.word)
    else if ('amount' in one) this.#write(place, { field: 'visits', amount: one.amount }, () => place.entity.shared.visits.add(one.amount))
    else if (one.type === 'insert') this.#insert(place, one.pick)
    else if (one.type === 'delete') this.#delete(place, one.pick)
    else if (one.type === 'deliver') this.#deliver(place, one.pick)
    else if (one.type === 'arbitrate') this.arbitrate()
    else {
      // The arbiter starts again from what it stored; one that lost answers would judge twice.
      const from = (one.type === 'copy' && one.at === 0 ? place : this.#places[one.pick % 3]) as Place
      const state = Y.encodeStateAsUpdate(from.doc)
      if (one.type === 'copy') this.#start(one.at, state, from.delivered)
      else this.#take(place, state, from.delivered)
    }
  }

  #take({ doc, delivered }: Place, bytes: Uint8Array, ops: Iterable<model.FieldOp>): void {
    Y.applyUpdate(doc, bytes, 'remote')
    for (const op of ops) delivered.add(op)
  }

  #deliver(place: Place, number: number): void {
    const update = this.#updates[number % Math.max(1, this.#updates.length)]
    if (update !== undefined) this.#take(place, update.bytes, update.op === null ? [] : [update.op])
  }

  /** Runs one write as the op that `about` describes. */
  #write(place: Place, about: Partial<model.FieldOp> & Pick<model.FieldOp, 'field'>, write: () => void): void {
    const { doc, delivered, entity } = place
    if (entity.syncing) return
    const clock = Y.getState(doc.store, doc.clientID)
    const stamp: [number, number, number] = [0, doc.clientID, clock]
    const op = { id: this.#ops++, puts: [], drops: [], amount: 0, base: null, ...about, stamp }
    this.#op = op
    write()
    this.#op = null
    stamp[0] =
      doc
        .getArray<Entry>(entriesName)
        .toArray()
        .find(({ i }) => i[0] === doc.clientID && i[1] === clock)?.t ?? 0
    delivered.add(op)
  }

  #word(place: Place, type: 'tag' | 'untag' | 'read' | 'propose', value: string): void {
    const { entity, delivered } = place
    const name = `op${this.#ops}`
    const put = [{ name, value }]
    if (type === 'tag') {
      const drops = model.namesOf(delivered, 'tags', value)
      this.#write(place, { field: 'tags', puts: put, drops }, () => entity.shared.tags.add(value))
    } else if (type === 'untag') {
      this.#write(place, { field: 'tags', drops: model.namesOf(delivered, 'tags', value) }, () => entity.shared.tags.delete(value))
    } else if (type === 'propose') this.#write(place, { field: 'seat' }, () => entity.set({ seat: value }))
    else {
      const drops = model.namesOf(delivered, 'reading', null)
      this.#write(place, { field: 'reading', puts: put, drops, base: model.reading(delivered) }, () => entity.set({ reading: value }))
    }
  }

  #insert(place: Place, number: number): void {
    const { entity } = place
    if (entity.syncing) return
    const name = `item${this.#ops}`
    const before = entity.value.steps
    const index = number % (before.length + 1)
    this.#write(place, { field: 'steps', puts: [{ name, value: name }] }, () => entity.shared.steps.insert(index, [name]))
    expect(entity.value.steps).toEqual(before.toSpliced(index, 0, name))
  }

  #delete(place: Place, number: number): void {
    const { entity } = place
    const before = entity.value.steps
    if (entity.syncing || before.length === 0) return
    const index = number % before.length
    this.#write(place, { field: 'steps', drops: [before[index] as string] }, () => entity.shared.steps.delete(index))
    expect(entity.value.steps).toEqual(before.toSpliced(index, 1))
  }

  /** The one arbiter is at the first place; it lets each value be taken once. */
  arbitrate(): void {
    const { doc, entity } = this.#places[0] as Place
    if (entity.syncing) return
    const judge: Arbiter = ({ id, value, current }) => {
      expect(this.#judged.has(id), 'each intent is judged once').toBe(false)
      const accept = value !== current
      this.#judged.set(id, accept)
      return accept ? { accept } : { accept, reason: 'it is so already' }
    }
    Sheet.arbitrate(doc, judge, { user: 'relay' })
  }

  #check({ entity, delivered }: Place): void {
    if (entity.syncing) return
    const { tags, visits, steps, reading } = entity.value
    expect([...tags].sort(), 'an add wins over a removal that did not know of it').toEqual(model.tags(delivered))
    expect(visits, 'everything that was added counts once').toBe(model.visits(delivered))
    expect([...steps].sort(), 'every item stands once').toEqual(model.items(delivered))
    expect(reading ?? null, 'what stands side by side is folded').toBe(model.reading(delivered))
    this.#checkSame(
      [...delivered]
        .map(({ id }) => id)
        .sort((a, b) => a - b)
        .join(),
      JSON.stringify([tags, visits, steps, reading]),
    )
  }

  #checkSame(ops: string, read: string): void {
    expect(this.#reads.get(ops) ?? read, 'equal ops read equally').toBe(read)
    this.#reads.set(ops, read)
  }

  heal(): void {
    const all = (): void => {
      for (const place of this.#places) for (const { bytes, op } of this.#updates) this.#take(place, bytes, op === null ? [] : [op])
      for (const place of this.#places) expect(place.entity.syncing, 'nothing waits any more').toBe(false)
    }
    all()
    this.arbitrate()
    all()
    for (const place of this.#places) this.#check(place)
    const seats = this.#places.map(({ entity }) => entity.value.seat)
    for (const seat of seats) expect(seat).toEqual(seats[0])
    expect(seats[0]?.proposed, 'every intent has its answer').toEqual([])
    this.#checkAnswers((this.#places[0] as Place).doc)
  }

  /** Each intent was answered once, or its author proposed something else before it was. */
  #checkAnswers(doc: Y.Doc): void {
    const entries = doc
      .getArray<Entry>(entriesName)
      .toArray()
      .filter(({ f }) => f === 'seat')
    const named = (kinds: readonly string[], i: readonly number[]): number =>
      entries.filter(({ k, o }) => kinds.includes(k) && o.some((dot) => dot.join() === i.join())).length
    expect(
      entries.filter(({ i, k }) => k === 'accept' && named(['accept'], i) === 0).length,
      'one accepted value holds',
    ).toBeLessThanOrEqual(1)
    for (const { i, k } of entries) {
      if (k !== 'propose') continue
      const answers = named(['accept', 'refuse'], i)
      expect(answers, 'no intent is answered twice').toBeLessThanOrEqual(1)
      expect(this.#judged.has(i.join('.'))).toBe(answers === 1)
      expect(answers + named(['propose'], i)).toBeGreaterThanOrEqual(1)
    }
  }
}

const total = Number(process.env.TIDEMARK_MODEL_RUNS ?? 0)

describe('[P3] fields in which nobody decides agree with the reference model', () => {
  test(
    'sets, counters, lists, merged and arbitrated fields',
    () => {
      fc.assert(
        fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
          const world = new World()
          world.run(steps)
          world.heal()
        }),
        total > 0 ? { numRuns: total } : { numRuns: 300, seed: 20_261_124 },
      )
    },
    total > 0 ? 3_600_000 : 30_000,
  )
})
