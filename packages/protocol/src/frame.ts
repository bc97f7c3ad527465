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
import { type Chunk, type ClientMessage, readClientMessage, writeClientMessage } from './client-messages.ts'
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
  writeBytes,
  writtenBytes,
} from './wire.ts'

/** Room that the head of a `chunk` message takes within a frame. */
const chunkHeadBytes = 64

/** The frames of `messages`: as few as fit into `maxFrameBytes` each, in order. */
export const encodeClientMessages = (messages: readonly ClientMessage[], maxFrameBytes: number = wireLimits.maxFrameBytes): Uint8Array[] =>
  encodeFrames<ClientMessage>(messages, writeClientMessage, maxFrameBytes)

/** The frames of `messages`: as few as fit into `maxFrameBytes` each, in order. */
export const encodeRelayMessages = (messages: readonly RelayMessage[], maxFrameBytes: number = wireLimits.maxFrameBytes): Uint8Array[] =>
  encodeFrames<RelayMessage>(messages, writeRelayMessage, maxFrameBytes)

function encodeFrames<M extends { readonly type: string }>(
  messages: readonly M[],
  write: (writer: Writer, message: M | Chunk) => void,
  maxFrameBytes: number,
): Uint8Array[] {
  const frames: Uint8Array[] = []
  let parts: Uint8Array[] = []
  let size = 0
  const flush = (): void => {
    if (parts.length > 0) frames.push(concat(parts, size))
    parts = []
    size = 0
  }
  const add = (message: M | Chunk): void => {
    const body = encodeOne(message, write)
    const framed = withLength(body)
    if (framed.length > maxFrameBytes) {
      const step = Math.max(1, maxFrameBytes - chunkHeadBytes)
      for (let offset = 0; offset < body.length; offset += step) {
        add({ type: 'chunk', totalBytes: body.length, offset, part: body.subarray(offset, offset + step) })
      }
      return
    }
    if (size + framed.length > maxFrameBytes || parts.length >= wireLimits.maxFrameMessages) flush()
    parts.push(framed)
    size += framed.length
  }
  for (const message of messages) add(message)
  flush()
  return frames
}

function encodeOne<M>(message: M, write: (writer: Writer, message: M) => void): Uint8Array {
  const writer = createWriter()
  write(writer, message)
  return writtenBytes(writer)
}

function withLength(body: Uint8Array): Uint8Array {
  const writer = createWriter()
  writeBytes(writer, body)
  return writtenBytes(writer)
}

function concat(parts: readonly Uint8Array[], size: number): Uint8Array {
  if (parts.length === 1) return parts[0] as Uint8Array
  const whole = new Uint8Array(size)
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
  createDecoder(readClientMessage, maxMessageBytes, wireLimits.maxFrameMessages)

export const createRelayFrameDecoder = (maxMessageBytes: number = wireLimits.maxMessageBytes): FrameDecoder<RelayMessage> =>
  createDecoder(readRelayMessage, maxMessageBytes, Number.POSITIVE_INFINITY)

function createDecoder<M extends { readonly type: string }>(
  read: (type: number, reader: Reader) => M | Chunk | null,
  maxMessageBytes: number,
  maxMessages: number,
): FrameDecoder<M> {
  const assembly = createAssembly(maxMessageBytes)
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
function createAssembly(maxMessageBytes: number): { add(chunk: Chunk): Uint8Array | null } {
  let bytes = new Uint8Array(0)
  let size = 0
  let total = 0
  return {
    add(chunk) {
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
