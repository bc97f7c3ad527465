/**
 * The fuzzer: honest updates and frames, bent; whole messages in any order, from sessions of both protocols; and well-formed talk of
 * every type of message, at the wrong moment and with absurd values.
 *
 * Beside them an honest session writes and reads all the time. After each case the relay has settled; what it then serves is
 * looked at by a fresh `Y.Doc`, and compared with what the honest session was sent live.
 *
 * Invariant: a block of cases depends on its number and the seed alone, so that a failing one can be run again by itself.
 */
import { systemClock, systemRandom } from '@tidemark/base'
import { guardFile } from '@tidemark/schema'
import { jsonDepth, mergeGrouped, updateLimits } from '@tidemark/updates'
import * as Y from 'yjs'
import { createMemoryDisk, createMemoryLog, createRelay, type MemoryDisk, type Relay } from '../../src/index.ts'
import { connect, type WireClient } from '../wire-client.ts'
import { bentFrame, bentUpdate, type Chance, chanceOf, honestUpdates, messagesInAnyOrder, Seat } from './bending.ts'
import { cpuMs } from './hold.ts'
import { digest, harmOf } from './served.ts'
import { talk } from './talk.ts'

export interface FuzzReport {
  readonly cases: number
  readonly taken: number
  readonly refused: number
  readonly hungUp: number
  /** The longest that one message held the event loop, in ms of this thread's processor time. */
  readonly longestMs: number
  /** What went wrong, with how to run it again. */
  readonly failure: string | null
}

export interface FuzzOptions {
  readonly seed: number
  /** The block to begin with. */
  readonly from?: number
}

/** Cases that share a space. */
export const casesPerBlock = 50

const maxHeldMs = 50
const documents = ['note/a', 'note/b', 'note/c', 'seat/d'] as const

export function createFuzz(options: FuzzOptions): Fuzz {
  return new Fuzz(options)
}

interface Counts {
  cases: number
  taken: number
  refused: number
  hungUp: number
  longestMs: number
}

class Fuzz {
  readonly counts: Counts = { cases: 0, taken: 0, refused: 0, hungUp: 0, longestMs: 0 }
  readonly #seed: number
  readonly #disk: MemoryDisk = createMemoryDisk()
  /** One that watches over entries and answers intents, and one that does not, in turns. */
  readonly #relays: readonly [Relay, Relay]
  /** Rows of each document of the block at the last look. */
  readonly #seen = new Map<string, number>()
  /** Messages that the honest session of the block had received at the last look. */
  #heard = 0
  #block: number

  constructor({ seed, from = 0 }: FuzzOptions) {
    this.#seed = seed
    this.#block = from
    const create = (guarded: boolean): Relay =>
      createRelay({
        log: createMemoryLog({ random: systemRandom, disk: this.#disk }),
        clock: systemClock,
        random: systemRandom,
        // A process that sends nothing but garbage is slowed down, which would only make this slower.
        limits: {
          updateRate: unbounded,
          byteRate: unbounded,
          requestRate: unbounded,
          maxSessionsPerPrincipal: 10_000,
          presenceGatherMs: 0,
          // So that what grows without bound shows, and not what fills up.
          maxHotDocuments: 200,
        },
        ...(guarded ? { guardFile: guardFile([Seat]) } : {}),
      })
    this.#relays = [create(true), create(false)]
  }

  get #relay(): Relay {
    return this.#relays[this.#block % 2] as Relay
  }

  /** Runs so many cases more, until something goes wrong. */
  async run(cases: number, onBlock: (counts: Readonly<Counts>) => void = () => undefined): Promise<FuzzReport> {
    const end = this.counts.cases + cases
    while (this.counts.cases < end) {
      const failure = await this.#runBlock(Math.min(casesPerBlock, end - this.counts.cases))
      if (failure !== null)
        return { ...this.counts, failure: `${failure}\nAgain: --seed ${this.#seed} --from ${this.#block} --cases ${casesPerBlock}` }
      this.#block++
      onBlock(this.counts)
    }
    return { ...this.counts, failure: null }
  }

  async #runBlock(cases: number): Promise<string | null> {
    const space = `b${this.#block}`
    const chance = chanceOf(this.#seed * 1_000_003 + this.#block)
    const honest = connect(this.#relay, { space, credit: 1 << 26 })
    await honest.welcomed()
    const seeds = new Map(documents.map((name, i) => [name, honestUpdates(chance, i)]))
    for (const [name, updates] of seeds) for (const update of updates.slice(0, 3)) honest.push(name, update)
    for (const document of documents) honest.send({ type: 'awareness', document, isHere: true, entries: [] })
    await settle(this.#relay)
    this.#seen.clear()
    this.#heard = 0
    let failure: string | null = null
    for (let i = 0; i < cases && failure === null; i++) {
      this.counts.cases++
      try {
        failure = await this.#runCase(chance, space, honest, seeds, i)
      } catch (error) {
        failure = `thrown: ${error instanceof Error ? error.stack : String(error)}`
      }
      if (failure !== null) failure = `case ${i} of block ${this.#block}: ${failure}`
    }
    honest.line.cut(1000)
    await settle(this.#relay)
    this.#disk.spaces.delete(space)
    if (failure === null && this.#relay.figures.sessions > 0) return `${this.#relay.figures.sessions} sessions are left`
    return failure
  }

  async #runCase(chance: Chance, space: string, honest: WireClient, seeds: Map<string, Uint8Array[]>, i: number): Promise<string | null> {
    const document = chance.pick(documents)
    const updates = seeds.get(document) as Uint8Array[]
    const kind = chance.below(14)
    const name = `/${document}`
    if (kind >= 10) await this.#frames(space, document, false, talk({ chance, space, document, updates }))
    else if (kind < 6) await this.#attack(chance, space, document, [{ type: 'update', bytes: bentUpdate(chance, updates) }])
    else if (kind < 8) await this.#frames(space, document, chance.below(4) === 0, bentFrame(chance, document, updates))
    else await this.#frames(space, document, chance.below(4) === 0, messagesInAnyOrder(chance, space, document, updates))
    await settle(this.#relay)
    // The honest session goes on as if nothing were.
    if (honest.closedWith !== null) return `the honest session was closed with ${honest.closedWith}`
    if (i % 5 === 0) {
      const n = honest.push('note/own', honestUpdates(chance, 0)[0] as Uint8Array)
      await settle(this.#relay)
      if (!honest.isAcked(n)) return `an honest push of ${name} has no answer: ${[...honest.refused]}`
    }
    if (this.counts.longestMs > maxHeldMs) return `one message held the event loop for ${this.counts.longestMs.toFixed(1)} ms`
    return this.#presenceHarm(honest) ?? this.#inspect(space, honest, document)
  }

  /** What it is told of others' presence can be parsed and compared by every receiver. */
  #presenceHarm({ messages }: WireClient): string | null {
    const heard = messages.slice(this.#heard)
    this.#heard = messages.length
    for (const message of heard) {
      if (message.type !== 'awareness') continue
      for (const { client, state } of message.entries) {
        if (client >= 2 ** 53 || typeof JSON.parse(state) !== 'object') return `presence of ${client} is ${state.slice(0, 100)}`
        if (jsonDepth(state) > updateLimits.maxValueDepth) return `presence of ${client} is nested ${jsonDepth(state)} deep`
      }
    }
    return null
  }

  /** What the relay has of a document, and what the honest session was sent of it, are one and do no harm. */
  #inspect(space: string, honest: WireClient, document: string): string | null {
    const stored = this.#disk.spaces.get(space)?.rows.filter((row) => row.document === document) ?? []
    // Nothing came in since the last look.
    if (this.#seen.get(document) === stored.length) return null
    this.#seen.set(document, stored.length)
    const served = mergeGrouped(stored.map(({ update }) => update))
    const harm = harmOf(served)
    if (harm !== null) return `${harm}; served ${Buffer.from(served).toString('hex').slice(0, 2_000)}`
    const joiner = new Y.Doc({ guid: 'joiner' })
    Y.applyUpdate(joiner, served)
    const live = new Y.Doc({ guid: 'live' })
    for (const update of honest.state.documents.get(document) ?? []) Y.applyUpdate(live, update)
    for (const { update } of stored) Y.applyUpdate(live, update)
    return digest(joiner) === digest(live) ? null : 'a joiner and a live reader differ'
  }

  async #attack(
    chance: Chance,
    space: string,
    document: string,
    offers: readonly { readonly type: 'update'; readonly bytes: Uint8Array }[],
  ): Promise<void> {
    const client = connect(this.#relay, { space, credit: 0 })
    await settle(this.#relay)
    for (const { bytes } of offers) this.#timed(() => client.push(document, bytes, chance.below(3) === 0 ? 'carry' : 'push'))
    await settle(this.#relay)
    this.counts.refused += client.refused.size
    this.counts.taken += client.refused.size === 0 && client.closedWith === null ? 1 : 0
    this.#count(client.closedWith)
    client.line.cut(1000)
  }

  async #frames(space: string, document: string, isStock: boolean, frames: readonly Uint8Array[]): Promise<void> {
    let closed: number | null = null
    const socket = {
      send: () => undefined,
      close: (code: number) => {
        closed = code
      },
      bufferedBytes: 0,
    }
    const handlers = isStock ? this.#relay.connectStock(socket, { space, document }) : this.#relay.connect(socket)
    handlers.open()
    await settle(this.#relay)
    for (const [i, frame] of frames.entries()) {
      if (closed !== null) break
      this.#timed(() => handlers.message(frame))
      // A hello is mostly answered before more is said: without that nothing of it would be looked at.
      if (i === 0 && this.counts.cases % 8 > 0) await settle(this.#relay)
      else await Promise.resolve()
    }
    await settle(this.#relay)
    // Presence is told in turns: now and then one is waited for.
    if (this.counts.cases % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 3))
    this.#count(closed)
    handlers.close(closed ?? 1000, '')
  }

  #timed(run: () => void): void {
    const before = cpuMs()
    run()
    this.counts.longestMs = Math.max(this.counts.longestMs, cpuMs() - before)
  }

  #count(closed: number | null): void {
    if (closed !== null) this.counts.hungUp++
  }
}

export type { Fuzz }

const unbounded = { perSecond: 1e9, burst: 1e9 }

/** Until nothing is on its way. */
async function settle(relay: Relay): Promise<void> {
  do await new Promise((resolve) => setImmediate(resolve))
  while (relay.figures.queuedBytes > 0)
}
