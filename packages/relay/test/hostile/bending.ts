/** What the fuzzer sends: honest updates of many kinds of documents, and how they and the frames around them are bent. */
import { type ClientMessage, encodeClientMessages } from '@tidemark/protocol'
import { arbitrated, defineEntity, latest } from '@tidemark/schema'
import * as Y from 'yjs'
import { z } from 'zod'
import { anonymous } from '../../src/index.ts'
import { encodeStep1, encodeStep2, encodeStockAwareness, encodeStockUpdate } from '../../src/stock-wire.ts'
import { by, content, gc, item, update } from './raw.ts'
import { helloTo } from './talk.ts'

/** Chance from a seed. */
export interface Chance {
  below(limit: number): number
  pick<T>(list: readonly T[]): T
}

export function chanceOf(seed: number): Chance {
  let state = (seed ^ 0x9e3779b9) >>> 0
  const below = (limit: number): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit
  }
  return { below, pick: (list) => list[below(list.length)] as (typeof list)[number] }
}

/** What the relay of the guarded blocks watches over, and answers. */
export const Seat = defineEntity('seat', {
  version: 1,
  fields: { holder: arbitrated(z.string().optional()), title: latest(z.string().optional()) },
})

/** Updates of a document as it is edited; `kind` chooses what it holds: text and maps, XML, entries by hand, entries of a guarded entity. */
export function honestUpdates(chance: Chance, kind: number): Uint8Array[] {
  const updates: Uint8Array[] = []
  const docs = [0, 1].map(() => {
    const doc = new Y.Doc({ guid: 'honest' })
    doc.clientID = 1 + chance.below(2 ** 31)
    doc.on('update', (bytes: Uint8Array, origin: unknown) => {
      if (origin !== 'sync') updates.push(bytes)
    })
    return doc
  })
  const seats = kind === 3 ? docs.map((doc) => Seat.attach(doc, { user: anonymous.principal, clock: { now: () => 1 } })) : []
  for (let i = 0; i < 8; i++) {
    const doc = docs[i % 2] as Y.Doc
    const other = docs[(i + 1) % 2] as Y.Doc
    if (chance.below(2) === 0) Y.applyUpdate(doc, Y.encodeStateAsUpdate(other, Y.encodeStateVector(doc)), 'sync')
    const seat = seats[i % 2]
    if (seat === undefined) doc.transact(() => edit(doc, chance, kind))
    else seat.set(chance.pick([{ holder: `h${chance.below(4)}` }, { title: `t${i}` }, { holder: 'ann', title: 'x' }]))
  }
  return updates
}

function edit(doc: Y.Doc, chance: Chance, kind: number): void {
  const text = doc.getText('t')
  const map = doc.getMap('m')
  const fragment = doc.getXmlFragment('x')
  const step = chance.below(8)
  if (kind === 1) {
    if (step === 0) fragment.insert(0, [new Y.XmlElement('p')])
    else if (step < 4 && fragment.get(0) instanceof Y.XmlElement) (fragment.get(0) as Y.XmlElement).insert(0, [new Y.XmlText('words')])
    else if (step === 4 && fragment.length > 1) fragment.delete(1, 1)
    else fragment.push([new Y.XmlText('é😀')])
  } else if (kind === 2) {
    const list = doc.getArray('$entries')
    if (step < 5)
      list.push([
        { i: [doc.clientID, Y.getState(doc.store, doc.clientID)], f: 'title', v: chance.below(9), o: [], by: '', t: 1, k: 'set', s: 1 },
      ])
    else if (list.length > 0) list.delete(0, 1)
    else map.set('k', new Y.Map([['inner', 1]]))
  } else if (step < 3) text.insert(chance.below(text.length + 1), 'word 😀'.slice(0, 1 + chance.below(6)))
  else if (step === 3 && text.length > 2) text.delete(1, 2)
  else if (step === 4 && text.length > 1) text.format(0, 1, { bold: true })
  else if (step === 5) text.insertEmbed(0, { image: 'a.png' })
  else map.set(`k${chance.below(3)}`, chance.below(2) === 0 ? chance.below(1_000) : new Y.Array())
}

/** An update with something wrong with it, as a rule. */
export function bentUpdate(chance: Chance, updates: readonly Uint8Array[]): Uint8Array {
  const one = chance.pick(updates)
  switch (chance.below(8)) {
    case 0:
      return Y.mergeUpdates([one, chance.pick(updates)])
    case 1:
      return madeUp(chance)
    case 2:
      return spliced(chance, one, chance.pick(updates))
    default:
      return bent(chance, one)
  }
}

/** One to four changes of single bytes, cuts or insertions. */
function bent(chance: Chance, bytes: Uint8Array): Uint8Array {
  let out = [...bytes]
  for (let left = 1 + chance.below(4); left > 0; left--) {
    const at = chance.below(out.length + 1)
    switch (chance.below(6)) {
      case 0:
        out[at] = chance.below(256)
        break
      case 1:
        out[at] = (out[at] ?? 0) ^ (1 << chance.below(8))
        break
      case 2:
        out.splice(at, 1)
        break
      case 3:
        out.splice(at, 0, chance.pick(tellingBytes))
        break
      case 4:
        out[at] = chance.pick(tellingBytes)
        break
      default:
        if (chance.below(4) === 0) out = out.slice(0, at)
        else out.splice(at, 0, ...out.slice(at, at + chance.below(8)))
    }
  }
  return Uint8Array.from(out)
}

const tellingBytes = [0, 1, 2, 3, 5, 7, 10, 0x7f, 0x80, 0x81, 0x84, 0x88, 0xa8, 0xc8, 0xff]

function spliced(chance: Chance, a: Uint8Array, b: Uint8Array): Uint8Array {
  const at = chance.below(a.length)
  return Uint8Array.from([...a.subarray(0, at), ...b.subarray(chance.below(b.length))])
}

/** Well-formed structs in places that Yjs would never put them. */
function madeUp(chance: Chance): Uint8Array {
  const client = 1 + chance.below(3)
  const dot = (): [number, number] => [1 + chance.below(3), chance.below(12)]
  const contents = [
    () => content.string('xy😀'.slice(0, 1 + chance.below(3))),
    () => content.any(chance.below(9), null, 'v'),
    () => content.type(chance.below(7), 'p'),
    () => content.type(chance.below(3)),
    () => content.format('b', chance.pick(['true', 'null', '{}'])),
    () => content.embed('{"a":[1]}'),
    () => content.deleted(1 + chance.below(3)),
    () => content.binary(Uint8Array.of(1, 2)),
  ]
  const struct = () => {
    const made = chance.pick(contents)()
    switch (chance.below(6)) {
      case 0:
        return gc(1 + chance.below(3))
      case 1:
        return item({ root: chance.pick(['t', 'm', 'x', '$entries']) }, made)
      case 2:
        return item({ root: chance.pick(['t', 'm']), key: chance.pick(['k', 'k1']) }, made)
      case 3:
        return item({ parent: dot(), ...(chance.below(2) === 0 ? { key: 'k' } : {}) }, made)
      case 4:
        return item({ origin: dot(), ...(chance.below(2) === 0 ? { right: dot() } : {}) }, made)
      default:
        return item({ right: dot() }, made)
    }
  }
  const structs = Array.from({ length: 1 + chance.below(5) }, struct)
  const deletes = chance.below(3) === 0 ? { [1 + chance.below(3)]: [[chance.below(9), 1 + chance.below(9)] as const] } : {}
  return chance.below(2) === 0 ? by(client, structs) : update([{ client, clock: chance.below(6), structs }], deletes)
}

export function bentFrame(chance: Chance, document: string, updates: readonly Uint8Array[]): Uint8Array[] {
  const [hello = new Uint8Array()] = encodeClientMessages([helloTo('fuzz')])
  const frames = encodeClientMessages(Array.from({ length: 1 + chance.below(3) }, (_, i) => anyMessage(chance, document, updates, i + 1)))
  return chance.below(3) === 0 ? [bent(chance, hello)] : [hello, ...frames.map((frame) => bent(chance, frame))]
}

/** Messages of both protocols, each well-formed, in an order that no client would have them. */
export function messagesInAnyOrder(chance: Chance, space: string, document: string, updates: readonly Uint8Array[]): Uint8Array[] {
  const list = Array.from({ length: 2 + chance.below(8) }, (): Uint8Array[] => {
    const kind = chance.below(8)
    if (kind === 0) return encodeClientMessages([helloTo(space)])
    if (kind === 1)
      return [encodeStep1(chance.pick([Uint8Array.of(0), Y.encodeStateVectorFromUpdate(chance.pick(updates)), chance.pick(updates)]))]
    if (kind === 2) return [chance.pick([encodeStep2, encodeStockUpdate])(bentUpdate(chance, updates))]
    if (kind === 3)
      return [
        encodeStockAwareness([
          { client: chance.below(9), clock: chance.below(2 ** 30), state: chance.pick(['null', '{}', '{"a":[[]]}', '{']) },
        ]),
      ]
    return encodeClientMessages([anyMessage(chance, document, updates, chance.below(6))])
  }).flat()
  return chance.below(2) === 0 ? [...encodeClientMessages([helloTo(space)]), ...list] : list
}

function anyMessage(chance: Chance, document: string, updates: readonly Uint8Array[], n: number): ClientMessage {
  const name = chance.pick([document, 'note/other', 'no name', '', '__proto__', 'x'.repeat(300)])
  switch (chance.below(8)) {
    case 0:
      return { type: 'credit', bytes: chance.pick([0, 1, 2 ** 31, Number.MAX_SAFE_INTEGER]) }
    case 1:
      return { type: 'ping' }
    case 2:
      return { type: 'token', token: 'x'.repeat(chance.below(100)) }
    case 3:
      return { type: 'chunk', totalBytes: 1 + chance.below(100), offset: 0, part: Uint8Array.of(5, 1, 1) }
    case 4:
      return { type: 'carry', n, document: name, update: bentUpdate(chance, updates) }
    default:
      return { type: 'push', n, document: name, update: chance.pick(updates) }
  }
}
