/**
 * What of a document is known: the next clock of each client, what is deleted, and how it is built.
 *
 * It is what a relay keeps of a hot document instead of a `Y.Doc`. Deletions that Yjs derives while
 * integrating (the loser of two concurrent map writes) are in no update and so not in here: a
 * relay's delete set is a subset of every client's.
 */
import { ByteReader, invalid } from './byte-reader.ts'
import type { DeleteSet } from './delete-set.ts'
import { updateLimits } from './limits.ts'
import { type DocumentShape, emptyShape } from './shape.ts'

export interface DocumentState {
  /** Client → the next clock; everything below it is known, without gaps. */
  readonly stateVector: Map<number, number>
  readonly deletes: DeleteSet
  readonly shape: DocumentShape
  /** Ranges in `deletes` and places in `shape.depths`: what the state takes beside its clients. */
  ranges: number
}

/** Caps for what stands in a log: it was within bounds when it came, piece by piece; a whole document may be larger. */
export const wholeDocument = { maxStructs: Number.POSITIVE_INFINITY, maxDeleteRanges: Number.POSITIVE_INFINITY }

export const emptyState = (): DocumentState => ({ stateVector: new Map(), deletes: new Map(), shape: emptyShape(), ranges: 0 })

/** @throws {TidemarkError} `updates/invalid` when the bytes are not a state vector. */
export function decodeStateVector(bytes: Uint8Array): Map<number, number> {
  const reader = new ByteReader(bytes)
  const vector = new Map<number, number>()
  for (let left = reader.count(updateLimits.maxClients, 2, 'clients'); left > 0; left--) {
    const client = reader.number()
    const clock = reader.number()
    if (client >= updateLimits.maxClient || clock > updateLimits.maxClock) throw invalid(`no clock ${clock} of client ${client}`)
    vector.set(client, clock)
  }
  if (reader.left > 0) throw invalid(`${reader.left} bytes left over`)
  return vector
}
