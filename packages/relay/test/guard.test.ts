import { systemClock, systemRandom } from '@tidemark/base'
import { critical, defineEntity, guardFile, latest, setOf, text } from '@tidemark/schema'
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { z } from 'zod'
import { createMemoryLog, createRelay, type PrefixGrant, type Relay, type RelayOptions } from '../src/index.ts'
import { connect, textUpdate, type WireClient } from './wire-client.ts'

const Finding = defineEntity('finding', {
  version: 1,
  fields: {
    title: latest(z.string().default('')),
    severity: critical(z.enum(['low', 'mid', 'high']).optional()),
    tags: setOf(z.string()),
    notes: text(),
  },
})
const file = guardFile([Finding])
const name = 'finding/1'

function startRelay(options: Partial<RelayOptions> = {}): Relay {
  return createRelay({
    log: createMemoryLog({ random: systemRandom }),
    clock: systemClock,
    random: systemRandom,
    authorize: ({ token }) => {
      const [principal = '', access = 'write'] = token.split(':')
      return { principal, grants: [{ prefix: '', access: access as PrefixGrant['access'] }], expiresAtMs: null }
    },
    ...options,
  })
}

/** One person at one document: what they write is pushed; what others write is taken in. */
class Person {
  readonly client: WireClient
  readonly doc = new Y.Doc({ guid: name })
  readonly finding
  readonly #pushed: Uint8Array[] = []
  #taken = 0

  constructor(relay: Relay, token: string, user = token.split(':')[0] as string) {
    this.client = connect(relay, { token })
    this.finding = Finding.attach(this.doc, { user })
    this.doc.on('update', (update: Uint8Array, origin: unknown) => {
      if (origin !== 'relay') this.#pushed.push(update)
    })
  }

  /** What became of what was written since. */
  async push(kind: 'push' | 'carry' = 'push'): Promise<string> {
    await this.client.welcomed()
    const update = Y.mergeUpdates(this.#pushed.splice(0))
    return await this.send(update, kind)
  }

  async send(update: Uint8Array, kind: 'push' | 'carry' = 'push'): Promise<string> {
    await this.client.welcomed()
    const n = this.client.push(name, update, kind)
    await this.client.until(() => this.client.isAcked(n) || this.client.refused.has(n))
    return this.client.refused.get(n) ?? 'taken'
  }

  async take(): Promise<void> {
    await this.client.until(() => (this.client.state.documents.get(name)?.length ?? 0) > this.#taken)
    const updates = this.client.state.documents.get(name) ?? []
    for (const update of updates.slice(this.#taken)) Y.applyUpdate(this.doc, update, 'relay')
    this.#taken = updates.length
  }

  set(severity: 'low' | 'mid' | 'high'): void {
    const form = this.finding.edit()
    form.set({ severity })
  }

  /** Pushes an entry made by hand. */
  async forge(change: (own: readonly [number, number]) => Record<string, unknown>): Promise<string> {
    const doc = new Y.Doc({ guid: name })
    Y.applyUpdate(doc, Y.encodeStateAsUpdate(this.doc))
    const before = Y.encodeStateVector(doc)
    const own = [doc.clientID, 0] as const
    doc.getArray('$entries').push([{ i: own, f: 'severity', v: 'low', o: [], by: 'ann', t: 1, k: 'set', s: 1, ...change(own) }])
    return await this.send(Y.encodeStateAsUpdate(doc, before))
  }
}

/** Two people who set a critical field apart, and know of each other's value. */
async function inConflict(relay: Relay, second = 'bob:write'): Promise<[Person, Person]> {
  const [ann, bob] = [new Person(relay, 'ann:write'), new Person(relay, second)]
  await Promise.all([ann.client.welcomed(), bob.client.welcomed()])
  ann.set('low')
  bob.set('high')
  expect([await ann.push(), await bob.push()]).toEqual(['taken', 'taken'])
  await Promise.all([ann.take(), bob.take()])
  expect([ann, bob].map((one) => one.finding.conflicts.length)).toEqual([1, 1])
  return [ann, bob]
}

describe('honest writes', () => {
  test('of every kind of field are taken, with a guard file and without', async () => {
    for (const options of [{ guardFile: file }, {}]) {
      const ann = new Person(startRelay(options), 'ann:decide')
      ann.finding.set({ title: 'Roof' })
      ann.set('low')
      ann.set('high')
      ann.finding.shared.tags.add('a')
      ann.finding.shared.notes.insert(0, 'text')
      ann.finding.delete()
      ann.finding.restore()
      expect(await ann.push()).toBe('taken')
    }
  })

  test('that prune what is superseded are taken, also by somebody else', async () => {
    const relay = startRelay({ guardFile: file })
    const [ann, bob] = [new Person(relay, 'ann:write'), new Person(relay, 'bob:write')]
    await Promise.all([ann.client.welcomed(), bob.client.welcomed()])
    for (let i = 0; i < 60; i++) {
      ann.finding.set({ title: `a${i}` })
      expect(await ann.push()).toBe('taken')
    }
    await bob.take()
    for (let i = 0; i < 60; i++) {
      bob.finding.set({ title: `b${i}` })
      expect(await bob.push()).toBe('taken')
    }
    expect(bob.doc.getArray('$entries').length).toBeLessThan(60)
  })
})

describe('[P4] a conflict', () => {
  test('is none where a withdrawal stands beside a value: it is written over', async () => {
    const relay = startRelay({ guardFile: file })
    const [ann, bob] = [new Person(relay, 'ann:write'), new Person(relay, 'bob:write')]
    await Promise.all([ann.client.welcomed(), bob.client.welcomed()])
    ann.set('low')
    expect(await ann.push()).toBe('taken')
    await bob.take()
    const mistaken = bob.finding.edit()
    mistaken.set({ severity: 'high' })
    mistaken.withdraw('severity')
    ann.set('mid')
    expect([await bob.push(), await ann.push()]).toEqual(['taken', 'taken'])
    await Promise.all([ann.take(), bob.take()])
    expect(ann.finding.value.severity).toMatchObject({ status: 'settled', value: 'mid' })
    ann.set('high')
    expect(await ann.push()).toBe('taken')
  })

  test('is none between values of one user, where only the latest of them stands', async () => {
    const Own = defineEntity('finding', { version: 1, fields: { severity: critical(z.string().optional(), { sameAuthor: 'latest' }) } })
    const relay = startRelay({ guardFile: guardFile([Own]) })
    const [desk, phone] = [new Person(relay, 'ann:write'), new Person(relay, 'ann:write')]
    await Promise.all([desk.client.welcomed(), phone.client.welcomed()])
    const [own, other] = [Own.attach(desk.doc, { user: 'ann' }), Own.attach(phone.doc, { user: 'ann' })]
    own.edit().set({ severity: 'low' })
    other.edit().set({ severity: 'mid' })
    expect([await desk.push(), await phone.push()]).toEqual(['taken', 'taken'])
    await desk.take()
    expect(own.conflicts).toEqual([])
    own.edit().set({ severity: 'high' })
    expect(await desk.push()).toBe('taken')
  })

  test('that is decided in a push may be named again by what follows in it', async () => {
    const relay = startRelay({ guardFile: file })
    const [, bob] = await inConflict(relay, 'bob:decide')
    const heads = bob.finding.conflicts[0]?.candidates.map(({ id }) => id.split('.').map(Number)) ?? []
    bob.finding.conflicts[0]?.decide({ value: 'mid' }, { reason: 'seen on site' })
    const own = [bob.doc.clientID, Y.getState(bob.doc.store, bob.doc.clientID)]
    bob.doc.getArray('$entries').push([{ i: own, f: 'severity', v: 'high', o: heads, by: 'bob', t: 1, k: 'set', s: 1 }])
    expect(await bob.push()).toBe('taken')
  })

  test('is not ended by two plain writes of one push, each of which would come after the other', async () => {
    const relay = startRelay({ guardFile: file })
    const [ann] = await inConflict(relay)
    const heads = ann.finding.shown().severity?.heads ?? []
    const doc = new Y.Doc({ guid: name })
    Y.applyUpdate(doc, Y.encodeStateAsUpdate(ann.doc))
    const before = Y.encodeStateVector(doc)
    for (const clock of [0, 1]) {
      const entry = { i: [doc.clientID, clock], f: 'severity', v: 'mid', o: heads, by: 'ann', t: 1, k: 'set', s: 1 }
      doc.getArray('$entries').push([entry])
    }
    expect(await ann.send(Y.encodeStateAsUpdate(doc, before))).toBe('relay/invalid')
  })

  test('is decided only by who may', async () => {
    const relay = startRelay({ guardFile: file })
    const [ann, eve] = await inConflict(relay, 'bob:decide')
    const [first] = ann.finding.conflicts
    first?.decide({ value: 'mid' }, { reason: 'I say so' })
    expect(await ann.push()).toBe('relay/forbidden')
    const [own] = eve.finding.conflicts
    own?.decide({ value: 'mid' }, { reason: 'seen on site' })
    expect(await eve.push()).toBe('taken')
  })

  test('is not ended by a plain write, whatever it says of itself', async () => {
    const relay = startRelay({ guardFile: file })
    const [ann] = await inConflict(relay, 'bob:decide')
    const both = ann.doc
      .getArray<{ i: [number, number]; f: string }>('$entries')
      .toArray()
      .map(({ i }) => i)
    expect(await ann.forge(() => ({ o: both, v: 'mid' }))).toBe('relay/invalid')
    expect(await ann.forge(() => ({ o: both, k: 'decide', v: 'mid' }))).toBe('relay/forbidden')
    // One of them may be superseded by who was shown it; the other stays a candidate.
    expect(await ann.forge(() => ({ o: [both[0]], v: 'mid' }))).toBe('taken')
  })

  test('is watched over again by a relay that was restarted', async () => {
    const log = createMemoryLog({ random: systemRandom })
    await inConflict(startRelay({ log, guardFile: file }))
    const ann = new Person(startRelay({ log, guardFile: file }), 'ann:write')
    await ann.take()
    const both = ann.doc
      .getArray<{ i: [number, number] }>('$entries')
      .toArray()
      .map(({ i }) => i)
    expect(await ann.forge(() => ({ o: both, v: 'mid' }))).toBe('relay/invalid')
  })
})

describe('a forged entry', () => {
  const relay = startRelay({ guardFile: file })
  test.each<[string, (own: readonly [number, number]) => Record<string, unknown>, string]>([
    ['in another’s name', () => ({ by: 'bob' }), 'relay/forbidden'],
    ['without author', () => ({ by: '' }), 'relay/forbidden'],
    ['at another place', ([client]) => ({ i: [client, 7] }), 'relay/invalid'],
    ['at no place', () => ({ i: 'x' }), 'relay/invalid'],
    ['that supersedes what has not come yet', () => ({ o: [[123, 5]] }), 'relay/invalid'],
    ['that supersedes what is no place', () => ({ o: ['x'] }), 'relay/invalid'],
    ['of a kind that no build knows, in another’s name', () => ({ k: 'new', by: 'bob' }), 'relay/forbidden'],
    ['of a kind that no build knows, in one’s own name', () => ({ k: 'new' }), 'taken'],
    ['in one’s own name', () => ({}), 'taken'],
  ])('%s', async (_, change, outcome) => {
    expect(await new Person(relay, 'ann:decide').forge(change)).toBe(outcome)
  })

  test('is taken from who carries it, and logged as carried', async () => {
    const ann = new Person(startRelay({ guardFile: file }), 'ann:write')
    const other = new Y.Doc({ guid: name })
    Finding.attach(other, { user: 'bob' }).set({ title: 'by bob' })
    expect(await ann.send(Y.encodeStateAsUpdate(other), 'push')).toBe('relay/forbidden')
    expect(await ann.send(Y.encodeStateAsUpdate(other), 'carry')).toBe('taken')
  })
})

describe('an entry that stands', () => {
  test('is not deleted, nor is a decision ever', async () => {
    const relay = startRelay({ guardFile: file })
    const [ann, bob] = await inConflict(relay, 'bob:decide')
    const remove = async (who: Person, index: number): Promise<string> => {
      const doc = new Y.Doc({ guid: name })
      Y.applyUpdate(doc, Y.encodeStateAsUpdate(who.doc))
      const before = Y.encodeStateVector(doc)
      doc.getArray('$entries').delete(index, 1)
      return await who.send(Y.encodeStateAsUpdate(doc, before))
    }
    expect(await remove(ann, 0)).toBe('relay/invalid')
    bob.finding.conflicts[0]?.decide({ value: 'mid' }, { reason: 'seen' })
    expect(await bob.push()).toBe('taken')
    await ann.take()
    const kinds = ann.doc
      .getArray<{ k: string }>('$entries')
      .toArray()
      .map(({ k }) => k)
    expect(await remove(ann, kinds.indexOf('decide'))).toBe('relay/invalid')
    expect(await remove(ann, kinds.indexOf('set'))).toBe('taken')
  })
})

describe('a client id', () => {
  test('belongs to who pushed it first, also after a restart; others may not continue it', async () => {
    const log = createMemoryLog({ random: systemRandom })
    const relay = startRelay({ log })
    const [ann, eve] = [new Person(relay, 'ann:write'), new Person(relay, 'eve:write')]
    expect(await ann.send(textUpdate('mine', 77))).toBe('taken')
    const doc = new Y.Doc({ guid: name })
    Y.applyUpdate(doc, textUpdate('mine', 77))
    doc.clientID = 77
    const before = Y.encodeStateVector(doc)
    doc.getText('t').insert(0, 'squatted')
    const next = Y.encodeStateAsUpdate(doc, before)
    expect(await eve.send(next)).toBe('relay/forbidden')
    // What is known already is nobody's claim.
    expect(await eve.send(textUpdate('mine', 77))).toBe('taken')
    const again = startRelay({ log })
    expect(await new Person(again, 'eve:write').send(next)).toBe('relay/forbidden')
    expect(await new Person(again, 'ann:write').send(next)).toBe('taken')
  })

  test('that was only carried is nobody’s until somebody continues it', async () => {
    const relay = startRelay()
    const [ann, eve] = [new Person(relay, 'ann:write'), new Person(relay, 'eve:write')]
    expect(await eve.send(textUpdate('handed on', 5), 'carry')).toBe('taken')
    const doc = new Y.Doc({ guid: name })
    Y.applyUpdate(doc, textUpdate('handed on', 5))
    doc.clientID = 5
    const push = (text: string): Uint8Array => {
      const before = Y.encodeStateVector(doc)
      doc.getText('t').insert(0, text)
      return Y.encodeStateAsUpdate(doc, before)
    }
    expect(await ann.send(push('a'))).toBe('taken')
    expect(await eve.send(push('b'))).toBe('relay/forbidden')
  })

  test('is one principal’s to all where nobody signs in', async () => {
    const relay = createRelay({ log: createMemoryLog({ random: systemRandom }), clock: systemClock, random: systemRandom })
    const [ann, bob] = [new Person(relay, '', 'ann'), new Person(relay, '', 'bob')]
    ann.finding.set({ title: 'a' })
    bob.finding.set({ title: 'b' })
    expect([await ann.push(), await bob.push()]).toEqual(['taken', 'taken'])
  })
})
