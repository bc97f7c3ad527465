/**
 * Attacks made by hand that are more than updates of one document: requests, presence, many sessions, many documents.
 *
 * Each speaks to a relay at an address. Where it has a `before`, the relay is stopped and started again between the two, so
 * that nothing of what was written is in its memory.
 */
import { type ClientMessage, encodeClientMessages } from '@tidemark/protocol'
import { emptyState, encodeStateVector } from '@tidemark/updates'
import { WebSocket } from 'ws'
import { encodeStep1, encodeStockAwareness } from '../../src/stock-wire.ts'
import { type Dialled, dial } from '../network.ts'
import { textUpdate, type WireClient } from '../wire-client.ts'
import { by, content, gc, item, update } from './raw.ts'

export interface SessionAttack {
  readonly name: string
  before?(url: string): Promise<void>
  run(url: string): Promise<void>
}

type Line = WireClient & Dialled

const evil = 666
const target = 'note/1'
const range = (length: number): readonly number[] => Array.from({ length }, (_, i) => i)
const root = { root: 't' } as const

async function enter(url: string, credit = 1 << 30): Promise<Line> {
  const line = dial(url, { credit })
  await line.welcomed()
  return line
}

/** The relay has answered what was pushed before, or hung up. */
async function answered(line: Line): Promise<void> {
  const n = line.push('note/probe', textUpdate('x', 1 + (++probes % 2 ** 20)))
  await line.until(() => line.isAcked(n) || line.refused.has(n) || line.closedWith !== null)
}
let probes = 0

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Nothing was received for a while. */
async function quiet(line: Line): Promise<void> {
  for (let before = -1; before !== line.receivedBytes && line.closedWith === null; await pause(300)) before = line.receivedBytes
}

async function push(line: Line, document: string, updates: readonly Uint8Array[]): Promise<void> {
  for (const bytes of updates) {
    const n = line.push(document, bytes)
    await line.until(() => line.isAcked(n) || line.refused.has(n) || line.closedWith !== null)
  }
}

const leave = (...lines: readonly Line[]): void => {
  for (const line of lines) line.close()
}

const manyClients = (count: number): Uint8Array =>
  encodeStateVector({ ...emptyState(), stateVector: new Map(range(count).map((i) => [i + 1, 1])) })

/** Every other clock of `length` from `from` on. */
const scattered = (from: number, count: number): Uint8Array =>
  update([], { [evil]: range(count).map((i): [number, number] => [from + 2 * i, 1]) })

const smallest = (count: number): Uint8Array =>
  by(
    evil,
    range(count).map(() => gc(1)),
  )

const subscribe = (document: string, stateVector: Uint8Array = new Uint8Array()): ClientMessage => ({
  type: 'subscribe',
  document,
  stateVector,
  lastSeq: 0,
})

const presence = (document: string, client: number, clock: number, state: string): ClientMessage => ({
  type: 'awareness',
  document,
  isHere: true,
  entries: [{ client, clock, state }],
})

/** An attack of one session that says all this at once. */
const says = (name: string, messages: () => readonly ClientMessage[], before?: (url: string) => Promise<void>): SessionAttack => ({
  name,
  ...(before === undefined ? {} : { before }),
  run: async (url) => {
    const line = await enter(url)
    line.send(...messages())
    await answered(line)
    await quiet(line)
    leave(line)
  },
})

const writes =
  (document: string, updates: () => readonly Uint8Array[]) =>
  async (url: string): Promise<void> => {
    const line = await enter(url, 0)
    await push(line, document, updates())
    leave(line)
  }

const largeText = (): readonly Uint8Array[] => [by(evil, item(root, content.string('x'.repeat(8 << 20))))]

const manyWriters = (): readonly Uint8Array[] =>
  range(50).map((j) => update(range(1_000).map((i) => ({ client: 1_000_000 + j * 1_000 + (999 - i), clock: 0, structs: [gc(1)] }))))

async function stock(url: string, document: string): Promise<WebSocket> {
  const socket = new WebSocket(`${url}/acme/${document}`)
  await new Promise((resolve) => socket.once('open', resolve))
  socket.on('error', () => undefined)
  return socket
}

async function stockSays(url: string, messages: readonly Uint8Array[]): Promise<void> {
  const socket = await stock(url, target)
  let received = 0
  socket.on('message', (data: Buffer) => {
    received += data.length
  })
  for (const message of messages) socket.send(message)
  for (let before = -1; before !== received && socket.readyState === socket.OPEN; await pause(300)) before = received
  socket.close()
}

export const sessionAttacks: readonly SessionAttack[] = [
  says('a thousand requests for a document of 8 MiB', () => range(1_000).map(() => subscribe(target)), writes(target, largeText)),
  says('a thousand requests for documents that there are not', () => range(1_000).map((i) => subscribe(`note/none${i}`))),
  says(
    'three requests with state vectors of 100,000 clients',
    () => range(3).map(() => subscribe(target, manyClients(100_000))),
    writes(target, () => [textUpdate('hello', 1)]),
  ),
  says(
    'a thousand requests for a document of 50,000 clients',
    () => range(1_000).map(() => subscribe(target, manyClients(1))),
    writes(target, manyWriters),
  ),
  says('an audit of 700,000 ranges', () => [
    { type: 'audit', document: target, stateVector: manyClients(1), deletes: scattered(0, 700_000) },
  ]),
  says('an audit of 1,500,000 structs', () => [
    { type: 'audit', document: target, stateVector: manyClients(1), deletes: smallest(1_500_000) },
  ]),
  says('an audit of 100,000 clients', () => [
    {
      type: 'audit',
      document: target,
      stateVector: manyClients(100_000),
      deletes: update([], Object.fromEntries(range(100_000).map((i) => [i + 1, [[0, 1]]]))),
    },
  ]),
  says('presence of 30 MB in one message', () => [
    {
      type: 'awareness',
      document: target,
      isHere: true,
      entries: range(4_000).map((i) => ({ client: i, clock: 1, state: JSON.stringify({ name: 'x'.repeat(7_500) }) })),
    },
  ]),
  says('a thousand presences of 64 KiB', () =>
    range(1_000).map((i) => presence(target, 5, i, JSON.stringify({ name: 'x'.repeat(60_000) }))),
  ),
  {
    name: 'a thousand presences before 200 of one’s own',
    run: async (url) => {
      const lines: Line[] = []
      for (const _ of range(200)) lines.push(await enter(url, 0))
      for (const [i, line] of lines.entries()) line.send(presence(target, 1_000 + i, 1, '{"name":"me"}'))
      const [first] = lines as [Line]
      await answered(first)
      first.send(...range(1_000).map((i) => presence(target, 1_000, 2 + i, '{"name":"me"}')))
      await answered(first)
      await quiet(lines[199] as Line)
      leave(...lines)
    },
  },
  says(
    'pushes into 250 cold documents of 32 KiB of the smallest structs',
    () =>
      range(250).map((i) => ({
        type: 'push',
        n: i + 1,
        document: `cold/${i}`,
        update: update([{ client: 9, clock: 0, structs: [gc(1)] }]),
      })),
    async (url) => {
      const line = await enter(url, 0)
      for (const i of range(250)) await push(line, `cold/${i}`, [smallest(16_000)])
      leave(line)
    },
  ),
  {
    name: '250 documents of 32 KiB of the smallest structs at once',
    run: async (url) => {
      const line = await enter(url, 0)
      const one = smallest(16_000)
      for (const i of range(250)) line.push(`many/${i}`, one)
      await answered(line)
      await quiet(line)
      leave(line)
    },
  },
  {
    name: 'a document of 4,000,000 deleted ranges',
    run: async (url) => {
      const line = await enter(url, 0)
      const count = 490_000
      await push(line, target, [by(evil, gc(2 ** 30)), ...range(8).map((i) => scattered(i * count * 2, count))])
      await push(
        line,
        target,
        range(8).map((i) => scattered(2 ** 29 + i * 100, 40)),
      )
      leave(line)
    },
  },
  {
    name: 'a document of 3,000,000 places',
    run: async (url) => {
      const line = await enter(url, 0)
      const count = 300_000
      const places = [item(root, content.deleted(1)), item({ root: 'm', key: 'k' }, content.deleted(1))]
      for (const i of range(10)) {
        const structs = range(count).map((j) => places[j % 2] as (typeof places)[number])
        await push(line, target, [update([{ client: evil, clock: i * count, structs }])])
      }
      await push(line, target, [textUpdate('x', 5)])
      await push(line, target, [by(7, item(root, content.string('x'.repeat(40_000))))])
      leave(line)
    },
  },
  {
    name: 'four texts of 15 MiB, and ten that join',
    run: async (url) => {
      const line = await enter(url, 0)
      await push(
        line,
        target,
        range(4).map((i) => by(evil + i, item(root, content.string('x'.repeat(15 << 20))))),
      )
      const joins = await Promise.all(range(10).map(() => enter(url)))
      for (const join of joins) await quiet(join)
      leave(line, ...joins)
    },
  },
  {
    name: 'state vectors of 100,000 clients from a stock client, 60 times',
    before: writes(target, () => [textUpdate('hello', 1)]),
    run: (url) =>
      stockSays(
        url,
        range(60).map(() => encodeStep1(manyClients(100_000))),
      ),
  },
  {
    name: 'a thousand empty state vectors from a stock client for 8 MiB',
    before: writes(target, largeText),
    run: (url) =>
      stockSays(
        url,
        range(1_000).map(() => encodeStep1(Uint8Array.of(0))),
      ),
  },
  {
    name: 'a thousand presences of a stock client, 60 KiB each',
    run: (url) =>
      stockSays(
        url,
        range(1_000).map((i) => encodeStockAwareness([{ client: 5, clock: i, state: JSON.stringify({ name: 'x'.repeat(60_000) }) }])),
      ),
  },
  {
    name: '4,000 names of 250 letters as scope, and a thousand that leave',
    run: async (url) => {
      const line = await enter(url, 0)
      line.send({ type: 'scope', seq: 0, documents: range(4_000).map((i) => `note/${'x'.repeat(240)}${i}`) })
      line.send(...range(1_000).map((i): ClientMessage => ({ type: 'unsubscribe', document: `note/${'x'.repeat(240)}${i}` })))
      await answered(line)
      leave(line)
    },
  },
  says('20,000 tokens', () => range(20_000).map(() => ({ type: 'token', token: 'x'.repeat(4_000) }))),
  says('60,000 grants of credit of one byte', () => range(60_000).map(() => ({ type: 'credit', bytes: 1 })), writes(target, largeText)),
  {
    name: '1 MB in chunks of one byte',
    run: async (url) => {
      const line = await enter(url)
      const totalBytes = 1 << 20
      const one = Uint8Array.of(1)
      const frame = (from: number): Uint8Array[] =>
        encodeClientMessages(range(1_000).map((i): ClientMessage => ({ type: 'chunk', totalBytes, offset: from + i, part: one })))
      for (let from = 0; from < 1_000_000; from += 1_000) for (const bytes of frame(from)) line.sendBytes(bytes)
      await answered(line)
      leave(line)
    },
  },
  {
    name: '2,000 connections, each to a space of its own',
    run: async (url) => {
      for (const i of range(2_000)) {
        const line = dial(url, { space: `s${i}` })
        await line.welcomed().catch(() => undefined)
        line.close()
      }
    },
  },
  {
    name: '10,000 documents, 250 in a frame',
    run: async (url) => {
      const line = await enter(url, 0)
      const one = textUpdate('x', 77)
      for (const i of range(40)) {
        for (const j of range(250)) line.push(`doc/${i}/${j}`, one)
        await answered(line)
      }
      leave(line)
    },
  },
]
