/**
 * What of a document is known: the next clock of each client, and what is deleted.
 *
 * It is what a relay keeps of a hot document instead of a `Y.Doc`. Deletions that Yjs derives while
 * integrating (the loser of two concurrent map writes) are in no update and so not in here: a
 * relay's delete set is a subset of every client's.
 */
import { ByteReader, invalid } from './byte-reader.ts'
import { addRange, type DeleteSet } from './delete-set.ts'
import { updateLimits } from './limits.ts'
import { contentKinds, infoBits, type ValidUpdate, validateUpdate } from './valid-update.ts'

export interface DocumentState {
  /** Client → the next clock; everything below it is known, without gaps. */
  readonly stateVector: Map<number, number>
  readonly deletes: DeleteSet
}

/** Caps for what stands in a log: it was within bounds when it came, piece by piece; a whole document may be larger. */
export const wholeDocument = { maxStructs: Number.POSITIVE_INFINITY, maxDeleteRanges: Number.POSITIVE_INFINITY }

export const emptyState = (): DocumentState => ({ stateVector: new Map(), deletes: new Map() })

/**
 * The state of a document whose log is `updates`, in their order.
 *
 * @throws {TidemarkError} `updates/invalid` when one is damaged, or when they leave a gap.
 */
export function stateOf(updates: readonly Uint8Array[]): DocumentState {
  const state = emptyState()
  for (const update of updates) include(state, validateUpdate(update, wholeDocument))
  return state
}

function include(state: DocumentState, update: ValidUpdate): void {
  for (const { client, structs } of update.clients) {
    for (const struct of structs) {
      const known = state.stateVector.get(client) ?? 0
      if ((struct.info & infoBits.kind) === contentKinds.skip) continue
      if (struct.clock > known) throw invalid(`the log has a gap before clock ${struct.clock} of client ${client}`)
      state.stateVector.set(client, Math.max(known, struct.clock + struct.length))
    }
  }
  for (const [client, ranges] of update.deletes) {
    for (let i = 0; i < ranges.length; i += 2) addRange(state.deletes, client, ranges[i] as number, ranges[i + 1] as number)
  }
}

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
