/** Whether a relay's state of a document holds all that somebody else has of it. */
import {
  type DocumentState,
  decodeStateVector,
  deleteSetDifference,
  type ValidUpdate,
  validateUpdate,
  wholeDocument,
} from '@tidemark/updates'

/** What somebody has, in Yjs's encodings. */
export type Audited =
  /** A state vector, and an update with the delete set alone. */
  | { readonly stateVector: Uint8Array; readonly deletes: Uint8Array }
  /** An update of which the structs alone count. */
  | { readonly structs: Uint8Array }

export const auditedBytes = (audited: Audited): number =>
  'structs' in audited ? audited.structs.length : audited.stateVector.length + audited.deletes.length

/** @throws {TidemarkError} `updates/invalid` when the bytes are not what they are said to be. */
export function isLackingIn(state: DocumentState, audited: Audited): boolean {
  if ('structs' in audited) return isBehind(state, clocksOf(validateUpdate(audited.structs)))
  const said = validateUpdate(audited.deletes, wholeDocument).deletes
  return isBehind(state, decodeStateVector(audited.stateVector)) || deleteSetDifference(said, state.deletes).size > 0
}

function isBehind({ stateVector }: DocumentState, clocks: Iterable<readonly [client: number, clock: number]>): boolean {
  for (const [client, clock] of clocks) if (clock > (stateVector.get(client) ?? 0)) return true
  return false
}

const clocksOf = ({ clients }: ValidUpdate): (readonly [number, number])[] =>
  clients.flatMap(({ client, structs }) => {
    const last = structs.at(-1)
    return last === undefined ? [] : [[client, last.clock + last.length] as const]
  })
