/**
 * The stock y-websocket wire: reading and writing its messages.
 *
 * One WebSocket message holds one message; the document is the path that was dialled.
 *
 * Invariant: reading throws nothing but `protocol/malformed`.
 */
import { TidemarkError } from '@tidemark/base'
import { jsonDepth, updateLimits } from '@tidemark/updates'
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import type { AwarenessEntry } from './awareness-rooms.ts'

export type StockMessage =
  | { readonly type: 'step1'; readonly stateVector: Uint8Array }
  /** `isAnswer`: a step 2, which holds whatever the relay lacks, whoever wrote it. */
  | { readonly type: 'update'; readonly update: Uint8Array; readonly isAnswer: boolean }
  | { readonly type: 'awareness'; readonly entries: readonly AwarenessEntry[] }
  | { readonly type: 'query-awareness' }
  /** Of a type that this relay does not know; stepped over. */
  | { readonly type: 'unknown' }

const messageTypes = { sync: 0, awareness: 1, queryAwareness: 3 } as const
const syncTypes = { step1: 0, step2: 1, update: 2 } as const

export function readStockMessage(bytes: Uint8Array, maxAwarenessBytes: number): StockMessage {
  try {
    return read(decoding.createDecoder(bytes), maxAwarenessBytes)
  } catch (cause) {
    if (cause instanceof TidemarkError) throw cause
    throw new TidemarkError('protocol/malformed', 'a stock message is cut off', { cause })
  }
}

function read(decoder: decoding.Decoder, maxAwarenessBytes: number): StockMessage {
  switch (decoding.readVarUint(decoder)) {
    case messageTypes.sync: {
      const type = decoding.readVarUint(decoder)
      const body = readSized(decoder)
      if (type === syncTypes.step1) return { type: 'step1', stateVector: body }
      if (type === syncTypes.step2 || type === syncTypes.update) return { type: 'update', update: body, isAnswer: type === syncTypes.step2 }
      return { type: 'unknown' }
    }
    case messageTypes.awareness: {
      const body = readSized(decoder)
      if (body.length > maxAwarenessBytes) throw new TidemarkError('protocol/malformed', `${body.length} bytes of awareness`)
      return { type: 'awareness', entries: readEntries(decoding.createDecoder(body)) }
    }
    case messageTypes.queryAwareness:
      return { type: 'query-awareness' }
    default:
      return { type: 'unknown' }
  }
}

function readSized(decoder: decoding.Decoder): Uint8Array {
  const length = decoding.readVarUint(decoder)
  if (length > decoder.arr.length - decoder.pos) throw new TidemarkError('protocol/malformed', 'the bytes end early')
  return decoding.readUint8Array(decoder, length)
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function readEntries(decoder: decoding.Decoder): AwarenessEntry[] {
  const entries: AwarenessEntry[] = []
  for (let left = decoding.readVarUint(decoder); left > 0; left--) {
    const client = decoding.readVarUint(decoder)
    const clock = decoding.readVarUint(decoder)
    const state = utf8.decode(readSized(decoder))
    // A receiver that cannot parse it would throw away the whole message, also what others said.
    JSON.parse(state)
    // Receivers compare states part by part, as deep as they go.
    if (jsonDepth(state) > updateLimits.maxValueDepth) throw new TidemarkError('protocol/malformed', 'awareness is nested too deep')
    entries.push({ client, clock, state })
  }
  return entries
}

export const encodeStep1 = (stateVector: Uint8Array): Uint8Array => encodeSync(syncTypes.step1, stateVector)
export const encodeStep2 = (update: Uint8Array): Uint8Array => encodeSync(syncTypes.step2, update)
export const encodeStockUpdate = (update: Uint8Array): Uint8Array => encodeSync(syncTypes.update, update)

function encodeSync(type: number, body: Uint8Array): Uint8Array {
  return encoding.encode((encoder) => {
    encoding.writeVarUint(encoder, messageTypes.sync)
    encoding.writeVarUint(encoder, type)
    encoding.writeVarUint8Array(encoder, body)
  })
}

export function encodeStockAwareness(entries: readonly AwarenessEntry[]): Uint8Array {
  const body = encoding.encode((encoder) => {
    encoding.writeVarUint(encoder, entries.length)
    for (const { client, clock, state } of entries) {
      encoding.writeVarUint(encoder, client)
      encoding.writeVarUint(encoder, clock)
      encoding.writeVarString(encoder, state)
    }
  })
  return encoding.encode((encoder) => {
    encoding.writeVarUint(encoder, messageTypes.awareness)
    encoding.writeVarUint8Array(encoder, body)
  })
}
