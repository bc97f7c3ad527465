/** Writes the update of one value put into an array behind another, without the document. */
import * as encoding from 'lib0/encoding'
import { contentKinds, type Dot, infoBits } from './valid-update.ts'

/**
 * An update in which `client`, at `clock`, puts one JSON-like value right behind the element at `behind`.
 *
 * That element must be of a root array and known to every reader by then; it may be deleted.
 */
export function insertAfter(client: number, clock: number, behind: Dot, value: unknown): Uint8Array {
  const encoder = encoding.createEncoder()
  for (const number of [1, 1, client, clock]) encoding.writeVarUint(encoder, number)
  encoding.writeUint8(encoder, contentKinds.any | infoBits.origin)
  for (const number of [behind.client, behind.clock, 1]) encoding.writeVarUint(encoder, number)
  // reason: lib0 types what it can encode more narrowly than JSON of unknown make.
  encoding.writeAny(encoder, value as string)
  encoding.writeVarUint(encoder, 0)
  return encoding.toUint8Array(encoder)
}
