import { systemClock, systemRandom } from '@tidemark/base'
import { closeCodes, features, type RelayMessage } from '@tidemark/protocol'
import { emptyState, encodeStateVector } from '@tidemark/updates'
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import {
  createMemoryLog,
  createRelay,
  createWorkPool,
  type JobKind,
  type Log,
  type Relay,
  type RelayOptions,
  type Work,
} from '../src/index.ts'
import { encodeStep1 } from '../src/stock-wire.ts'
import { connect, type ReplicaState, textUpdate } from './wire-client.ts'

function startRelay(log: Log, options: Partial<RelayOptions> = {}): Relay {
  return createRelay({ log, clock: systemClock, random: systemRandom, ...options })
}
const newLog = (): Log => createMemoryLog({ random: systemRandom })

async function write(relay: Relay, document: string, text: string, client: number): Promise<void> {
  const writer = connect(relay)
  await writer.welcomed()
  const n = writer.push(document, textUpdate(text, client))
  await writer.until(() => writer.isAcked(n))
  writer.close()
}

type Of<T extends RelayMessage['type']> = RelayMessage & { readonly type: T }
const said = <T extends RelayMessage['type']>(client: { readonly messages: readonly RelayMessage[] }, type: T): Of<T>[] =>
  client.messages.filter((message): message is Of<T> => message.type === type)

const textOf = (update: Uint8Array, before: Uint8Array | null = null): string => {
  const doc = new Y.Doc({ guid: 'reader' })
  if (before !== null) Y.applyUpdate(doc, before)
  Y.applyUpdate(doc, update)
  return doc.getText('t').toString()
}

describe('subscribe', () => {
  test('is answered by what is lacking, as of the head, and by nothing much when nothing is', async () => {
    const relay = startRelay(newLog())
    await write(relay, 'note/1', 'one', 1)
    await write(relay, 'note/1', 'two', 2)
    const ann = connect(relay, { credit: 0 })
    await ann.welcomed()
    ann.send({ type: 'credit', bytes: 1_000 })
    const mine = textUpdate('one', 1)
    ann.send({ type: 'subscribe', document: 'note/1', stateVector: Y.encodeStateVectorFromUpdate(mine), lastSeq: 0 })
    ann.send({ type: 'subscribe', document: 'note/1', stateVector: new Uint8Array(), lastSeq: 2 })
    ann.send({ type: 'subscribe', document: 'note/none', stateVector: new Uint8Array(), lastSeq: 0 })
    await ann.until(() => said(ann, 'state').length === 3)
    const [first, second, third] = said(ann, 'state') as [Of<'state'>, Of<'state'>, Of<'state'>]
    expect(first).toMatchObject({ document: 'note/1', seq: 2 })
    expect(textOf(first.update, mine)).toHaveLength(6)
    expect(first.update.length).toBeLessThan(textUpdate('two', 2).length + 4)
    expect(Y.decodeStateVector(first.stateVector)).toEqual(
      new Map([
        [1, 3],
        [2, 3],
      ]),
    )
    expect(second.update.length).toBe(2)
    expect(third).toMatchObject({ document: 'note/none', seq: 0 })
  })

  test('of what may not be seen, is damaged, or was erased is answered by the reason, and the connection goes on', async () => {
    const relay = startRelay(newLog(), {
      authorize: () => ({ principal: 'ann', grants: [{ prefix: 'note/', access: 'write' }], expiresAtMs: null }),
    })
    await write(relay, 'note/gone', 'gone', 1)
    await relay.purge('acme', 'note/gone', 'operator')
    const ann = connect(relay)
    await ann.welcomed()
    ann.send({ type: 'subscribe', document: 'secret/1', stateVector: new Uint8Array(), lastSeq: 0 })
    ann.send({ type: 'subscribe', document: 'note/1', stateVector: Uint8Array.of(9), lastSeq: 0 })
    ann.send({ type: 'subscribe', document: 'note/gone', stateVector: new Uint8Array(), lastSeq: 0 })
    await ann.until(() => said(ann, 'refuse').length === 2 && said(ann, 'purged').some(({ documents }) => documents[0] === 'note/gone'))
    expect(said(ann, 'refuse').map(({ n, document, code }) => [n, document, code])).toEqual([
      [0, 'secret/1', 'relay/forbidden'],
      [0, 'note/1', 'relay/invalid'],
    ])
    expect(ann.closedWith).toBeNull()
  })
})

describe('chosen documents', () => {
  test('alone are sent, live and in a catch-up; one that is asked for is one of them from then on', async () => {
    const relay = startRelay(newLog(), { limits: { maxRingItems: 1, maxLiveLag: 3 } })
    for (let i = 1; i <= 6; i++) await write(relay, `note/${i % 3}`, `${i}`, i)
    const state: ReplicaState = { cursor: null, incarnations: [], documents: new Map() }
    const ann = connect(relay, { credit: 0, state })
    const { head, incarnation } = await ann.welcomed()
    state.cursor = { incarnation, seq: head, grants: '', scope: '' }
    ann.send({ type: 'scope', seq: head, documents: ['note/1'] }, { type: 'credit', bytes: 10_000 })
    await write(relay, 'note/1', 'a', 11)
    await write(relay, 'note/2', 'b', 12)
    ann.send({ type: 'subscribe', document: 'note/2', stateVector: new Uint8Array(), lastSeq: 0 })
    await ann.until(() => said(ann, 'state').length === 1)
    await write(relay, 'note/2', 'c', 13)
    await ann.until(() => state.documents.has('note/2'))
    ann.send({ type: 'unsubscribe', document: 'note/1' }, { type: 'ping' })
    await ann.until(() => said(ann, 'pong').length > 0)
    await write(relay, 'note/1', 'd', 14)
    await write(relay, 'note/2', 'e', 15)
    await ann.until(() => state.documents.get('note/2')?.length === 2)
    expect(
      Object.fromEntries([...state.documents].map(([name, updates]) => [name, updates.map((update) => textOf(update)).join('')])),
    ).toEqual({
      'note/1': 'a',
      'note/2': 'ce',
    })
    ann.close()
    // Far behind, so that it is listed by document.
    for (let i = 20; i < 26; i++) await write(relay, `note/${i % 3}`, `${i % 10}`, i)
    const { cursor } = state
    const again = connect(relay, { credit: 0, state })
    await again.welcomed()
    again.send({ type: 'scope', seq: cursor?.seq ?? 0, documents: ['note/2'] }, { type: 'credit', bytes: 10_000 })
    await again.until(() => said(again, 'changes').some((changes) => changes.mode === 'catch-up' && changes.done))
    expect([...state.documents].map(([name, updates]) => [name, updates.length])).toEqual([
      ['note/1', 1],
      ['note/2', 3],
    ])
  })

  test('come before any credit, and once', async () => {
    const ann = connect(startRelay(newLog()))
    await ann.welcomed()
    ann.send({ type: 'scope', seq: 0, documents: [] })
    await ann.until(() => ann.closedWith !== null)
    expect(said(ann, 'bye')).toMatchObject([{ code: 'protocol/malformed' }])
  })
})

describe('stale', () => {
  const large = 'x'.repeat(3_000)

  async function behind(speaks: boolean) {
    const log = newLog()
    const relay = startRelay(log, { limits: { maxRepeatBytes: 1_000, maxRingItems: 1 } })
    await write(relay, 'note/small', 's', 1)
    const ann = connect(relay)
    await ann.until(() => ann.state.documents.size === 1)
    ann.close()
    await write(relay, 'note/large', large, 2)
    await write(relay, 'note/small', 't', 3)
    await log.compact('acme', 'note/large')
    const again = connect(relay, { credit: 0, state: ann.state })
    await again.welcomed()
    if (speaks) again.send({ type: 'features', features })
    again.send({ type: 'credit', bytes: 100_000 })
    await again.until(() => again.state.cursor?.seq === 3 && again.state.cursor.catchUp === undefined)
    return again
  }

  test('names what is too large to be repeated, to who understands it', async () => {
    const ann = await behind(true)
    expect([...ann.state.documents.keys()]).toEqual(['note/small'])
    const names = new Map(said(ann, 'names').flatMap(({ names: told }) => told))
    expect(said(ann, 'stale').map(({ seq, numbers }) => [seq, numbers.map((number) => names.get(number))])).toEqual([[3, ['note/large']]])
  })

  test('is never said to a client of the first build, which gets everything', async () => {
    const ann = await behind(false)
    expect(said(ann, 'stale')).toEqual([])
    expect(textOf((ann.state.documents.get('note/large') as [Uint8Array])[0])).toBe(large)
  })
})

describe('audit', () => {
  test('finds what the relay lacks, structs or deletions, and is silent about the rest', async () => {
    const doc = new Y.Doc({ guid: 'a' })
    doc.clientID = 7
    doc.getText('t').insert(0, 'hello')
    const relay = startRelay(newLog())
    const ann = connect(relay)
    await ann.welcomed()
    const n = ann.push('note/1', Y.encodeStateAsUpdate(doc))
    await ann.until(() => ann.isAcked(n))
    const audit = (): void => {
      const state = Y.encodeStateAsUpdate(doc)
      const stateVector = Y.encodeStateVector(doc)
      ann.send({ type: 'audit', document: 'note/1', stateVector, deletes: Y.diffUpdate(state, stateVector) })
    }
    audit()
    ann.send({ type: 'subscribe', document: 'note/1', stateVector: new Uint8Array(), lastSeq: 0 })
    await ann.until(() => said(ann, 'state').length === 1)
    expect(said(ann, 'lacking')).toEqual([])
    doc.getText('t').delete(0, 1)
    audit()
    await ann.until(() => said(ann, 'lacking').length === 1)
    doc.getText('t').insert(0, 'j')
    audit()
    await ann.until(() => said(ann, 'lacking').length === 2)
    expect(said(ann, 'lacking')[0]).toEqual({ type: 'lacking', document: 'note/1' })
  })
})

test('[P8] large audits and state vectors are read in threads, of both protocols', async () => {
  const pool = createWorkPool({ clock: systemClock })
  const jobs: JobKind[] = []
  const work: Work = {
    run: (kind, input, lane) => {
      jobs.push(kind)
      return pool.run(kind, input, lane)
    },
    close: () => pool.close(),
  }
  const relay = startRelay(newLog(), { work })
  await write(relay, 'note/1', 'hello', 1)
  const clients = new Map(Array.from({ length: 20_000 }, (_, i) => [i + 1, 1]))
  const stateVector = encodeStateVector({ ...emptyState(), stateVector: clients })
  const ann = connect(relay)
  await ann.welcomed()
  ann.send({ type: 'audit', document: 'note/1', stateVector, deletes: Uint8Array.of(0, 0) })
  ann.send({ type: 'subscribe', document: 'note/1', stateVector, lastSeq: 0 })
  ann.send({ type: 'subscribe', document: 'note/1', stateVector: stateVector.subarray(0, 50_000), lastSeq: 0 })
  await ann.until(() => said(ann, 'refuse').length === 1)
  expect(said(ann, 'lacking')).toHaveLength(1)
  expect(textOf(said(ann, 'state')[0]?.update ?? new Uint8Array(), textUpdate('hello', 1))).toBe('hello')
  expect(said(ann, 'refuse')).toMatchObject([{ n: 0, document: 'note/1', code: 'relay/invalid' }])
  expect(jobs).toEqual(['audit', 'diff', 'diff'])

  const frames: Uint8Array[] = []
  const answered = Promise.withResolvers<void>()
  const closed = Promise.withResolvers<number>()
  const send = (bytes: Uint8Array): void => void (frames.push(bytes) && bytes[1] === 1 && answered.resolve())
  const stock = relay.connectStock({ send, close: closed.resolve, bufferedBytes: 0 }, { space: 'acme', document: 'note/1' })
  stock.open()
  stock.message(encodeStep1(stateVector))
  await answered.promise
  stock.message(encodeStep1(stateVector.subarray(0, 50_000)))
  expect(await closed.promise).toBe(closeCodes.malformed)
  expect(jobs.slice(3)).toEqual(['answer', 'answer'])
  await relay.close()
})

test('slow is said while much waits for the log, once for its time', async () => {
  const gate = Promise.withResolvers<void>()
  const log = createMemoryLog({ random: systemRandom, beforeCommit: () => gate.promise })
  const relay = startRelay(log, { limits: { slowBytes: 100, slowHoldMs: 60_000 } })
  const ann = connect(relay)
  await ann.welcomed()
  const last = [1, 2, 3, 4].map((client) => ann.push('note/1', textUpdate('x'.repeat(80), client))).at(-1) as number
  await ann.until(() => said(ann, 'slow').length === 1)
  gate.resolve()
  await ann.until(() => ann.isAcked(last))
  expect(said(ann, 'slow')).toEqual([{ type: 'slow', holdMs: expect.any(Number) }])
})

test('purged goes ahead of the changes that pass it, live, from the log and by document', async () => {
  const relay = startRelay(newLog(), { limits: { maxRingItems: 1 } })
  await write(relay, 'note/1', 'a', 1)
  await write(relay, 'note/2', 'b', 2)
  const live = connect(relay)
  await live.until(() => live.state.documents.size === 2)
  const away = connect(relay)
  await away.until(() => away.state.documents.size === 2)
  away.close()
  await relay.purge('acme', 'note/1', 'operator')
  await write(relay, 'note/2', 'c', 3)
  const fresh = connect(relay)
  const back = connect(relay, { state: away.state })
  for (const one of [live, back, fresh]) {
    await one.until(() => one.state.cursor?.seq === 4 && one.state.cursor.catchUp === undefined)
    expect(said(one, 'purged')).toEqual([{ type: 'purged', documents: ['note/1'] }])
  }
})

describe('presence', () => {
  test('of Tidemark clients is theirs until they leave, named by the relay, for readers too', async () => {
    const relay = startRelay(newLog(), {
      authorize: ({ token }) => ({ principal: token, grants: [{ prefix: 'note/', access: 'read' }], expiresAtMs: null }),
    })
    const [ann, bob] = [connect(relay, { token: 'ann' }), connect(relay, { token: 'bob' })]
    await Promise.all([ann.welcomed(), bob.welcomed()])
    const say = (client: typeof ann, id: number, clock: number, state: string, document = 'note/1') =>
      client.send({ type: 'awareness', document, isHere: true, entries: [{ client: id, clock, state }] })
    bob.send({ type: 'awareness', document: 'note/1', isHere: true, entries: [] }, { type: 'ping' })
    await bob.until(() => said(bob, 'pong').length > 0)
    say(ann, 5, 1, '{"$user":"eve"}')
    say(ann, 6, 1, '{}', 'secret/1')
    await bob.until(() => said(bob, 'awareness').length === 1)
    expect(said(bob, 'awareness')).toEqual([
      { type: 'awareness', document: 'note/1', isHere: true, entries: [{ client: 5, clock: 1, state: '{"$user":"ann"}' }] },
    ])
    // An id is its first sender's.
    say(bob, 5, 9, '{"x":1}')
    say(bob, 8, 1, '{}')
    await ann.until(() => said(ann, 'awareness').some(({ entries }) => entries[0]?.client === 8))
    expect(
      said(ann, 'awareness')
        .flatMap(({ entries }) => entries)
        .map(({ client, state }) => [client, state]),
    ).toEqual([
      [5, '{"$user":"ann"}'],
      [8, '{"$user":"bob"}'],
    ])
    ann.close()
    await bob.until(() => said(bob, 'awareness').some(({ entries }) => entries[0]?.state === 'null'))
    expect(said(bob, 'awareness').at(-1)?.entries).toEqual([{ client: 5, clock: 1, state: 'null' }])
  })
})
