/**
 * Replicas with wrong clocks that exchange what they please, each read compared with the reference model.
 *
 * Every update is kept, and delivered one by one in any order, also twice; replicas also take all that another has, start
 * again under a new client id, and begin as copies of one another.
 */
import { TidemarkError } from '@tidemark/base'
import fc from 'fast-check'
import { expect } from 'vitest'
import * as Y from 'yjs'
import { newDoc, testClock } from '../notation.ts'
import { History, type Op } from './history.ts'
import type { Look, Read, Replica, Subject } from './subject.ts'

export type Act =
  | { readonly type: 'look' | 'withdraw' | 'undo' | 'delete' | 'restore'; readonly at: number }
  | { readonly type: 'set'; readonly at: number; readonly value: string | null }
  | { readonly type: 'decide'; readonly at: number; readonly choice: number | string }

export type Move =
  | { readonly type: 'restart'; readonly at: number }
  | { readonly type: 'deliver'; readonly to: number; readonly pick: number }
  | { readonly type: 'sync'; readonly from: number; readonly to: number }
  | { readonly type: 'copy'; readonly from: number; readonly to: number }

export type Step = Act | Move

const skewsMs = [0, 300_000, 86_400_000, -86_400_000]

export function stepsOf(replicas: number, maxLength: number): fc.Arbitrary<Step[]> {
  const at = fc.nat(replicas - 1)
  const one = (weight: number, shape: Readonly<Record<string, fc.Arbitrary<unknown>>>) => ({
    weight,
    // reason: each shape below is that of a step; a generic over the union does not see it.
    arbitrary: fc.record(shape) as unknown as fc.Arbitrary<Step>,
  })
  const plain = (weight: number, type: string) => one(weight, { type: fc.constant(type), at })
  const value = fc.constantFrom('a', 'b', 'c', 'd', null)
  const pick = fc.nat(1_000)
  const step: fc.Arbitrary<Step> = fc.oneof(
    plain(4, 'look'),
    one(8, { type: fc.constant('set'), at, value }),
    one(4, {
      type: fc.constant('decide'),
      at,
      choice: fc.oneof(fc.nat(3), fc.constantFrom('a', 'e')),
    }),
    plain(2, 'withdraw'),
    plain(1, 'undo'),
    plain(1, 'delete'),
    plain(1, 'restore'),
    plain(1, 'restart'),
    one(10, { type: fc.constant('deliver'), to: at, pick }),
    one(4, { type: fc.constant('sync'), from: at, to: at }),
    one(1, { type: fc.constant('copy'), from: at, to: at }),
  )
  return fc.array(step, { minLength: 2, maxLength, size: 'max' })
}

interface Shown {
  readonly look: Look
  readonly heads: readonly Op[]
  /** Sets and withdrawals that were made on this look. */
  readonly sets: Set<number>
  /** The last of them. */
  last: Op | null
  decision: Op | null
}

interface Place {
  readonly doc: Y.Doc
  readonly replica: Replica
  readonly user: string
  /** The ops behind what is shown: all that are integrated, or while it waits those of the last stable moment and own. */
  seen: Set<number>
  /** Began while it waited, so there is no stable moment yet. */
  isUnsettled: boolean
  shown: Shown | null
  readonly undoable: number[]
  /** By op: the op of an undo that brought its value back. */
  readonly standIns: Map<number, number>
}

export interface WorldOptions {
  readonly subject: Subject
  readonly replicas: number
  readonly keptEntries: number
  /**
   * Compares a replica only while it has everything that the authors of what it has had. A short array may read wrongly
   * for a moment where updates overtake each other: a removal can arrive before another removal that it builds on.
   */
  readonly causalReads?: boolean
  /** Compares values whatever their order, for registers that keep no stamps. */
  readonly anyOrder?: boolean
  readonly skewed?: boolean
}

export class World {
  readonly history = new History()
  readonly places: Place[] = []
  readonly updates: Uint8Array[] = []
  readonly #dots: { readonly client: number; readonly clock: number; readonly id: number }[] = []
  readonly #clocks
  readonly #options: WorldOptions

  constructor(options: WorldOptions) {
    this.#options = options
    this.#clocks = skewsMs.map((skewMs) => testClock(options.skewed === false ? 0 : skewMs))
    for (let at = 0; at < options.replicas; at++) this.start(at, null)
  }

  start(at: number, state: Uint8Array | null): void {
    this.places[at]?.replica.close()
    const doc = newDoc()
    if (state !== null) Y.applyUpdate(doc, state)
    doc.on('update', (update: Uint8Array, origin: unknown) => void (origin !== 'remote' && this.updates.push(update)))
    const user = `user${at}`
    const clock = this.#clocks[at % this.#clocks.length] as { now: () => number }
    const replica = this.#options.subject(doc, { user, clock, keptEntries: this.#options.keptEntries })
    const place: Place = { doc, replica, user, seen: new Set(), isUnsettled: false, shown: null, undoable: [], standIns: new Map() }
    place.seen = this.integrated(place)
    place.isUnsettled = replica.read().syncing || !this.#isWhole(place)
    this.places[at] = place
  }

  integrated({ doc }: Place): Set<number> {
    const vector = new Map([...doc.store.clients].map(([client]) => [client, Y.getState(doc.store, client)]))
    return new Set(this.#dots.flatMap(({ client, clock, id }) => ((vector.get(client) ?? 0) > clock ? [id] : [])))
  }

  run(steps: readonly Step[]): void {
    for (const step of steps) {
      for (const clock of this.#clocks) clock.advance(1)
      this.step(step)
      // A step changes one replica; how the others read cannot change.
      this.#check(this.#at('to' in step ? step.to : step.at))
    }
  }

  step(step: Step): void {
    if ('pick' in step) {
      if (this.updates.length > 0) this.apply(step.to, this.updates[step.pick % this.updates.length] as Uint8Array)
    } else if (step.type === 'sync') this.apply(step.to, Y.encodeStateAsUpdate(this.#at(step.from).doc))
    else if (step.type === 'copy') this.start(step.to, Y.encodeStateAsUpdate(this.#at(step.from).doc))
    else if (step.type === 'restart') this.start(step.at, Y.encodeStateAsUpdate(this.#at(step.at).doc))
    else this.#act(this.#at(step.at), step)
  }

  apply(to: number, update: Uint8Array): void {
    const place = this.#at(to)
    Y.applyUpdate(place.doc, update, 'remote')
    if (place.replica.read().syncing) return
    place.seen = this.integrated(place)
    place.isUnsettled = !this.#isWhole(place)
  }

  /** Whether a replica has everything that the authors of what it has had. */
  #isWhole({ seen }: Place): boolean {
    return this.#options.causalReads !== true || [...seen].every((id) => [...(this.#after[id] ?? [])].every((before) => seen.has(before)))
  }

  readonly #after: ReadonlySet<number>[] = []

  #at(at: number): Place {
    return this.places[at] as Place
  }

  #act(place: Place, step: Act): void {
    if (place.isUnsettled) return
    if (step.type === 'look') place.shown = this.#look(place)
    else if (step.type === 'set') this.#set(place, step.value)
    else if (step.type === 'decide') this.#decide(place, step.choice)
    else if (step.type === 'withdraw') this.#withdraw(place)
    else if (step.type === 'undo') this.#undo(place)
    else this.#life(place, step.type)
  }

  #look(place: Place): Shown {
    return { look: place.replica.look(), heads: this.history.heads(place.seen), sets: new Set(), last: null, decision: null }
  }

  /** Runs a write that must be refused with `refusal`, or makes the op that `op` describes. */
  #write(place: Place, refusal: string | null, write: () => void, op: Omit<Op, 'id' | 'stamp' | 'user'>): Op | null {
    const { doc, user } = place
    const isDeleted = this.history.life(this.integrated(place)).deleted
    const expected = refusal ?? (isDeleted && op.kind !== 'restore' && op.kind !== 'delete' ? 'schema/deleted' : null)
    const clock = Y.getState(doc.store, doc.clientID)
    let thrown: unknown = null
    try {
      write()
    } catch (error) {
      if (!(error instanceof TidemarkError)) throw error
      thrown = error.code
    }
    expectSame(thrown, expected, `${op.kind} is refused exactly when it must be`)
    expectSame(Y.getState(doc.store, doc.clientID) > clock, expected === null, `${op.kind} writes exactly when it is not refused`)
    if (expected !== null) return null
    const t = stampOf(doc, clock)
    this.#after.push(this.integrated(place))
    const added = this.history.add({ ...op, user, stamp: [t, doc.clientID, clock] })
    this.#dots.push({ client: doc.clientID, clock, id: added.id })
    place.seen.add(added.id)
    return added
  }

  #set(place: Place, value: string | null): void {
    place.shown ??= this.#look(place)
    const { shown } = place
    const before = this.history.heads(place.seen)
    const values = this.history.values(shown.heads)
    const names = new Set([...shown.heads, ...(shown.last === null ? [] : [shown.last])].map((op) => op.id))
    const base = values[0] ?? null
    const going = this.history.values(before.filter((op) => names.has(op.id)))
    const refusal = values.length > 1 || going.length > 1 ? 'schema/in-conflict' : null
    const op = this.#write(place, refusal, () => shown.look.set(value), { kind: 'set', value, base, names, about: [] })
    if (op === null) return
    shown.sets.add(op.id)
    shown.last = op
    place.undoable.push(op.id)
    this.#replaced.set(
      op.id,
      before.filter((head) => names.has(head.id)),
    )
  }

  readonly #replaced = new Map<number, readonly Op[]>()

  #decide(place: Place, choice: number | string): void {
    place.shown ??= this.#look(place)
    const { shown } = place
    const values = this.history.values(shown.heads)
    if (values.length < 2) return
    const heads = shown.decision === null ? shown.heads : [...shown.heads, shown.decision]
    const value = typeof choice === 'string' ? choice : (values[choice % values.length] as string | null)
    const about = heads.filter((op) => op.kind !== 'withdraw' && op.value !== value).map((op) => op.id)
    const names = new Set(heads.map((op) => op.id))
    const base = shown.heads[0]?.base ?? null
    shown.decision =
      this.#write(place, null, () => shown.look.decide(choice), { kind: 'decide', value, base, names, about }) ?? shown.decision
  }

  #withdraw(place: Place): void {
    place.shown ??= this.#look(place)
    const { shown, user } = place
    const isShown = (op: Op): boolean => shown.heads.includes(op) && op.user === user
    const own = this.history.heads(place.seen).filter((op) => op.kind === 'set' && (shown.sets.has(op.id) || isShown(op)))
    const isSeveral = new Set(own.map((op) => op.value)).size > 1
    const refusal = own.length === 0 ? 'schema/not-yours' : isSeveral ? 'schema/in-conflict' : null
    const base = own[0]?.base ?? null
    const names = new Set(own.map((op) => op.id))
    const op = this.#write(place, refusal, () => shown.look.withdraw(), { kind: 'withdraw', value: base, base, names, about: [] })
    if (op === null) return
    shown.sets.add(op.id)
    shown.last = op
  }

  /** One undo of the last own set that still stands: a new set of what stood before, or a withdrawal beside others. */
  #undo(place: Place): void {
    if (place.replica.read().syncing || this.history.life(place.seen).deleted) return
    const heads = this.history.heads(place.seen)
    let last: Op | undefined
    let first: number | undefined
    while (place.undoable.length > 0 && last === undefined) {
      first = place.undoable.pop()
      let id = first
      while (id !== undefined && place.standIns.has(id)) id = place.standIns.get(id)
      last = heads.find((op) => op.id === id)
    }
    if (last === undefined) {
      place.replica.undo()
      return
    }
    const undone = last
    const hasOthers = heads.some((op) => op !== undone && op.kind !== 'withdraw' && op.value !== undone.value)
    const replaced = this.#replaced.get(first ?? -1) ?? []
    const standing = replaced.filter((op) => op.kind !== 'withdraw')
    const before = (standing.length > 0 ? standing : replaced).at(-1)
    const op = { base: undone.base, names: new Set([undone.id]), about: [] }
    if (hasOthers) this.#write(place, null, () => place.replica.undo(), { ...op, kind: 'withdraw', value: undone.base })
    else {
      const made = this.#write(place, null, () => place.replica.undo(), { ...op, kind: 'set', value: before?.value ?? null })
      if (made !== null && before !== undefined) place.standIns.set(before.id, made.id)
    }
  }

  #life(place: Place, kind: 'delete' | 'restore'): void {
    if (place.replica.read().syncing) return
    const { deleted, late } = this.history.life(place.seen)
    if (kind === 'delete' ? deleted && !late : !deleted) return
    const about = this.history.heads(place.seen).map((op) => op.id)
    const names = new Set(this.history.lifeHeads(place.seen).map((op) => op.id))
    const act = (): void => (kind === 'delete' ? place.replica.delete() : place.replica.restore())
    this.#write(place, null, act, { kind, value: null, base: null, names, about })
  }

  check(): void {
    for (const place of this.places) this.#check(place)
  }

  #check(place: Place): void {
    if (!place.isUnsettled) this.#checkRead(place, place.replica.read())
  }

  #checkRead({ seen }: Place, read: Read): void {
    const values = this.history.values(this.history.heads(seen))
    const ordered = (list: readonly (string | null)[]) => (this.#options.anyOrder === true ? [...list].sort() : list)
    expectSame(ordered(read.values), ordered(values.length === 0 ? [null] : values), 'no value is lost, none comes back, none is blank')
    if (read.syncing) return
    expectSame({ deleted: read.deleted, late: read.late }, this.history.life(seen), 'life is as everybody knows it')
    const decisions = this.history.decisions(seen).map(({ value, about }) => ({ value, rejected: about.length }))
    expectSame(read.decisions, decisions, 'every decision stands in the record')
  }

  /** Everybody takes everything; all must agree then, also one that starts from what is stored. */
  heal(): void {
    for (let to = 0; to < this.places.length; to++) for (const update of this.updates) this.apply(to, update)
    for (let to = 0; to < this.places.length; to++) {
      this.apply(to, Y.encodeStateAsUpdate(this.#at((to + 1) % this.places.length).doc))
    }
    this.check()
    const all = new Set(this.history.ops.map((op) => op.id))
    for (const place of this.places) {
      expect(place.replica.read().syncing, 'nothing waits any more').toBe(false)
      expect(place.seen, 'everything arrived').toEqual(all)
    }
    this.start(0, Y.encodeStateAsUpdate(this.#at(this.places.length - 1).doc))
    this.check()
  }
}

/** As `expect(read, says).toEqual(expected)`, which costs more than all the rest of a step where they are equal. */
function expectSame(read: unknown, expected: unknown, says: string): void {
  if (JSON.stringify(read) !== JSON.stringify(expected)) expect(read, says).toEqual(expected)
}

/** The stamp in the entry that was just written: data of the op, which the model orders by as everybody does. */
function stampOf(doc: Y.Doc, clock: number): number {
  const entries = doc.getArray<{ readonly i?: readonly number[]; readonly t?: number } | undefined>('$entries').toArray()
  return entries.find((entry) => entry?.i?.[0] === doc.clientID && entry.i[1] === clock)?.t ?? clock
}

/** Runs `steps` in a new world, and heals it. */
export function live(options: WorldOptions, steps: readonly Step[]): void {
  const world = new World(options)
  world.run(steps)
  world.heal()
}
