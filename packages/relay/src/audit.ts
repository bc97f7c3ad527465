/** Whether a relay's state of a document holds all that somebody else has of it. */
import { type DocumentState, decodeStateVector, deleteSetDifference, validateUpdate, wholeDocument } from '@tidemark/updates'

/** What somebody has: a state vector, and an update with the delete set alone, in Yjs's encodings. */
export interface Audited {
  readonly stateVector: Uint8Array
  readonly deletes: Uint8Array
}

/** @throws {TidemarkError} `updates/invalid` when the bytes are not what they are said to be. */
export function isLackingIn(state: DocumentState, { stateVector, deletes }: Audited): boolean {
  const said = validateUpdate(deletes, wholeDocument).deletes
  for (const [client, clock] of decodeStateVector(stateVector)) if (clock > (state.stateVector.get(client) ?? 0)) return true
  return deleteSetDifference(said, state.deletes).size > 0
}
