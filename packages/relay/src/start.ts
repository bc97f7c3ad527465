/**
 * Where a session begins to read, by the cursor that its replica brings.
 *
 * A catch-up that was broken off goes on where it was, as long as the relay has lost nothing up to its end; otherwise it
 * begins anew. Nothing at all is caught up by document, a little by commits. A widening that was broken off goes on where it
 * was when it led to the very grants that the session has.
 */
import type { Hello } from '@tidemark/protocol'
import type { Position, View, Widening } from './feed.ts'
import type { Grants } from './grants.ts'
import type { Space } from './space.ts'

export interface Start {
  readonly position: Position
  /** What the replica has seen of the space, by its cursor. */
  readonly had: string
  readonly widening: Widening | null
  readonly view: View
}

/** @param common the last seq common to both histories. */
export function startOf({ cursor }: Hello, { head }: Space, common: number, view: Grants): Start {
  // Who has nothing of the space lacks nothing of it but what it may see anyway.
  const had = cursor === null || (common === 0 && cursor.catchUp === undefined) ? view.view : cursor.grants
  const catchUp = cursor?.catchUp
  if (cursor === null || catchUp === undefined) return { position: fromCommon(common, head), had, widening: null, view }
  const { to, last, grants } = catchUp
  if (grants !== undefined) {
    const widening = grants === view.view && common === cursor.seq && to <= head ? { to, last } : null
    return { position: fromCommon(common, head), had, widening, view }
  }
  const from = Math.min(common, cursor.seq)
  const position: Position = common === to ? { mode: 'catch-up', from, to, last } : { mode: 'catch-up', from, to: head, last: 0 }
  return { position, had, widening: null, view }
}

const fromCommon = (common: number, head: number): Position =>
  common === 0 && head > 0 ? { mode: 'catch-up', from: 0, to: head, last: 0 } : { mode: 'live', seq: common }
