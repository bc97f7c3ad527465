/**
 * What a client says to the relay: types and bytes.
 *
 * The order is `hello` first; the relay answers `welcome`, and only then come the others. The numbers that
 * `clientTypes` leaves out are kept for messages to come.
 */
import { type Awareness, readAwareness, writeAwareness } from './awareness.ts'
import type { Cursor, Incarnation } from './cursor.ts'
import { wireLimits } from './limits.ts'
import {
  malformed,
  type Reader,
  readBytes,
  readCount,
  readFlag,
  readNumber,
  readText,
  type Writer,
  writeBytes,
  writeFlag,
  writeNumber,
  writeText,
} from './wire.ts'

/** The first message of a connection. */
export interface Hello {
  readonly type: 'hello'
  readonly version: number
  readonly space: string
  /** The sign-in token, or '' where the relay needs none. It never travels in a URL. */
  readonly token: string
  /** This device's copy of the space. */
  readonly replica: string
  /** The app's build, for the operator's eyes. */
  readonly build: string
  /** Where this replica is; null when it has nothing. */
  readonly cursor: Cursor | null
  /** The incarnations lived through, in that order, the newest `wireLimits.maxIncarnations` of them. */
  readonly incarnations: readonly Incarnation[]
  /** Bytes of `changes` the client takes before it grants more. */
  readonly credit: number
}

/** Another sign-in token of the same user, before the one of `hello` ends; answered by `access`, or `bye` where it is none. */
export interface Token {
  readonly type: 'token'
  readonly token: string
}

/** This user's own edits of one document, V1; answered by `ack` or `refuse` of the same `n`. */
export interface Push {
  readonly type: 'push'
  /** Rises with every push and carry of a connection. */
  readonly n: number
  readonly document: string
  readonly update: Uint8Array
}

/** Everything this replica has of one document, whoever wrote it, for a relay that lost it; answered like `push`. */
export interface Carry {
  readonly type: 'carry'
  readonly n: number
  readonly document: string
  readonly update: Uint8Array
}

/** Bytes of `changes` that were committed here, so that as many more may come. */
export interface Credit {
  readonly type: 'credit'
  readonly bytes: number
}

/**
 * Asks for one document, whatever the cursor; answered by `state`, `purged`, or `refuse` with n 0. With chosen documents it
 * is followed from here on.
 */
export interface Subscribe {
  readonly type: 'subscribe'
  readonly document: string
  /** Of what is stored here, in Yjs's encoding; empty for nothing. */
  readonly stateVector: Uint8Array
  /** The last place at which the whole document was here; 0 for never. */
  readonly lastSeq: number
}

/** A chosen document is followed no longer. */
export interface Unsubscribe {
  readonly type: 'unsubscribe'
  readonly document: string
}

/** From here on only these documents are sent; `seq` is where the client's cursor stands. Once a connection, before any credit is granted. */
export interface Scope {
  readonly type: 'scope'
  readonly seq: number
  readonly documents: readonly string[]
}

/** Asks whether the relay has all of this; answered by `lacking` when it does not. */
export interface Audit {
  readonly type: 'audit'
  readonly document: string
  readonly stateVector: Uint8Array
  /** A V1 update with the delete set alone. */
  readonly deletes: Uint8Array
}

/** What this client understands beyond version 1's first build; right behind `welcome`, where the relay named what it offers. */
export interface ClientFeatures {
  readonly type: 'features'
  readonly features: readonly string[]
}

/** A part of a message too long for one frame; parts of one message follow each other. */
export interface Chunk {
  readonly type: 'chunk'
  readonly totalBytes: number
  readonly offset: number
  readonly part: Uint8Array
}

/** Asks for a `pong`. */
export interface Ping {
  readonly type: 'ping'
}

export type ClientMessage =
  | Hello
  | Token
  | Subscribe
  | Unsubscribe
  | Push
  | Carry
  | Credit
  | Awareness
  | Audit
  | Chunk
  | Ping
  | Scope
  | ClientFeatures

export const clientTypes = {
  hello: 1,
  token: 2,
  subscribe: 3,
  unsubscribe: 4,
  push: 5,
  carry: 6,
  credit: 7,
  awareness: 8,
  audit: 9,
  chunk: 10,
  ping: 11,
  scope: 12,
  features: 13,
} as const

export function writeClientMessage(writer: Writer, message: ClientMessage): void {
  writeNumber(writer, clientTypes[message.type])
  switch (message.type) {
    case 'hello':
      return writeHello(writer, message)
    case 'token':
      return writeText(writer, message.token)
    case 'push':
    case 'carry':
      writeNumber(writer, message.n)
      writeText(writer, message.document)
      return writeBytes(writer, message.update)
    case 'credit':
      return writeNumber(writer, message.bytes)
    case 'subscribe':
      writeText(writer, message.document)
      writeBytes(writer, message.stateVector)
      return writeNumber(writer, message.lastSeq)
    case 'unsubscribe':
      return writeText(writer, message.document)
    case 'scope':
      writeNumber(writer, message.seq)
      return writeTexts(writer, message.documents)
    case 'audit':
      writeText(writer, message.document)
      writeBytes(writer, message.stateVector)
      return writeBytes(writer, message.deletes)
    case 'awareness':
      return writeAwareness(writer, message)
    case 'features':
      return writeTexts(writer, message.features)
    case 'chunk':
      return writeChunk(writer, message)
    case 'ping':
  }
}

/** The message of type number `type`, or null when this version knows no such type. */
export function readClientMessage(type: number, reader: Reader): ClientMessage | null {
  switch (type) {
    case clientTypes.hello:
      return readHello(reader)
    case clientTypes.token:
      return { type: 'token', token: readText(reader) }
    case clientTypes.push:
    case clientTypes.carry:
      return {
        type: type === clientTypes.push ? 'push' : 'carry',
        n: readNumber(reader),
        document: readText(reader),
        update: readBytes(reader),
      }
    case clientTypes.credit:
      return { type: 'credit', bytes: readNumber(reader) }
    case clientTypes.subscribe:
      return { type: 'subscribe', document: readText(reader), stateVector: readBytes(reader), lastSeq: readNumber(reader) }
    case clientTypes.unsubscribe:
      return { type: 'unsubscribe', document: readText(reader) }
    case clientTypes.scope:
      return { type: 'scope', seq: readNumber(reader), documents: readTexts(reader, wireLimits.maxScopeDocuments) }
    case clientTypes.audit:
      return { type: 'audit', document: readText(reader), stateVector: readBytes(reader), deletes: readBytes(reader) }
    case clientTypes.awareness:
      return readAwareness(reader, wireLimits.maxAwarenessMessageBytes)
    case clientTypes.features:
      return { type: 'features', features: readTexts(reader, maxFeatures) }
    case clientTypes.chunk:
      return readChunk(reader)
    case clientTypes.ping:
      return { type: 'ping' }
    default:
      return null
  }
}

/** Features that one build may name. */
export const maxFeatures = 64

export function writeTexts(writer: Writer, texts: readonly string[]): void {
  writeNumber(writer, texts.length)
  for (const text of texts) writeText(writer, text)
}

export function readTexts(reader: Reader, max: number): string[] {
  const texts: string[] = []
  for (let left = readCount(reader, max); left > 0; left--) texts.push(readText(reader))
  return texts
}

function writeHello(writer: Writer, hello: Hello): void {
  writeNumber(writer, hello.version)
  writeText(writer, hello.space)
  writeText(writer, hello.token)
  writeText(writer, hello.replica)
  writeText(writer, hello.build)
  writeFlag(writer, hello.cursor !== null)
  if (hello.cursor !== null) writeCursor(writer, hello.cursor)
  writeNumber(writer, hello.incarnations.length)
  for (const { id, first } of hello.incarnations) {
    writeText(writer, id)
    writeNumber(writer, first)
  }
  writeNumber(writer, hello.credit)
}

function readHello(reader: Reader): Hello {
  const version = readNumber(reader)
  const space = readText(reader)
  const token = readText(reader)
  const replica = readText(reader)
  const build = readText(reader)
  const cursor = readFlag(reader) ? readCursor(reader) : null
  const incarnations: Incarnation[] = []
  for (let left = readCount(reader, wireLimits.maxIncarnations); left > 0; left--) {
    incarnations.push({ id: readText(reader), first: readNumber(reader) })
  }
  return { type: 'hello', version, space, token, replica, build, cursor, incarnations, credit: readNumber(reader) }
}

function writeCursor(writer: Writer, cursor: Cursor): void {
  writeText(writer, cursor.incarnation)
  writeNumber(writer, cursor.seq)
  writeText(writer, cursor.grants)
  writeText(writer, cursor.scope)
  writeFlag(writer, cursor.catchUp !== undefined)
  if (cursor.catchUp === undefined) return
  writeNumber(writer, cursor.catchUp.to)
  writeNumber(writer, cursor.catchUp.last)
  writeFlag(writer, cursor.catchUp.grants !== undefined)
  if (cursor.catchUp.grants !== undefined) writeText(writer, cursor.catchUp.grants)
}

function readCursor(reader: Reader): Cursor {
  const cursor = { incarnation: readText(reader), seq: readNumber(reader), grants: readText(reader), scope: readText(reader) }
  if (!readFlag(reader)) return cursor
  const catchUp = { to: readNumber(reader), last: readNumber(reader) }
  return { ...cursor, catchUp: readFlag(reader) ? { ...catchUp, grants: readText(reader) } : catchUp }
}

export function writeChunk(writer: Writer, chunk: Chunk): void {
  writeNumber(writer, chunk.totalBytes)
  writeNumber(writer, chunk.offset)
  writeBytes(writer, chunk.part)
}

export function readChunk(reader: Reader): Chunk {
  const totalBytes = readNumber(reader)
  const offset = readNumber(reader)
  const part = readBytes(reader)
  if (part.length === 0 || offset + part.length > totalBytes) throw malformed('a chunk lies outside its message')
  return { type: 'chunk', totalBytes, offset, part }
}
