/**
 * What the relay says to a client: types and bytes.
 *
 * `changes` names documents by number; `names` tells a number's name once a connection, ahead of the
 * frame that needs it, so that one encoded frame serves every session.
 */
import type { ErrorCode } from '@tidemark/base'
import { isErrorCode } from '@tidemark/base'
import { type Awareness, readAwareness, writeAwareness } from './awareness.ts'
import { type Chunk, clientTypes, maxFeatures, readChunk, readTexts, writeChunk, writeTexts } from './client-messages.ts'
import type { Lacking, Purged, RelayFeatures, Slow, Stale, State } from './document-messages.ts'
import type { RelayLimits } from './limits.ts'
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

/** What a session may do in its space. */
export const accessLevels = ['none', 'read', 'write', 'decide'] as const
export type Access = (typeof accessLevels)[number]

/** The answer to `hello`. */
export interface Welcome {
  readonly type: 'welcome'
  readonly incarnation: string
  /** The first seq of this incarnation. */
  readonly first: number
  /** The last seq common to both histories; below the place that the replica has read to only after the relay lost something. */
  readonly common: number
  /** The log's last seq. */
  readonly head: number
  /** The most that this session may do anywhere in the space. */
  readonly access: Access
  /** What the cursor calls the grants from now on: '' where all of the space is visible. */
  readonly grants: string
  /** When the sign-in ends unless another token comes first, ms since 1970 by the relay's clock; 0 for never. */
  readonly expiresAtMs: number
  readonly limits: RelayLimits
  /** The relay's clock, ms since 1970. */
  readonly nowMs: number
}

/** One document's part of `changes`: a V1 update. */
export interface Change {
  readonly number: number
  readonly update: Uint8Array
}

/** Everything committed after `after`, up to `seq`; the cursor moves to `seq`. */
export interface LiveChanges {
  readonly type: 'changes'
  readonly mode: 'live'
  readonly after: number
  readonly seq: number
  readonly changes: readonly Change[]
}

/** A part of a catch-up: each listed document with everything it has after `from`. */
export interface CatchUpChanges {
  readonly type: 'changes'
  readonly mode: 'catch-up'
  readonly from: number
  readonly to: number
  /** The highest document number that is now dealt with. */
  readonly last: number
  /** Whether this was the last part; the cursor's seq becomes `to`. */
  readonly done: boolean
  /** Set where it lists, from 0, what these new grants made visible: when it is done the cursor takes them, and keeps its seq. */
  readonly widens: string | null
  readonly changes: readonly Change[]
}

export type Changes = LiveChanges | CatchUpChanges

/** `n` and everything before it that was not refused is on stable storage, at `seq` or below. */
export interface Ack {
  readonly type: 'ack'
  readonly n: number
  readonly seq: number
}

/**
 * The push or carry `n` was not taken. With `relay/incomplete` the part of it that fitted is stored all the
 * same; with any other code nothing of it is.
 */
export interface Refuse {
  readonly type: 'refuse'
  readonly n: number
  readonly document: string
  readonly code: ErrorCode
  readonly detail: string
}

/** Names of document numbers. */
export interface Names {
  readonly type: 'names'
  readonly names: readonly (readonly [number: number, document: string])[]
}

/** What the session may do has changed, or its sign-in was renewed. */
export interface AccessChange {
  readonly type: 'access'
  readonly access: Access
  /** What the cursor calls the grants from now on; what became visible follows by `changes`. */
  readonly grants: string
  /** As in `welcome`. */
  readonly expiresAtMs: number
}

/** The last message before the relay closes. */
export interface Bye {
  readonly type: 'bye'
  readonly code: ErrorCode
  /** When to come back; 0 leaves it to the client. */
  readonly retryAfterMs: number
  readonly detail: string
}

/** The answer to `ping`, and the relay's sign of life. */
export interface Pong {
  readonly type: 'pong'
}

export type RelayMessage =
  | Welcome
  | Changes
  | Stale
  | State
  | Ack
  | Refuse
  | Names
  | Lacking
  | Chunk
  | Slow
  | Awareness
  | AccessChange
  | Purged
  | Bye
  | Pong
  | RelayFeatures

export const relayTypes = {
  welcome: 32,
  changes: 33,
  stale: 34,
  state: 35,
  ack: 36,
  refuse: 37,
  names: 38,
  lacking: 39,
  chunk: clientTypes.chunk,
  slow: 40,
  awareness: 41,
  access: 42,
  purged: 43,
  bye: 45,
  pong: 46,
  features: 47,
} as const

export function writeRelayMessage(writer: Writer, message: RelayMessage): void {
  writeNumber(writer, relayTypes[message.type])
  switch (message.type) {
    case 'welcome':
      return writeWelcome(writer, message)
    case 'changes':
      return writeChanges(writer, message)
    case 'stale':
      writeNumber(writer, message.seq)
      writeNumber(writer, message.numbers.length)
      for (const number of message.numbers) writeNumber(writer, number)
      return
    case 'state':
      writeText(writer, message.document)
      writeNumber(writer, message.seq)
      writeBytes(writer, message.stateVector)
      return writeBytes(writer, message.update)
    case 'lacking':
      return writeText(writer, message.document)
    case 'slow':
      return writeNumber(writer, message.holdMs)
    case 'purged':
      return writeTexts(writer, message.documents)
    case 'awareness':
      return writeAwareness(writer, message)
    case 'features':
      return writeTexts(writer, message.features)
    case 'ack':
      writeNumber(writer, message.n)
      return writeNumber(writer, message.seq)
    case 'refuse':
      writeNumber(writer, message.n)
      writeText(writer, message.document)
      writeText(writer, message.code)
      return writeText(writer, message.detail)
    case 'names':
      writeNumber(writer, message.names.length)
      for (const [number, document] of message.names) {
        writeNumber(writer, number)
        writeText(writer, document)
      }
      return
    case 'chunk':
      return writeChunk(writer, message)
    case 'access':
      writeNumber(writer, accessLevels.indexOf(message.access))
      writeText(writer, message.grants)
      return writeNumber(writer, message.expiresAtMs)
    case 'bye':
      writeText(writer, message.code)
      writeNumber(writer, message.retryAfterMs)
      return writeText(writer, message.detail)
    case 'pong':
  }
}

/** The message of type number `type`, or null when this version knows no such type. */
export function readRelayMessage(type: number, reader: Reader): RelayMessage | null {
  switch (type) {
    case relayTypes.welcome:
      return readWelcome(reader)
    case relayTypes.changes:
      return readChanges(reader)
    case relayTypes.ack:
      return { type: 'ack', n: readNumber(reader), seq: readNumber(reader) }
    case relayTypes.refuse:
      return { type: 'refuse', n: readNumber(reader), document: readText(reader), code: readCode(reader), detail: readText(reader) }
    case relayTypes.names:
      return { type: 'names', names: readNames(reader) }
    case relayTypes.stale:
      return { type: 'stale', seq: readNumber(reader), numbers: readNumbers(reader) }
    case relayTypes.state:
      return {
        type: 'state',
        document: readText(reader),
        seq: readNumber(reader),
        stateVector: readBytes(reader),
        update: readBytes(reader),
      }
    case relayTypes.lacking:
      return { type: 'lacking', document: readText(reader) }
    case relayTypes.slow:
      return { type: 'slow', holdMs: readNumber(reader) }
    case relayTypes.purged:
      return { type: 'purged', documents: readTexts(reader, wireLimits.maxItems) }
    case relayTypes.awareness:
      return readAwareness(reader)
    case relayTypes.features:
      return { type: 'features', features: readTexts(reader, maxFeatures) }
    case relayTypes.chunk:
      return readChunk(reader)
    case relayTypes.access:
      return { type: 'access', access: readAccess(reader), grants: readText(reader), expiresAtMs: readNumber(reader) }
    case relayTypes.bye:
      return { type: 'bye', code: readCode(reader), retryAfterMs: readNumber(reader), detail: readText(reader) }
    case relayTypes.pong:
      return { type: 'pong' }
    default:
      return null
  }
}

function writeWelcome(writer: Writer, message: Welcome): void {
  writeText(writer, message.incarnation)
  writeNumber(writer, message.first)
  writeNumber(writer, message.common)
  writeNumber(writer, message.head)
  writeNumber(writer, accessLevels.indexOf(message.access))
  writeText(writer, message.grants)
  writeNumber(writer, message.expiresAtMs)
  writeNumber(writer, message.limits.maxFrameBytes)
  writeNumber(writer, message.limits.maxUpdateBytes)
  writeNumber(writer, message.limits.maxPushesInFlight)
  writeNumber(writer, message.nowMs)
}

function readWelcome(reader: Reader): Welcome {
  const incarnation = readText(reader)
  const first = readNumber(reader)
  const common = readNumber(reader)
  const head = readNumber(reader)
  const access = readAccess(reader)
  const grants = readText(reader)
  const expiresAtMs = readNumber(reader)
  const limits = { maxFrameBytes: readNumber(reader), maxUpdateBytes: readNumber(reader), maxPushesInFlight: readNumber(reader) }
  return { type: 'welcome', incarnation, first, common, head, access, grants, expiresAtMs, limits, nowMs: readNumber(reader) }
}

function readAccess(reader: Reader): Access {
  const level = readNumber(reader)
  const access = accessLevels[level]
  if (access === undefined) throw malformed(`no access level ${level}`)
  return access
}

function writeChanges(writer: Writer, message: Changes): void {
  const isCatchUp = message.mode === 'catch-up'
  writeFlag(writer, isCatchUp)
  writeNumber(writer, isCatchUp ? message.from : message.after)
  writeNumber(writer, isCatchUp ? message.to : message.seq)
  if (isCatchUp) {
    writeNumber(writer, message.last)
    writeFlag(writer, message.done)
    writeFlag(writer, message.widens !== null)
    if (message.widens !== null) writeText(writer, message.widens)
  }
  writeNumber(writer, message.changes.length)
  for (const { number, update } of message.changes) {
    writeNumber(writer, number)
    writeBytes(writer, update)
  }
}

function readChanges(reader: Reader): Changes {
  const isCatchUp = readFlag(reader)
  const start = readNumber(reader)
  const end = readNumber(reader)
  if (end < start) throw malformed(`changes that go back from ${start} to ${end}`)
  if (!isCatchUp) return { type: 'changes', mode: 'live', after: start, seq: end, changes: readChangeList(reader) }
  return {
    type: 'changes',
    mode: 'catch-up',
    from: start,
    to: end,
    last: readNumber(reader),
    done: readFlag(reader),
    widens: readFlag(reader) ? readText(reader) : null,
    changes: readChangeList(reader),
  }
}

function readChangeList(reader: Reader): Change[] {
  const changes: Change[] = []
  for (let left = readCount(reader, wireLimits.maxItems); left > 0; left--)
    changes.push({ number: readNumber(reader), update: readBytes(reader) })
  return changes
}

function readNumbers(reader: Reader): number[] {
  const numbers: number[] = []
  for (let left = readCount(reader, wireLimits.maxItems); left > 0; left--) numbers.push(readNumber(reader))
  return numbers
}

function readNames(reader: Reader): [number, string][] {
  const names: [number, string][] = []
  for (let left = readCount(reader, wireLimits.maxItems); left > 0; left--) names.push([readNumber(reader), readText(reader)])
  return names
}

function readCode(reader: Reader): ErrorCode {
  const code = readText(reader)
  return isErrorCode(code) ? code : 'relay/invalid'
}
