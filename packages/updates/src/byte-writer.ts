/** Writes parts of V1 updates: numbers, delete sets, state vectors and copied spans. */
import * as encoding from 'lib0/encoding'
import type { DeleteSet } from './delete-set.ts'
import type { DocumentState } from './document-state.ts'

export function writeDeleteSet(encoder: encoding.Encoder, set: DeleteSet): void {
  const clients = [...set].filter(([, ranges]) => ranges.length > 0).sort(([a], [b]) => b - a)
  encoding.writeVarUint(encoder, clients.length)
  for (const [client, ranges] of clients) {
    encoding.writeVarUint(encoder, client)
    encoding.writeVarUint(encoder, ranges.length / 2)
    for (let i = 0; i < ranges.length; i += 2) {
      encoding.writeVarUint(encoder, ranges[i] as number)
      encoding.writeVarUint(encoder, (ranges[i + 1] as number) - (ranges[i] as number))
    }
  }
}

/** The state vector in Yjs's encoding. */
export function encodeStateVector(state: DocumentState): Uint8Array {
  const encoder = encoding.createEncoder()
  const clients = [...state.stateVector].filter(([, clock]) => clock > 0).sort(([a], [b]) => b - a)
  encoding.writeVarUint(encoder, clients.length)
  for (const [client, clock] of clients) {
    encoding.writeVarUint(encoder, client)
    encoding.writeVarUint(encoder, clock)
  }
  return encoding.toUint8Array(encoder)
}
