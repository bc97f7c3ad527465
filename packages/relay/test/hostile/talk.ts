/** Well-formed messages of every type that a client has, at the wrong moment, in the wrong order, with values that no client would name. */
import { type ClientMessage, type Cursor, encodeClientMessages, features, type Hello } from '@tidemark/protocol'
import * as Y from 'yjs'
import { bentUpdate, type Chance } from './bending.ts'

export interface Talk {
  readonly chance: Chance
  readonly space: string
  readonly document: string
  /** Honest updates of the document. */
  readonly updates: readonly Uint8Array[]
}

const absurd = [0, 1, 2, 7, 255, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 40, Number.MAX_SAFE_INTEGER]
const texts = ['', '&', 'note/,-x', '__proto__', 'x'.repeat(4_000), '\u0000', '😀', 'state', 'awareness']

export function helloTo(space: string, changes: Partial<Hello> = {}): Hello {
  const plain = { type: 'hello', version: 1, space, token: '', replica: 'fuzz', build: 'fuzz', cursor: null, incarnations: [] } as const
  return { ...plain, credit: 1 << 20, ...changes }
}

/** Frames of a connection: nearly always a hello first, mostly a good one, and then anything. */
export function talk(given: Talk): Uint8Array[] {
  const { chance, space } = given
  const hello = chance.below(4) === 0 ? strangeHello(given) : helloTo(space)
  const messages = Array.from({ length: 3 + chance.below(20) }, (_, i) => saying(given, i + 1))
  const opening: ClientMessage[] = chance.below(20) === 0 ? [] : [hello]
  const named: ClientMessage[] = chance.below(3) === 0 ? [] : [{ type: 'features', features: [...features] }]
  // Together in a frame, or each in its own.
  const isOne = chance.below(2) === 0
  const rest = [...named, ...messages]
  return [...encode(opening), ...(isOne ? encode(rest) : rest.flatMap((message) => encode([message])))]
}

const encode = (messages: readonly ClientMessage[]): Uint8Array[] => encodeClientMessages(messages)

function strangeHello({ chance, space }: Talk): Hello {
  const number = (): number => chance.pick(absurd)
  const cursor = (): Cursor => ({
    incarnation: chance.pick(['', 'never', 'x'.repeat(100)]),
    seq: number(),
    grants: chance.pick(texts),
    scope: chance.pick(texts),
    ...(chance.below(2) === 0
      ? {}
      : { catchUp: { to: number(), last: number(), ...(chance.below(2) === 0 ? {} : { grants: chance.pick(texts) }) } }),
  })
  const incarnations = Array.from({ length: chance.below(17) }, (_, i) => ({ id: chance.pick(['', `i${i}`, 'same']), first: number() }))
  return helloTo(chance.pick([space, space, space, 'no such', '', '/', 'x'.repeat(300)]), {
    version: chance.pick([1, 1, 1, 0, 2, 2 ** 40]),
    token: chance.pick(texts),
    replica: chance.pick(texts),
    cursor: chance.below(2) === 0 ? null : cursor(),
    incarnations,
    credit: number(),
  })
}

/** How often each is said; what ends the connection as a rule only now and then, so that what comes behind is heard. */
const weights: Readonly<Record<ClientMessage['type'], number>> = {
  hello: 1,
  chunk: 1,
  scope: 1,
  token: 2,
  features: 4,
  ping: 4,
  credit: 8,
  unsubscribe: 8,
  carry: 8,
  push: 12,
  subscribe: 12,
  audit: 12,
  awareness: 12,
}
const types = (Object.keys(weights) as ClientMessage['type'][]).flatMap((type) => Array.from({ length: weights[type] }, () => type))

function saying(given: Talk, n: number): ClientMessage {
  const { chance, space, updates } = given
  const number = (): number => chance.pick(absurd)
  const document = chance.pick([given.document, given.document, given.document, 'note/a', 'note/none', 'no name', ...texts])
  const state = (): Uint8Array => chance.pick(updates)
  const type = chance.pick(types)
  switch (type) {
    case 'hello':
      return chance.below(4) === 0 ? strangeHello(given) : helloTo(space)
    case 'token':
      return { type, token: chance.pick(texts) }
    case 'push':
    case 'carry':
      return {
        type,
        n: chance.below(40) === 0 ? number() : n,
        document,
        update: chance.below(2) === 0 ? state() : bentUpdate(chance, updates),
      }
    case 'credit':
      return { type, bytes: number() }
    case 'subscribe':
      return { type, document, stateVector: vectorOf(given), lastSeq: number() }
    case 'unsubscribe':
      return { type, document }
    case 'scope':
      return { type, seq: number(), documents: Array.from({ length: chance.below(6) }, () => chance.pick([document, 'note/b', ...texts])) }
    case 'audit':
      return {
        type,
        document,
        stateVector: vectorOf(given),
        deletes: chance.pick([Uint8Array.of(0, 0), state(), bentUpdate(chance, updates)]),
      }
    case 'awareness':
      return { type, document, isHere: chance.below(4) > 0, entries: Array.from({ length: chance.below(20) }, () => presenceOf(chance)) }
    case 'features':
      return { type, features: Array.from({ length: chance.below(9) }, () => chance.pick([...features, ...texts])) }
    case 'chunk':
      return {
        type,
        totalBytes: chance.pick([1, 3, 100, 2 ** 20, 2 ** 40]),
        offset: chance.pick([0, 0, 0, 2, 50]),
        part: Uint8Array.of(chance.below(14)),
      }
    case 'ping':
      return { type }
  }
}

function vectorOf({ chance, updates }: Talk): Uint8Array {
  const honest = Y.encodeStateVectorFromUpdate(chance.pick(updates))
  return chance.pick([
    new Uint8Array(),
    Uint8Array.of(0),
    honest,
    honest.subarray(0, 3),
    Uint8Array.of(1, 255, 255, 255, 255, 15, 255, 255, 255, 255, 15),
  ])
}

function presenceOf(chance: Chance): { client: number; clock: number; state: string } {
  const states = [
    'null',
    '{}',
    '{"name":"x"}',
    '[]',
    '1',
    '',
    '{',
    '{"__proto__":{"a":1}}',
    '{"$user":"root"}',
    `{"a":${'['.repeat(500)}${']'.repeat(500)}}`,
  ]
  return {
    client: chance.below(3) === 0 ? chance.pick(absurd) : chance.below(30),
    clock: chance.pick([0, 1, 2, chance.below(2 ** 30), ...absurd]),
    state: chance.pick(states),
  }
}
