/** Presence on the wire: who is where in a document, one state for each Yjs client id. */
import { wireLimits } from './limits.ts'
import {
  malformed,
  type Reader,
  readCount,
  readFlag,
  readNumber,
  readText,
  remaining,
  type Writer,
  writeFlag,
  writeNumber,
  writeText,
} from './wire.ts'

/** The state of one client id, as y-protocols has it. */
export interface AwarenessEntry {
  readonly client: number
  /** Rises with each change of the state. */
  readonly clock: number
  /** JSON; `null` in it takes the state away. */
  readonly state: string
}

/** States of a document. From a client they are its own, and say that it is there; towards a client, everybody's that changed. */
export interface Awareness {
  readonly type: 'awareness'
  readonly document: string
  /** Whether the client stays, and hears of the others; always set by the relay. */
  readonly isHere: boolean
  readonly entries: readonly AwarenessEntry[]
}

export function writeAwareness(writer: Writer, { document, isHere, entries }: Awareness): void {
  writeText(writer, document)
  writeFlag(writer, isHere)
  writeNumber(writer, entries.length)
  for (const { client, clock, state } of entries) {
    writeNumber(writer, client)
    writeNumber(writer, clock)
    writeText(writer, state)
  }
}

/** @param maxBytes of its states; one more may be read before it is noticed. */
export function readAwareness(reader: Reader, maxBytes: number = Number.POSITIVE_INFINITY): Awareness {
  const document = readText(reader)
  const isHere = readFlag(reader)
  const entries: AwarenessEntry[] = []
  const start = remaining(reader)
  for (let left = readCount(reader, wireLimits.maxItems); left > 0; left--) {
    if (start - remaining(reader) > maxBytes) throw malformed('too much awareness in one message')
    entries.push({ client: readNumber(reader), clock: readNumber(reader), state: readText(reader, wireLimits.maxAwarenessBytes) })
  }
  return { type: 'awareness', document, isHere, entries }
}
