import { systemClock, systemRandom } from '@tidemark/base'
import { arbitrated, defineEntity, guardFile, text } from '@tidemark/schema'
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { z } from 'zod'
import {
  type ArbitrationRequest,
  createMemoryDisk,
  createMemoryLog,
  createRelay,
  type LogEntry,
  type MemoryDisk,
  type Relay,
  type RelayOptions,
} from '../src/index.ts'
import { connect, type WireClient } from './wire-client.ts'

const Seat = defineEntity('seat', { version: 1, fields: { holder: arbitrated(z.string().max(20).optional()), notes: text() } })
const name = 'seat/1'

interface House {
  readonly disk?: MemoryDisk
  readonly fail?: (batch: readonly LogEntry[]) => void
  readonly batches?: LogEntry[][]
}

function startRelay({ disk = createMemoryDisk(), fail, batches }: House = {}, options: Partial<RelayOptions> = {}): Relay {
  return createRelay({
    log: createMemoryLog({
      random: systemRandom,
      disk,
      beforeCommit: (batch) => {
        batches?.push([...batch])
        fail?.(batch)
      },
    }),
    clock: systemClock,
    random: systemRandom,
    guardFile: guardFile([Seat]),
    authorize: ({ token }) => ({ principal: token, grants: [{ prefix: '', access: 'write' }], expiresAtMs: null }),
    ...options,
  })
}

/** One person at the seat. */
class Person {
  readonly client: WireClient
  readonly doc: Y.Doc
  readonly seat
  #taken = 0

  constructor(relay: Relay, user: string, before: Person | null = null, clock = systemClock as { now(): number }) {
    this.client = connect(relay, { token: user, ...(before === null ? {} : { state: before.client.state }) })
    this.doc = before?.doc ?? new Y.Doc({ guid: name })
    this.#taken = before?.client.state.documents.get(name)?.length ?? 0
    this.seat = Seat.attach(this.doc, { user, clock })
  }

  /** Writes, and gives what the relay says of it. */
  async write(run: () => void, kind: 'push' | 'carry' = 'push'): Promise<string> {
    await this.client.welcomed()
    const updates: Uint8Array[] = []
    const keep = (update: Uint8Array): void => void updates.push(update)
    this.doc.on('update', keep)
    run()
    this.doc.off('update', keep)
    return this.send(Y.mergeUpdates(updates), kind)
  }

  async send(update: Uint8Array, kind: 'push' | 'carry' = 'push'): Promise<string> {
    const n = this.client.push(name, update, kind)
    await this.client.until(() => this.client.isAcked(n) || this.client.refused.has(n) || this.client.closedWith !== null)
    return this.client.refused.get(n) ?? (this.client.isAcked(n) ? 'taken' : 'closed')
  }

  propose(holder: string | undefined): Promise<string> {
    return this.write(() => this.seat.set({ holder }))
  }

  /** Reads until the seat shows this. */
  async sees(what: object): Promise<void> {
    const isSeen = (): boolean => {
      const updates = this.client.state.documents.get(name) ?? []
      for (const update of updates.slice(this.#taken)) Y.applyUpdate(this.doc, update)
      this.#taken = updates.length
      return Object.entries(what).every(
        ([key, value]) => JSON.stringify(Reflect.get(this.seat.value.holder, key)) === JSON.stringify(value),
      )
    }
    await this.client.until(isSeen)
    expect(this.seat.value.holder).toMatchObject(what)
  }
}

describe('the relay as the single writer of arbitrated fields', () => {
  test('accepts in the same commit who proposed over what holds, and refuses who came too late, with what holds', async () => {
    const batches: LogEntry[][] = []
    const relay = startRelay({ batches })
    const [ann, bob] = [new Person(relay, 'ann'), new Person(relay, 'bob')]
    await bob.client.welcomed()
    expect(await ann.propose('ann')).toBe('taken')
    expect(batches.map((batch) => batch.map(({ principal }) => principal))).toEqual([['ann', '$relay']])
    await ann.sees({ status: 'settled', value: 'ann' })
    expect(await bob.propose('bob')).toBe('taken')
    await bob.sees({ status: 'refused', value: 'ann', proposed: [] })
    expect(bob.seat.value.holder.refused).toMatchObject([{ value: 'bob', user: 'bob', reason: 'it has changed meanwhile' }])
    expect(await bob.propose('bob')).toBe('taken')
    await ann.sees({ status: 'settled', value: 'bob', refused: [] })
  })

  test('gives readers, late joiners and a fresh document the same, and a document that loads', async () => {
    const relay = startRelay()
    const ann = new Person(relay, 'ann')
    await ann.write(() => ann.seat.shared.notes.insert(0, 'first row'))
    for (let i = 0; i < 60; i++) {
      expect(await ann.propose(`ann${i}`)).toBe('taken')
      await ann.sees({ value: `ann${i}` })
    }
    const late = new Person(relay, 'late')
    await late.sees({ status: 'settled', value: 'ann59' })
    expect(late.doc.getArray('$entries').toJSON()).toEqual(ann.doc.getArray('$entries').toJSON())
    expect(ann.doc.getArray('$entries').length).toBeLessThan(60)
  })

  test('answers an intent once, however often it comes', async () => {
    const disk = createMemoryDisk()
    const asked: ArbitrationRequest[] = []
    const arbitrate = (intent: ArbitrationRequest) => {
      asked.push(intent)
      return { accept: true } as const
    }
    const relay = startRelay({ disk }, { hooks: { arbitrate } })
    const ann = new Person(relay, 'ann')
    await ann.propose('ann')
    await ann.sees({ status: 'settled', value: 'ann' })
    expect(await ann.send(Y.encodeStateAsUpdate(ann.doc))).toBe('taken')
    await relay.close()
    const again = new Person(startRelay({ disk }, { hooks: { arbitrate } }), 'ann', ann)
    await again.client.welcomed()
    expect(await again.send(Y.encodeStateAsUpdate(ann.doc), 'carry')).toBe('taken')
    expect(await again.propose(undefined)).toBe('taken')
    await again.sees({ status: 'settled', proposed: [] })
    expect(asked.map(({ value, current, base }) => [value, current, base])).toEqual([
      ['ann', undefined, undefined],
      [undefined, 'ann', 'ann'],
    ])
    expect(asked[0]).toMatchObject({ space: 'acme', document: name, field: 'holder', user: 'ann' })
  })

  test('[P2] answers after a crash between the commit of an intent and its answer, in whatever life', async () => {
    const disk = createMemoryDisk()
    // The hook never answers: the relay dies with the intent durable and nothing said.
    const first = startRelay({ disk }, { hooks: { arbitrate: () => new Promise(() => undefined) } })
    const ann = new Person(first, 'ann')
    expect(await ann.propose('ann')).toBe('taken')
    expect(disk.spaces.get('acme')?.awaiting).toEqual(new Set([name]))
    const bob = new Person(startRelay({ disk }), 'bob')
    await bob.sees({ status: 'settled', value: 'ann' })
    expect(disk.spaces.get('acme')?.awaiting).toEqual(new Set())
  })

  test('[P2] shows no answer that is not durable, and answers again after a failed commit', async () => {
    let failures = 1
    const fail = (batch: readonly LogEntry[]): void => {
      if (batch.some(({ principal }) => principal === '$relay') && failures-- > 0) throw new Error('the disk is gone')
    }
    const relay = startRelay({ fail })
    const ann = new Person(relay, 'ann')
    expect(await ann.propose('ann')).toBe('closed')
    const again = new Person(relay, 'ann', ann)
    await again.client.welcomed()
    expect(await again.send(Y.encodeStateAsUpdate(ann.doc))).toBe('taken')
    await again.sees({ status: 'settled', value: 'ann' })
  })

  test('[P2] answers under the new incarnation what a hook was thinking about when the log failed', async () => {
    const [asked, gate] = [Promise.withResolvers<null>(), Promise.withResolvers<{ accept: true }>()]
    const arbitrate = (): Promise<{ accept: true }> => {
      asked.resolve(null)
      return gate.promise
    }
    let isBroken = false
    const fail = (): void => {
      if (isBroken) throw new Error('the disk is gone')
    }
    const relay = startRelay({ fail }, { hooks: { arbitrate } })
    const ann = new Person(relay, 'ann')
    expect(await ann.propose('ann')).toBe('taken')
    await asked.promise
    isBroken = true
    expect(await ann.write(() => ann.seat.shared.notes.insert(0, 'lost'))).toBe('closed')
    isBroken = false
    const again = new Person(relay, 'ann', ann)
    await again.client.welcomed()
    gate.resolve({ accept: true })
    await again.sees({ status: 'settled', value: 'ann' })
  })

  test('asks a hook one at a time, holds to what it said, and tells its reason', async () => {
    let open = 0
    const [asked, gate] = [Promise.withResolvers<null>(), Promise.withResolvers<null>()]
    const arbitrate = async ({ value, current }: ArbitrationRequest) => {
      expect(++open).toBe(1)
      asked.resolve(null)
      await gate.promise
      open--
      return current === undefined ? ({ accept: true } as const) : { accept: false, reason: `${current} has it, not ${value}` }
    }
    const relay = startRelay({}, { hooks: { arbitrate } })
    // Bob's clock is slow: his intent comes later, and its stamp is the earlier one.
    const [ann, bob] = [new Person(relay, 'ann'), new Person(relay, 'bob', null, { now: () => Date.now() - 60_000 })]
    await Promise.all([ann.client.welcomed(), bob.client.welcomed()])
    expect(await ann.propose('ann')).toBe('taken')
    await asked.promise
    expect(await bob.propose('bob')).toBe('taken')
    gate.resolve(null)
    await bob.sees({ status: 'refused', value: 'ann' })
    expect(bob.seat.value.holder.refused[0]?.reason).toBe('ann has it, not bob')
  })

  test.each([
    [
      'throws',
      () => {
        throw new Error('down')
      },
    ],
    ['rejects', () => Promise.reject(new Error('down'))],
    ['never answers', () => new Promise<never>(() => undefined)],
    ['answers nonsense', () => ({ verdict: 'yes' }) as never],
  ])('goes on when a hook %s: the intent waits, everything else is taken, and it is asked again', async (_how, failing) => {
    let calls = 0
    const arbitrate = () => (++calls < 3 ? failing() : ({ accept: true } as const))
    const relay = startRelay({}, { hooks: { arbitrate }, limits: { hookTimeoutMs: 5, arbitrateRetryMs: 2, arbitrateRetryMaxMs: 4 } })
    const ann = new Person(relay, 'ann')
    expect(await ann.propose('ann')).toBe('taken')
    expect(await ann.write(() => ann.seat.shared.notes.insert(0, 'meanwhile'))).toBe('taken')
    await ann.sees({ status: 'settled', value: 'ann' })
    expect(calls).toBe(3)
  })

  test('answers what another replaced meanwhile no more', async () => {
    const gate = Promise.withResolvers<{ accept: true }>()
    const asked: string[] = []
    const arbitrate = ({ value }: ArbitrationRequest) => {
      asked.push(String(value))
      return asked.length === 1 ? gate.promise : ({ accept: true } as const)
    }
    const relay = startRelay({}, { hooks: { arbitrate } })
    const ann = new Person(relay, 'ann')
    await ann.propose('first')
    await ann.propose('second')
    gate.resolve({ accept: true })
    await ann.sees({ status: 'settled', value: 'second', proposed: [] })
    expect(asked).toEqual(['first', 'second'])
  })
})

describe('nobody but the relay', () => {
  test('answers an arbitrated field, or takes away what it answered', async () => {
    const relay = startRelay()
    const [ann, eve] = [new Person(relay, 'ann'), new Person(relay, 'eve')]
    await ann.propose('ann')
    await eve.sees({ status: 'settled', value: 'ann' })
    const [accepted] = eve.doc
      .getArray<{ i: [number, number]; k: string }>('$entries')
      .toArray()
      .filter(({ k }) => k === 'accept')
    const forge = (change: object): Promise<string> => {
      const doc = new Y.Doc({ guid: name })
      Y.applyUpdate(doc, Y.encodeStateAsUpdate(eve.doc))
      const before = Y.encodeStateVector(doc)
      doc.getArray('$entries').push([{ i: [doc.clientID, 0], f: 'holder', v: 'eve', o: [], by: 'eve', t: 1, k: 'accept', s: 1, ...change }])
      return eve.send(Y.encodeStateAsUpdate(doc, before))
    }
    expect(await forge({})).toBe('relay/forbidden')
    for (const k of ['propose', 'set', 'withdraw', 'decide']) expect(await forge({ k, o: [accepted?.i] })).toBe('relay/forbidden')
    await ann.sees({ status: 'settled', value: 'ann' })
  })

  test('signs in by its name', async () => {
    const client = connect(startRelay(), { token: '$relay' })
    await expect(client.welcomed()).rejects.toMatchObject({ code: 'relay/unreachable' })
    expect(client.messages).toMatchObject([{ type: 'bye', code: 'relay/signed-out' }])
  })
})
