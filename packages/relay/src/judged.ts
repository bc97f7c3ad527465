/** An update, judged by the state of the document that it is for. */
import type { Cut, DocumentState, ValidUpdate } from '@tidemark/updates'
import { countRanges, cutUpdate, validateUpdate } from '@tidemark/updates'
import type { RelayBounds } from './limits.ts'
import { maxPlaced, type Placed, readPlaced } from './placed.ts'

export type Fits = Cut & { readonly type: 'fits' }

/** How a document may be built at most. */
export type ShapeBounds = Pick<RelayBounds, 'maxRoots' | 'maxTypes' | 'maxDepth' | 'maxClients' | 'maxRanges'>

export const shapeBounds = ({ maxRoots, maxTypes, maxDepth, maxClients, maxRanges }: RelayBounds): ShapeBounds => ({
  maxRoots,
  maxTypes,
  maxDepth,
  maxClients,
  maxRanges,
})

export type Judged =
  | { readonly type: 'known' }
  /** It would build the document further than it may be. */
  | { readonly type: 'overgrown'; readonly detail: string }
  | { readonly type: 'incomplete' }
  /** @param placed the entries in it, where somebody watches over them. */
  | { readonly type: 'fits'; readonly cut: Fits; readonly placed: readonly Placed[] }

/** @throws {TidemarkError} `updates/invalid` when it holds more entries than one update may. */
export function judgeUpdate(update: ValidUpdate, known: DocumentState, isGuarded: boolean, bounds: ShapeBounds): Judged {
  const cut = cutUpdate(update, known)
  if (cut.type !== 'fits') return cut
  // Here, so that what is refused for its size is not handed from thread to thread.
  const detail = overgrown(known, cut, bounds)
  if (detail !== null) return { type: 'overgrown', detail }
  const placed = isGuarded ? readPlaced(cut.update === update.bytes ? update : validateUpdate(cut.update), maxPlaced) : []
  return { type: 'fits', cut, placed }
}

/** Why a document may not be built further in this way, or null. */
function overgrown({ shape, stateVector, ranges }: DocumentState, { growth, clocks, deletes }: Fits, bounds: ShapeBounds): string | null {
  const { maxRoots, maxTypes, maxDepth, maxClients, maxRanges } = bounds
  const roots = shape.roots.size + growth.roots.size
  if (growth.roots.size > 0 && roots > maxRoots) return `the document would have ${roots} root types where ${maxRoots} are the limit`
  const types = shape.types + growth.types
  if (growth.types > 0 && types > maxTypes) return `the document would have ${types} types where ${maxTypes} are the limit`
  if (growth.deepest > maxDepth) return `the document would be nested ${growth.deepest} types deep where ${maxDepth} are the limit`
  const scattered = ranges + countRanges(deletes) + countRanges(growth.depths)
  if (scattered > maxRanges) return `the document would have ${scattered} deleted ranges and places where ${maxRanges} are the limit`
  if (stateVector.size + clocks.size <= maxClients) return null
  let fresh = 0
  for (const client of clocks.keys()) if (!stateVector.has(client)) fresh++
  return fresh > 0 && stateVector.size + fresh > maxClients
    ? `the document would have ${stateVector.size + fresh} client ids where ${maxClients} are the limit`
    : null
}
