/**
 * Frames: what one WebSocket message holds.
 *
 * A frame is one or more messages, each with its length in front, so that a reader can step over a
 * type it does not know. A message longer than a frame travels as `chunk` messages that follow each
 * other; other messages may stand between them.
 *
 * Invariants
 * 1. Decoding throws nothing but `protocol/malformed`.
 * 2. A message has no bytes left over.
 * 3. A chunked message never takes more memory than its declared total, nor that more than the limit.
 */
import { type Chunk, type ClientMessage, clientTypes, readClientMessage, writeClientMessage } from './client-messages.ts'
import { wireLimits } from './limits.ts'
import { type RelayMessage, readRelayMessage, writeRelayMessage } from './relay-messages.ts'
import {
  createReader,
  createWriter,
  isAtEnd,
  malformed,
  type Reader,
  readBytes,
  readNumber,
  type Writer,
  writeNumber,
  writtenBytes,
  writtenLength,
  writtenParts,
} from './wire.ts'

/** Room that the head of a `chunk` message takes within a frame. */
const chunkHeadBytes = 64

type Write<M> = (writer: Writer, message: M | Chunk) => void

/** The frames of `messages`: as few as fit into `maxFrameBytes` each, in order. */
export const encodeClientMessages = (
  messages: readonly ClientMessage[],
  maxFrameBytes: number = wireLimits.maxFrameBytes,
): Uint8Array[] => [...framesOf<ClientMessage>(messages, writeClientMessage, maxFrameBytes)]

/** The frames of `messages`: as few as fit into `maxFrameBytes` each, in order. */
export const encodeRelayMessages = (messages: readonly RelayMessage[], maxFrameBytes: number = wireLimits.maxFrameBytes): Uint8Array[] => [
  ...relayFrames(messages, maxFrameBytes),
]

/**
 * The same frames, each made when it is asked for.
 *
 * A message of many megabytes so takes no more memory and time at once than one frame of it. Its updates must not change meanwhile.
 */
export const relayFrames = (messages: readonly RelayMessage[], maxFrameBytes: number): Iterable<Uint8Array> =>
  framesOf<RelayMessage>(messages, writeRelayMessage, maxFrameBytes)

function* framesOf<M extends { readonly type: string }>(
  messages: readonly M[],
  write: Write<M>,
  maxFrameBytes: number,
): Generator<Uint8Array> {
  let parts: Uint8Array[] = []
  let size = 0
  let count = 0
  for (const message of messages) {
    const writer = createWriter()
    write(writer, message)
    const length = writtenLength(writer)
    const head = numberBytes(length)
    const isLong = head.length + length > maxFrameBytes
    if (count > 0 && (isLong || size + head.length + length > maxFrameBytes || count >= wireLimits.maxFrameMessages)) {
      yield concat(parts, size)
      parts = []
      size = count = 0
    }
    if (isLong) {
      yield* chunksOf<M>(writtenParts(writer), length, write, Math.max(1, maxFrameBytes - chunkHeadBytes))
      continue
    }
    parts.push(head, ...writtenParts(writer))
    size += head.length + length
    count++
  }
  if (count > 0) yield concat(parts, size)
}

/** One frame for each chunk of a message that consists of these parts. */
function* chunksOf<M>(parts: readonly Uint8Array[], totalBytes: number, write: Write<M>, step: number): Generator<Uint8Array> {
  let index = 0
  let at = 0
  for (let offset = 0; offset < totalBytes; offset += step) {
    const length = Math.min(step, totalBytes - offset)
    const writer = createWriter()
    write(writer, { type: 'chunk', totalBytes, offset, part: empty })
    // The head is that of a chunk of nothing, whose last byte says how long its part is.
    const bare = writtenBytes(writer)
    const head = concat([bare.subarray(0, -1), numberBytes(length)])
    const frame = concat([numberBytes(head.length + length), head], undefined, length)
    for (let end = frame.length - length; end < frame.length; ) {
      const part = parts[index] as Uint8Array
      const piece = part.subarray(at, at + frame.length - end)
      frame.set(piece, end)
      end += piece.length
      at += piece.length
      if (at < part.length) continue
      index++
      at = 0
    }
    yield frame
  }
}

const empty = new Uint8Array()

function numberBytes(value: number): Uint8Array {
  if (value < 0x80) return Uint8Array.of(value)
  const writer = createWriter()
  writeNumber(writer, value)
  return writtenBytes(writer)
}

/** The parts behind each other, with `room` left behind them. */
function concat(parts: readonly Uint8Array[], size: number = parts.reduce((sum, { length }) => sum + length, 0), room = 0): Uint8Array {
  const whole = new Uint8Array(size + room)
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

/** Reads the frames of one connection, in order; keeps the parts of a chunked message between calls. */
export interface FrameDecoder<M> {
  /** Well-framed messages of types that this version does not know; they were stepped over. */
  readonly unknownTypes: number
  /**
   * The messages of one frame.
   *
   * @throws {TidemarkError} `protocol/malformed`; the decoder must not be used any further.
   */
  decode(frame: Uint8Array): Exclude<M, Chunk>[]
}

export const createClientFrameDecoder = (maxMessageBytes: number = wireLimits.maxMessageBytes): FrameDecoder<ClientMessage> =>
  createDecoder(readClientMessage, wireLimits.maxFrameMessages, (type) =>
    type === clientTypes.push || type === clientTypes.carry ? maxMessageBytes : Math.min(maxMessageBytes, wireLimits.maxRequestBytes),
  )

export const createRelayFrameDecoder = (maxMessageBytes: number = wireLimits.maxMessageBytes): FrameDecoder<RelayMessage> =>
  createDecoder(readRelayMessage, Number.POSITIVE_INFINITY, () => maxMessageBytes)

function createDecoder<M extends { readonly type: string }>(
  read: (type: number, reader: Reader) => M | Chunk | null,
  maxMessages: number,
  maxBytesOf: (type: number) => number,
): FrameDecoder<M> {
  const assembly = createAssembly(maxBytesOf)
  let unknownTypes = 0
  const decodeOne = (body: Uint8Array, out: Exclude<M, Chunk>[], isAssembled: boolean): void => {
    const reader = createReader(body)
    const message = read(readNumber(reader), reader)
    if (message === null) {
      unknownTypes++
      return
    }
    if (!isAtEnd(reader)) throw malformed(`bytes left over behind ${message.type}`)
    if (message.type !== 'chunk') out.push(message as Exclude<M, Chunk>)
    else if (isAssembled) throw malformed('a chunk within chunks')
    else {
      const whole = assembly.add(message as Chunk)
      if (whole !== null) decodeOne(whole, out, true)
    }
  }
  return {
    get unknownTypes() {
      return unknownTypes
    },
    decode(frame) {
      const reader = createReader(frame)
      const out: Exclude<M, Chunk>[] = []
      if (isAtEnd(reader)) throw malformed('an empty frame')
      for (let count = 0; !isAtEnd(reader); count++) {
        if (count >= maxMessages) throw malformed(`a frame of more than ${maxMessages} messages`)
        decodeOne(readBytes(reader), out, false)
      }
      return out
    },
  }
}

/** Puts chunks together; memory grows with what has arrived, however small the chunks are, not with what was declared. */
function createAssembly(maxBytesOf: (type: number) => number): { add(chunk: Chunk): Uint8Array | null } {
  let bytes = new Uint8Array(0)
  let size = 0
  let total = 0
  return {
    add(chunk) {
      // What begins a message says its type; no type so far takes more than a byte.
      const maxMessageBytes = size === 0 ? maxBytesOf(chunk.part[0] as number) : total
      if (chunk.totalBytes > maxMessageBytes)
        throw malformed(`a message of ${chunk.totalBytes} bytes where ${maxMessageBytes} are the limit`)
      if (chunk.offset !== size || (size > 0 && chunk.totalBytes !== total)) throw malformed('a chunk out of order')
      total = chunk.totalBytes
      const end = size + chunk.part.length
      if (end > bytes.length) {
        const larger = new Uint8Array(Math.min(total, Math.max(end, bytes.length * 2)))
        larger.set(bytes.subarray(0, size))
        bytes = larger
      }
      bytes.set(chunk.part, size)
      size = end
      if (size < total) return null
      const whole = bytes
      bytes = new Uint8Array(0)
      size = 0
      return whole
    },
  }
}
