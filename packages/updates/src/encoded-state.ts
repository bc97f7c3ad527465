/**
 * A document's whole state at rest, tagged with the encoding of its bytes.
 *
 * Large states are kept V2, which takes a half to a third of the space; small ones V1, where it is the smaller.
 * V2 never travels: a V2 decoder can be made to take a gigabyte by a few bytes.
 */
import * as Y from 'yjs'
import { updateLimits } from './limits.ts'
import { compact } from './merge.ts'

export interface EncodedState {
  readonly bytes: Uint8Array
  readonly format: 'v1' | 'v2'
}

/**
 * The state that `updates` (V1) on top of `base` add up to, compacted.
 *
 * @throws {TidemarkError} `updates/gap` when something they build on is missing.
 */
export function compactState(base: EncodedState | null, updates: readonly Uint8Array[]): EncodedState {
  const bytes = compact(base === null ? updates : [stateAsV1(base), ...updates])
  if (bytes.length <= updateLimits.maxV1StateBytes) return { bytes, format: 'v1' }
  return { bytes: Y.convertUpdateFormatV1ToV2(bytes), format: 'v2' }
}

/** The state as a V1 update, as it travels. */
export const stateAsV1 = ({ bytes, format }: EncodedState): Uint8Array => (format === 'v1' ? bytes : Y.convertUpdateFormatV2ToV1(bytes))

/** Brings `doc` to the state, or beyond where it was. */
export function applyState(doc: Y.Doc, { bytes, format }: EncodedState, origin: unknown): void {
  if (format === 'v1') Y.applyUpdate(doc, bytes, origin)
  else Y.applyUpdateV2(doc, bytes, origin)
}
