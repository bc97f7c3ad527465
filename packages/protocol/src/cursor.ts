/**
 * Positions in a space's log.
 *
 * An *incarnation* is one unbroken life of a log; every opening of it begins one. A *cursor* is where a
 * replica is: everything up to `seq` of that incarnation is stored here. During a catch-up `seq` stays
 * where the catch-up began, and `catchUp` says how far it got, in order of document number, so that
 * it resumes after a break.
 */
export interface Incarnation {
  readonly id: string
  /** The first seq that this incarnation gives out. */
  readonly first: number
}

export interface CatchUp {
  /** The head when the catch-up began; `seq` becomes this when all documents are listed. */
  readonly to: number
  /** The number of the last document listed; 0 before the first. */
  readonly last: number
  /** Set where it lists what new grants made visible, from the beginning: the cursor takes them when it is done, and keeps its seq. */
  readonly grants?: string
}

export interface Cursor {
  readonly incarnation: string
  readonly seq: number
  /** What the relay called the grants under which this position was reached; '' for the whole space. */
  readonly grants: string
  /** What the client called its scope at this position; '' for the whole space. */
  readonly scope: string
  readonly catchUp?: CatchUp
}

/** How far a replica has read at all: to the end of a catch-up that was broken off, for the part that was listed. */
export const reachOf = (cursor: Cursor): number =>
  cursor.catchUp === undefined || cursor.catchUp.grants !== undefined ? cursor.seq : Math.max(cursor.seq, cursor.catchUp.to)

/**
 * The last seq common to a relay's history and a replica's.
 *
 * Both name incarnations in the order they were lived through. Without a loss this is the replica's own
 * `seq`; after a restore it is where the two histories part, and 0 when they share nothing.
 */
export function commonSeq(relay: readonly Incarnation[], head: number, replica: readonly Incarnation[], cursor: Cursor): number {
  const lived = replica.some((one) => one.id === cursor.incarnation) ? replica : [...replica, { id: cursor.incarnation, first: 0 }]
  for (let own = lived.findLastIndex((one) => one.id === cursor.incarnation); own >= 0; own--) {
    const at = relay.findIndex((one) => one.id === lived[own]?.id)
    if (at < 0) continue
    const relayEnd = endOf(relay, at, head)
    const isCurrent = lived[own]?.id === cursor.incarnation
    const replicaEnd = isCurrent ? cursor.seq : Math.min(cursor.seq, endOf(lived, own, cursor.seq))
    return Math.max(0, Math.min(relayEnd, replicaEnd))
  }
  return 0
}

function endOf(chain: readonly Incarnation[], index: number, last: number): number {
  const next = chain[index + 1]
  return next === undefined ? last : next.first - 1
}
