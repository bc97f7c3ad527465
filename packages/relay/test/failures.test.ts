import { systemClock, systemRandom } from '@tidemark/base'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import * as Y from 'yjs'
import { createMemoryDisk, createMemoryLog, createRelay, type Relay } from '../src/index.ts'
import { loadOf } from './log.contract.ts'
import { connect, createReplicaState, type Line, type ReplicaState, type WireClient } from './wire-client.ts'

const documents = ['note/a', 'note/b'] as const
type Name = (typeof documents)[number]

/** One that writes words, pushes everything again after each break, and follows the feed. */
class Replica {
  readonly acked = new Set<string>()
  readonly state: ReplicaState = createReplicaState()
  readonly #docs = new Map(documents.map((name) => [name, new Y.Doc({ guid: name })]))
  readonly #name: string
  #client: (WireClient & { readonly line: Line }) | null = null
  #waiting = new Map<number, readonly string[]>()
  #words = 0

  constructor(name: string) {
    this.#name = name
  }

  write(name: Name): void {
    const doc = this.#docs.get(name) as Y.Doc
    const before = Y.encodeStateVector(doc)
    const word = `${this.#name}${this.#words++}`
    doc.getArray<string>('t').push([word])
    this.#push(name, Y.encodeStateAsUpdate(doc, before), [word])
  }

  /** Takes in acknowledgements; dials again when the connection has ended. */
  async tend(relay: Relay): Promise<void> {
    this.#collect()
    if (this.#client !== null && this.#client.closedWith === null) return
    this.#waiting = new Map()
    this.#client = connect(relay, { state: this.state })
    await this.#client.until(() => this.#client?.welcome !== null || this.#client?.closedWith !== null)
    for (const [name, doc] of this.#docs) this.#push(name, Y.encodeStateAsUpdate(doc), doc.getArray<string>('t').toArray())
  }

  async settled(): Promise<void> {
    const client = this.#client as WireClient
    await client.until(() => client.isAcked(client.pushed) || client.refused.size > 0 || client.closedWith !== null)
    this.#collect()
  }

  /** The relay is gone, and the connection with it. */
  lose(): void {
    this.#collect()
    this.#client?.line.lose()
    this.#client = null
  }

  get isOpen(): boolean {
    return this.#client !== null && this.#client.closedWith === null
  }

  get all(): string[] {
    return [...this.#docs.values()].flatMap((doc) => doc.getArray<string>('t').toArray())
  }

  /** What it has been shown, and what it wrote itself. */
  words(name: Name): string[] {
    const doc = this.#docs.get(name) as Y.Doc
    for (const update of this.state.documents.get(name) ?? []) Y.applyUpdate(doc, update)
    return doc.getArray<string>('t').toArray()
  }

  async atHead(head: number): Promise<void> {
    await this.#client?.until(() => this.state.cursor?.catchUp === undefined && (this.state.cursor?.seq ?? 0) >= head)
  }

  #push(name: Name, update: Uint8Array, words: readonly string[]): void {
    if (this.#client?.welcome != null && this.isOpen) this.#waiting.set(this.#client.push(name, update), words)
  }

  #collect(): void {
    for (const [n, words] of this.#waiting) {
      if (this.#client?.refused.has(n)) throw new Error(`push ${n} was refused as ${this.#client.refused.get(n)}`)
      if (!this.#client?.isAcked(n)) continue
      for (const word of words) this.acked.add(word)
      this.#waiting.delete(n)
    }
  }
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

const step = fc.oneof(
  { weight: 8, arbitrary: fc.record({ type: fc.constant('write' as const), who: fc.nat(2), name: fc.constantFrom(...documents) }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('settle' as const) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('fail' as const), when: fc.constantFrom('before' as const, 'after' as const) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('compact' as const), name: fc.constantFrom(...documents) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('crash' as const) }) },
)

test('[P2] [P3] whatever appends fail and whenever the relay crashes, acknowledged words stay and everyone ends equal', async () => {
  const limits = fc.record({
    maxBatchItems: fc.integer({ min: 1, max: 4 }),
    maxHotDocuments: fc.integer({ min: 1, max: 2 }),
    maxRingItems: fc.integer({ min: 1, max: 3 }),
  })
  await fc.assert(
    fc.asyncProperty(limits, fc.array(step, { minLength: 5, maxLength: 60, size: 'max' }), async (bounds, steps) => {
      const disk = createMemoryDisk()
      const faults: ('before' | 'after')[] = []
      const start = () => {
        // A crashed relay's log must not write any more.
        const life = { isOver: false }
        const failIf = (when: 'before' | 'after') => async (): Promise<void> => {
          await settle()
          if (life.isOver) throw new Error('crashed')
          if (faults[0] === when) {
            faults.shift()
            throw new Error('the disk is gone')
          }
        }
        const log = createMemoryLog({ random: systemRandom, disk, beforeCommit: failIf('before'), afterCommit: failIf('after') })
        return { life, log, relay: createRelay({ log, clock: systemClock, random: systemRandom, limits: bounds }) }
      }
      let current = start()
      const replicas = ['a', 'b', 'c'].map((name) => new Replica(name))
      const tend = () => Promise.all(replicas.map((replica) => replica.tend(current.relay)))
      await tend()
      for (const one of steps) {
        if (one.type === 'write') replicas[one.who]?.write(one.name)
        else if (one.type === 'fail') faults.push(one.when)
        else if (one.type === 'compact') await current.log.compact('acme', one.name)
        else if (one.type === 'crash') {
          current.life.isOver = true
          current = start()
          for (const replica of replicas) replica.lose()
          await tend()
        } else {
          await settle()
          await tend()
        }
      }
      faults.length = 0
      for (let isDone = false; !isDone; ) {
        await tend()
        await Promise.all(replicas.map((replica) => replica.settled()))
        isDone = replicas.every((replica) => replica.isOpen)
      }
      const { head } = await current.log.open('acme')
      await Promise.all(replicas.map((replica) => replica.atHead(head)))
      for (const replica of replicas) expect(replica.all.filter((word) => !replica.acked.has(word))).toEqual([])
      for (const name of documents) {
        const doc = new Y.Doc({ guid: name })
        const loaded = await loadOf(current.log, 'acme', name)
        if (loaded !== null) Y.applyUpdate(doc, loaded.update)
        const words = doc.getArray<string>('t').toArray()
        for (const replica of replicas) expect(replica.words(name)).toEqual(words)
      }
      await current.relay.close()
    }),
    { numRuns: 100, interruptAfterTimeLimit: 15_000 },
  )
})
