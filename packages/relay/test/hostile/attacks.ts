/**
 * Attacks made by hand: updates that break, bloat or split documents where nobody looks at them first.
 *
 * Each is a sequence of pushes to one document in which `victim` has written "hello" at the root `t`, under client 1.
 */
import * as encoding from 'lib0/encoding'
import * as Y from 'yjs'
import { by, content, gc, item, skip, update, written } from './raw.ts'

export interface Attack {
  readonly name: string
  /** Made when asked for: some are large. */
  pushes(): readonly Uint8Array[]
  /** What becomes of them: all refused, or some taken since they do no harm. */
  readonly fate: 'refused' | 'harmless'
}

/** Takes seconds to make or to look at; left to the long run. */
export const isLarge = ({ name }: Attack): boolean => /\d0,\d{3}|\d{3},000|smallest|thousand/.test(name)

const evil = 666
const victim = 1
const root = { root: 't' } as const
const at = (clock: number) => ({ origin: [evil, clock] as const })
const range = (length: number): readonly number[] => Array.from({ length }, (_, i) => i)
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values)
const lots = 2 ** 53 - 1

const anyNest = (depth: number): Uint8Array =>
  written((e) => {
    for (let i = 0; i < depth; i++) {
      encoding.writeUint8(e, 117)
      encoding.writeVarUint(e, 1)
    }
    encoding.writeUint8(e, 126)
  })

const anyKey = (key: string): Uint8Array =>
  written((e) => {
    encoding.writeUint8(e, 118)
    encoding.writeVarUint(e, 1)
    encoding.writeVarString(e, key)
    encoding.writeUint8(e, 120)
  })

/** An array in an array in an array, each the first thing of the one around it. */
const nest = (depth: number, from = 0): ReturnType<typeof item>[] =>
  range(depth).map((i) => item(from + i === 0 ? root : { parent: [evil, from + i - 1] }, content.type(0)))

const v2 = ((): Uint8Array => {
  const doc = new Y.Doc({ guid: 'v2' })
  doc.getText('t').insert(0, 'as version 2')
  return Y.encodeStateAsUpdateV2(doc)
})()

type Make = () => Uint8Array | readonly Uint8Array[]

const attack =
  (fate: Attack['fate']) =>
  (name: string, ...makes: readonly Make[]): Attack => ({ name, fate, pushes: () => makes.flatMap((make) => make()) })

const refused = attack('refused')
const harmless = attack('harmless')

/** What a document must never take: yjs-facts 5.1 and 5.2, and more. */
export const attacks: readonly Attack[] = [
  refused('a deleted struct of length 0', () => bytes(1, 1, 5, 0, 1, 1, 1, 0x74, 0, 0)),
  refused('a text of length 0', () => by(evil, item(root, content.string('')))),
  refused('a list of no values', () => by(evil, item(root, content.any()))),
  refused('a collected struct of length 0', () => by(evil, gc(0))),
  refused('a gap of length 0', () => by(evil, skip(0))),
  refused('deleted ranges of length 0', () => update([], { [victim]: [[0, 0]] })),
  refused('100,000 root types behind a gap', () =>
    update([{ client: evil, clock: 5, structs: range(100_000).map((i) => item({ root: `r${i}` }, content.any(i))) }]),
  ),
  refused('100,000 root types', () =>
    by(
      evil,
      range(100_000).map((i) => item({ root: `r${i}` }, content.any(i))),
    ),
  ),
  refused('gaps of 2,000 clients, one by one', () =>
    range(2_000).map((i) => update([{ client: 1_000 + i, clock: 3, structs: [item(root, content.string('x'))] }])),
  ),
  refused('deletions of 2,000 unknown clients, one by one', () => range(2_000).map((i) => update([], { [10_000 + i]: [[0, 1]] }))),
  refused('everything that the victim will ever write is deleted', () => update([], { 77: [[0, lots]] })),
  harmless('everything that the victim has written is deleted', () => update([], { [victim]: [[0, 5]] })),
  refused('everything that the victim has written is deleted, and all that it will', () => update([], { [victim]: [[0, 2 ** 31 - 1]] })),
  refused('a collected struct up to the end of clocks', () => by(evil, gc(lots))),
  refused('a collected struct to 2^31', () => by(evil, gc(2 ** 31))),
  refused('a clock from near 2^53', () => update([{ client: evil, clock: lots - 1, structs: [gc(1)] }])),
  harmless('a collected struct of 2^31 - 1', () => by(evil, gc(2 ** 31 - 2))),
  refused('2^25 structs promised', () => update([{ client: evil, clock: 0, structs: [], count: 2 ** 25 }])),
  refused('2^40 clients promised', () => written((e) => encoding.writeVarUint(e, 2 ** 40))),
  refused('2^40 deleted ranges promised', () => written((e) => void [0, 1, 5, 2 ** 40].forEach((n) => void encoding.writeVarUint(e, n)))),
  refused('2^50 values promised', () => by(evil, item(root, content.rawAny(2 ** 50, bytes(126))))),
  refused('2^50 bytes of a text promised', () =>
    written((e) => void [1, 1, evil, 0, 4, 1, 1, 0x74, 2 ** 50].forEach((n) => void encoding.writeVarUint(e, n))),
  ),
  harmless('2,000 clients insert at one spot', () =>
    range(20).map((j) =>
      update(range(100).map((i) => ({ client: 1_000 + j * 100 + (99 - i), clock: 0, structs: [item(root, content.string('x'))] }))),
    ),
  ),
  harmless(
    '40,000 deletions of one letter each, falling',
    () => by(evil, item(root, content.string('x'.repeat(80_000)))),
    () => update([], { [evil]: range(40_000).map((i): [number, number] => [79_999 - 2 * i, 1]) }),
  ),
  refused('300,000 maps in a list', () =>
    by(
      evil,
      item(root, content.type(1)),
      range(299_999).map((i) => item(at(i), content.type(1))),
    ),
  ),
  refused('types nested 5,000 deep', () => by(evil, nest(5_000))),
  harmless('types nested 5,000 deep, ten in a push', () =>
    range(500).map((i) => update([{ client: evil, clock: i * 10, structs: nest(10, i * 10) }])),
  ),
  harmless('types nested 1,000 deep, each beside a text', () =>
    range(1_000).map((i) =>
      update([
        {
          client: evil,
          clock: i * 2,
          structs: [
            item(i === 0 ? root : { parent: [evil, i * 2 - 1] }, content.string('x')),
            item({ origin: [evil, i * 2] }, content.type(0)),
          ],
        },
      ]),
    ),
  ),
  refused('a value nested 5,000 deep', () => by(evil, item(root, content.rawAny(1, anyNest(5_000))))),
  refused('an embed nested 5,000 deep', () => by(evil, item(root, content.embed('['.repeat(5_000) + ']'.repeat(5_000))))),
  refused('a format nested 5,000 deep', () => by(evil, item(root, content.format('bold', '['.repeat(5_000) + ']'.repeat(5_000))))),
  refused('an origin in its own future', () => by(evil, item({ origin: [evil, 5] }, content.string('x')))),
  refused('itself as origin', () => by(evil, item({ origin: [evil, 0] }, content.string('x')))),
  refused('itself as parent', () => by(evil, item({ parent: [evil, 0] }, content.type(0)))),
  refused('two that each build on the other', () =>
    update([
      { client: evil, clock: 0, structs: [item({ origin: [5, 0] }, content.string('a'))] },
      { client: 5, clock: 0, structs: [item({ origin: [evil, 0] }, content.string('b'))] },
    ]),
  ),
  refused('one client twice', () =>
    update(['A', 'B'].map((value) => ({ client: evil, clock: 0, structs: [item(root, content.string(value))] }))),
  ),
  refused('clients that rise', () => update([5, 6].map((client) => ({ client, clock: 0, structs: [item(root, content.string('x'))] })))),
  refused('a client of 2^32', () => by(2 ** 32, item(root, content.string('x')))),
  refused('a client twice among the deletions', () =>
    written((e) => void [0, 2, 1, 1, 0, 1, 1, 1, 1, 1].forEach((n) => void encoding.writeVarUint(e, n))),
  ),
  refused('the key __proto__ of an object', () => by(evil, item(root, content.rawAny(1, anyKey('__proto__'))))),
  refused('the key __proto__ of a map', () => by(evil, item({ root: 'm', key: '__proto__' }, content.any(1)))),
  refused('the key __proto__ of an embed', () => by(evil, item(root, content.embed('{"__proto__":{"isAdmin":true}}')))),
  refused('the key __proto__ of an embed, spelt otherwise', () =>
    by(evil, item(root, content.embed('{"__pr\\u006fto__":{"isAdmin":true}}'))),
  ),
  refused('the key __proto__ of a format', () => by(evil, item(root, content.format('__proto__', 'true')))),
  refused('the root __proto__', () => by(evil, item({ root: '__proto__' }, content.any(1)))),
  refused('a name of 10,000 letters', () => by(evil, item({ root: 'r'.repeat(10_000) }, content.any(1)))),
  refused('a key of 10,000 letters', () => by(evil, item({ root: 'm', key: 'k'.repeat(10_000) }, content.any(1)))),
  refused('a sub-document that loads itself', () => by(evil, item(root, content.doc('guid', { autoLoad: true })))),
  refused('content of old', () => by(evil, item(root, content.json('1')))),
  refused('bytes behind the end', () => update([], {}, (e) => encoding.writeUint8Array(e, bytes(1, 2, 3)))),
  refused('content of a kind that there is not', () => by(evil, item(root, content.unknown(11)))),
  refused('a type of a kind that there is not', () => by(evil, item(root, content.type(7)))),
  refused('an embed that is not JSON', () => by(evil, item(root, content.embed('{')))),
  refused('an embed that is "undefined"', () => by(evil, item(root, content.embed('undefined')))),
  refused('a format that is not JSON', () => by(evil, item(root, content.format('bold', 'tru')))),
  refused('bytes that are not UTF-8', () => by(evil, item(root, content.rawString(bytes(0xff, 0xfe))))),
  refused('half a surrogate pair', () => by(evil, item(root, content.rawString(bytes(0xed, 0xa0, 0x80))))),
  refused('a number without an end', () => bytes(...range(40).map(() => 0xff))),
  refused('a value of a kind that there is not', () => by(evil, item(root, content.rawAny(1, bytes(42))))),
  refused('a collected struct with an origin', () =>
    by(evil, (e) => void [0x80, evil, 0, 1].forEach((n) => void encoding.writeVarUint(e, n))),
  ),
  refused('version 2', () => v2),
  refused('a bomb of version 2', () => bytes(0, 0, 1, 0, 0, 8, 1, 0xbf, 0xff, 0xff, 3, 0, 0, 0, 0, 0, 0, 0)),
  refused('nothing at all', () => bytes()),
  harmless('nothing but a gap', () => by(evil, skip(5))),
  harmless('a gap in front of what is known', () => update([{ client: victim, clock: 0, structs: [skip(5)] }])),
  harmless('the victim’s own past with other content', () => by(victim, item(root, content.string('EVIL!')))),
  harmless('a text as parent', () => by(evil, item(root, content.string('x')), item({ parent: [evil, 0] }, content.string('child')))),
  harmless('something collected as parent and as origin', () =>
    by(evil, gc(3), item({ parent: [evil, 1] }, content.string('x')), item({ origin: [evil, 2] }, content.string('y'))),
  ),
  harmless('neighbours of two different parents', () =>
    by(
      evil,
      item({ root: 'a' }, content.string('a')),
      item({ root: 'b' }, content.string('b')),
      item({ origin: [evil, 0], right: [evil, 1] }, content.string('c')),
    ),
  ),
  harmless('a right neighbour that stands to the left', () =>
    by(evil, item(root, content.string('ab')), item({ origin: [evil, 1], right: [evil, 0] }, content.string('c'))),
  ),
  harmless('one root as everything at once', () =>
    by(
      evil,
      item(root, content.string('x')),
      item({ root: 't', key: 'k' }, content.any(1)),
      item(at(0), content.type(3, 'p')),
      item(at(2), content.format('b', '1')),
      item(at(3), content.embed('{}')),
    ),
  ),
  harmless('a map key under a text and a text in a map', () =>
    by(
      evil,
      item({ root: 'm', key: 'k' }, content.type(2)),
      item({ parent: [evil, 0], key: 'k' }, content.any(1)),
      item({ origin: [evil, 1] }, content.string('x')),
    ),
  ),
  harmless('a hook', () => by(evil, item({ root: 'x' }, content.type(5, 'hook')))),
  harmless('20,000 formats that undo each other', () =>
    by(
      evil,
      item(root, content.string('ab')),
      range(20_000).map((i) => item({ origin: [evil, i + 1] }, content.format('b', i % 2 === 0 ? 'true' : 'null'))),
    ),
  ),
  harmless(
    'one half of a pair known, the other pushed with it',
    () => by(evil, item(root, content.string('x'))),
    () => by(evil, item(root, content.string('😀'))),
  ),
  harmless('ranges that overlap and fall', () =>
    update([], {
      [victim]: [
        [3, 2],
        [0, 4],
        [1, 1],
      ],
    }),
  ),
  refused('50,001 clients at once', () => update(range(50_001).map((i) => ({ client: 100_000 - i, clock: 0, structs: [gc(1)] })))),
  harmless('a thousand clients in each of sixty pushes', () =>
    range(60).map((j) => update(range(1_000).map((i) => ({ client: 1_000_000 + j * 1_000 + (999 - i), clock: 0, structs: [gc(1)] })))),
  ),
  harmless('the smallest structs, as many as fit', () =>
    by(
      evil,
      range(400_000).map(() => gc(1)),
    ),
  ),
  refused('three letters under one key', () => by(evil, item({ root: 'm', key: 'k' }, content.string('abc')))),
  refused('two values behind one under a key', () =>
    by(evil, item({ root: 'm', key: 'k' }, content.any(1)), item({ origin: [evil, 0] }, content.any(2, 3))),
  ),
]
