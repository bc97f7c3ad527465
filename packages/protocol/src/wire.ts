/**
 * Reading and writing the primitives of the wire: lib0's variable-length numbers, texts and byte arrays.
 *
 * Invariant: reading throws nothing but `protocol/malformed`, never reads past the end, and never
 * allocates for a length that the input does not have.
 */
import { TidemarkError } from '@tidemark/base'
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import { wireLimits } from './limits.ts'

export type Writer = encoding.Encoder
export type Reader = decoding.Decoder

export const createWriter = encoding.createEncoder
export const writtenBytes = encoding.toUint8Array
export const createReader = decoding.createDecoder

export const writeNumber = encoding.writeVarUint
export const writeText = encoding.writeVarString
export const writeFlag = (writer: Writer, flag: boolean): void => encoding.writeUint8(writer, flag ? 1 : 0)

/** What is at least this long is kept as it is until it is written out, not copied into the writer. */
const keptBytes = 16 << 10

/** Bytes with their number in front. Whoever hands over long ones must not change them until the message is written out. */
export function writeBytes(writer: Writer, bytes: Uint8Array): void {
  writeNumber(writer, bytes.length)
  if (bytes.length < keptBytes) {
    encoding.writeUint8Array(writer, bytes)
    return
  }
  // The encoder's own list of full buffers; what it was filling ends here.
  writer.bufs.push(writer.cbuf.subarray(0, writer.cpos), bytes)
  writer.cbuf = new Uint8Array(64)
  writer.cpos = 0
}

/** What was written, in parts that follow each other. */
export const writtenParts = (writer: Writer): Uint8Array[] => [...writer.bufs, writer.cbuf.subarray(0, writer.cpos)]

export const writtenLength = encoding.length

export function malformed(what: string, cause?: unknown): TidemarkError {
  return new TidemarkError('protocol/malformed', what, cause === undefined ? undefined : { cause })
}

/** A whole number from 0 to 2^53 - 1. */
export function readNumber(reader: Reader): number {
  try {
    return decoding.readVarUint(reader)
  } catch (cause) {
    throw malformed('a number is cut off or too large', cause)
  }
}

/** A flag of one byte, 0 or 1. */
export function readFlag(reader: Reader): boolean {
  const flag = readNumber(reader)
  if (flag > 1) throw malformed(`a flag is 0 or 1, not ${flag}`)
  return flag === 1
}

/** A copy-free view of `length` bytes, as long as the input has them. */
export function readBytes(reader: Reader, maxBytes: number = wireLimits.maxMessageBytes): Uint8Array {
  const length = readNumber(reader)
  if (length > maxBytes) throw malformed(`${length} bytes where at most ${maxBytes} may stand`)
  if (length > remaining(reader)) throw malformed('the bytes end early')
  return decoding.readUint8Array(reader, length)
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export function readText(reader: Reader, maxBytes: number = wireLimits.maxTextBytes): string {
  const bytes = readBytes(reader, maxBytes)
  try {
    return utf8.decode(bytes)
  } catch (cause) {
    throw malformed('a text is not UTF-8', cause)
  }
}

/** How many items follow, each of at least one byte. */
export function readCount(reader: Reader, max: number): number {
  const count = readNumber(reader)
  if (count > max || count > remaining(reader))
    throw malformed(`${count} items where at most ${Math.min(max, remaining(reader))} can stand`)
  return count
}

export const remaining = (reader: Reader): number => reader.arr.length - reader.pos
export const isAtEnd = (reader: Reader): boolean => remaining(reader) === 0
