/** How each server is spoken to: as little as a client of it must say. */
import {
  type Cursor,
  createRelayFrameDecoder,
  encodeClientMessages,
  type Incarnation,
  type RelayMessage,
  wireVersion,
} from '@tidemark/protocol'
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import { WebSocket } from 'ws'

/** One connection to one document. */
export interface Line {
  readonly ws: WebSocket
  /** Resolves when what the server has is here. */
  readonly ready: Promise<void>
  send(update: Uint8Array): void
}

export interface Dialect {
  /** @param taken called with each message that may hold updates. */
  connect(port: number, room: string, taken: (message: Buffer) => void, stateVector?: Uint8Array): Line
}

const noState = Uint8Array.of(0)

const sync =
  (type: number, body: Uint8Array) =>
  (e: encoding.Encoder): void => {
    encoding.writeVarUint(e, 0)
    encoding.writeVarUint(e, type)
    encoding.writeVarUint8Array(e, body)
  }

const stock = (path: (room: string) => string): Dialect => ({
  connect(port, room, taken, stateVector = noState) {
    const ws = new WebSocket(`ws://127.0.0.1:${port}/${path(room)}`, { perMessageDeflate: false })
    const ready = Promise.withResolvers<void>()
    ws.on('open', () => ws.send(encoding.encode(sync(0, stateVector))))
    ws.on('message', (data: Buffer) => {
      if (data[0] !== 0) return
      if (data[1] === 0) ws.send(encoding.encode(sync(1, Uint8Array.of(0, 0))))
      else taken(data)
      if (data[1] === 1) ready.resolve()
    })
    ws.on('error', (error) => ready.reject(error))
    return { ws, ready: ready.promise, send: (update) => ws.send(encoding.encode(sync(2, update))) }
  },
})

export const bare: Dialect = {
  connect(port, room, taken) {
    const ws = new WebSocket(`ws://127.0.0.1:${port}/${room}`, { perMessageDeflate: false })
    const ready = new Promise<void>((resolve, reject) => ws.on('open', resolve).on('error', reject))
    ws.on('message', taken)
    return { ws, ready, send: (update) => ws.send(update) }
  },
}

const hocuspocus: Dialect = {
  connect(port, room, taken, stateVector = noState) {
    const ws = new WebSocket(`ws://127.0.0.1:${port}`, { perMessageDeflate: false })
    const ready = Promise.withResolvers<void>()
    const send = (write: (e: encoding.Encoder) => void): void =>
      ws.send(
        encoding.encode((e) => {
          encoding.writeVarString(e, room)
          write(e)
        }),
      )
    ws.on('open', () => {
      send((e) => {
        for (const value of [2, 0]) encoding.writeVarUint(e, value)
        encoding.writeVarString(e, 'token')
        encoding.writeVarString(e, '4.7.0')
      })
      send(sync(0, stateVector))
    })
    ws.on('message', (data: Buffer) => {
      const decoder = decoding.createDecoder(data)
      decoding.readVarString(decoder)
      const type = decoding.readVarUint(decoder)
      if (type !== 0 && type !== 4) return
      const kind = decoding.readVarUint(decoder)
      if (kind === 0) send(sync(1, Uint8Array.of(0, 0)))
      else taken(data)
      if (kind === 1) ready.resolve()
    })
    ws.on('error', (error) => ready.reject(error))
    return { ws, ready: ready.promise, send: (update) => send(sync(2, update)) }
  },
}

/** Where a replica is, so that it may come back. */
export interface Whereabouts {
  cursor: Cursor | null
  readonly incarnations: Incarnation[]
}

/** @param space what stands in the space; a room is a document in it. */
export function connectTidemark(port: number, space: string, document: string, taken: (message: Buffer) => void, at: Whereabouts): Line {
  const ws = new WebSocket(`ws://127.0.0.1:${port}/v1`, { perMessageDeflate: false })
  const ready = Promise.withResolvers<void>()
  const decoder = createRelayFrameDecoder()
  let head = -1
  let n = 0
  let owed = 0
  const say = (...messages: Parameters<typeof encodeClientMessages>[0]): void => {
    for (const frame of encodeClientMessages(messages)) ws.send(frame)
  }
  const take = (message: RelayMessage): void => {
    if (message.type === 'refuse' || message.type === 'bye') throw new Error(`${message.type} ${message.code}: ${message.detail}`)
    if (message.type === 'welcome') {
      head = message.head
      if (at.incarnations.at(-1)?.id !== message.incarnation) at.incarnations.push({ id: message.incarnation, first: message.first })
      at.cursor = { ...(at.cursor ?? { seq: 0, grants: message.grants, scope: '' }), incarnation: message.incarnation }
    } else if (message.type === 'changes' && at.cursor !== null) {
      if (message.mode === 'live') at.cursor = { ...at.cursor, seq: message.seq }
      else if (message.done) at.cursor = { ...at.cursor, seq: message.to }
    }
    if (head >= 0 && (at.cursor?.seq ?? 0) >= head) ready.resolve()
  }
  ws.on('open', () =>
    say({
      type: 'hello',
      version: wireVersion,
      space,
      token: '',
      replica: 'bench',
      build: 'bench',
      cursor: at.cursor,
      incarnations: at.incarnations,
      credit: 8 << 20,
    }),
  )
  let isReady = false
  void ready.promise.then(() => {
    isReady = true
  })
  ws.on('message', (data: Buffer) => {
    // What a client does with a frame is not what is measured here: once it is live it counts the bytes, and gives them back.
    // A writer looks at its answers: an update that was refused would be waited for in vain.
    if (!isReady || n > 0) for (const message of decoder.decode(data)) take(message as RelayMessage)
    taken(data)
    owed += data.length
    if (owed > 1 << 20) {
      say({ type: 'credit', bytes: owed })
      owed = 0
    }
  })
  ws.on('error', (error) => ready.reject(error))
  return { ws, ready: ready.promise, send: (update) => say({ type: 'push', n: ++n, document, update }) }
}

const tidemark: Dialect = {
  connect: (port, room, taken) => connectTidemark(port, room, 'note/1', taken, { cursor: null, incarnations: [] }),
}

export const dialects = { bare, stock: stock((room) => room), hocuspocus, durable: hocuspocus, tidemark } as const

export type Contender = keyof typeof dialects
