/**
 * What a replica remembers of the relay's log: its cursor and the incarnations it lived through.
 *
 * Pure functions over the stored values; `Receiver` commits what they give.
 */
import { TidemarkError } from '@tidemark/base'
import { type Changes, type Cursor, type Incarnation, reachOf, type Welcome, wireLimits } from '@tidemark/protocol'
import type { Json } from '@tidemark/store'

export interface ReplicaState {
  readonly cursor: Cursor | null
  readonly incarnations: readonly Incarnation[]
}

/** Reads what the store keeps; what this build cannot read counts as nothing, and is caught up from 0. */
export function readReplicaState(cursor: Json, incarnations: Json | undefined): ReplicaState {
  return { cursor: isCursor(cursor) ? cursor : null, incarnations: Array.isArray(incarnations) ? incarnations.filter(isIncarnation) : [] }
}

/** The cursor as JSON, without absent keys, so that it compares equal after a round trip through a database. */
export function cursorJson(cursor: Cursor | null): Json {
  if (cursor === null) return null
  const { incarnation, seq, grants, scope, catchUp } = cursor
  return catchUp === undefined
    ? { incarnation, seq, grants, scope }
    : { incarnation, seq, grants, scope, catchUp: { to: catchUp.to, last: catchUp.last } }
}

export const incarnationsJson = (incarnations: readonly Incarnation[]): Json => incarnations.map(({ id, first }) => ({ id, first }))

/**
 * Where a replica stands after `welcome`.
 *
 * Where the relay lost nothing that was read here, it goes on where it was, also within a catch-up. Otherwise
 * it goes on from the common seq. In a new incarnation, documents known to have changed after the common seq
 * (`carryAfter`) may be lost to the relay and are carried back.
 */
export function welcomed(before: ReplicaState, welcome: Welcome): { readonly state: ReplicaState; readonly carryAfter: number | null } {
  const { cursor } = before
  const isWhole = cursor !== null && welcome.common === reachOf(cursor)
  if (isWhole && cursor.incarnation === welcome.incarnation) return { state: before, carryAfter: null }
  const seq = cursor === null ? welcome.common : Math.min(welcome.common, cursor.seq)
  const next: Cursor = isWhole
    ? { ...cursor, incarnation: welcome.incarnation }
    : { incarnation: welcome.incarnation, seq, grants: '', scope: '' }
  const others = before.incarnations.filter((one) => one.id !== welcome.incarnation)
  const incarnations = [...others, { id: welcome.incarnation, first: welcome.first }].slice(-wireLimits.maxIncarnations)
  return { state: { cursor: next, incarnations }, carryAfter: cursor === null ? null : welcome.common }
}

/**
 * The cursor once `changes` are stored.
 *
 * @throws {TidemarkError} `protocol/malformed` when they do not follow it: storing them would lose what lies between.
 */
export function advanced(cursor: Cursor, changes: Changes): Cursor {
  const { incarnation, grants, scope } = cursor
  if (changes.mode === 'live') {
    if (cursor.catchUp !== undefined || changes.after !== cursor.seq) throw outOfOrder(`live changes after ${changes.after}`, cursor)
    return { incarnation, grants, scope, seq: changes.seq }
  }
  const { catchUp } = cursor
  if (changes.from !== cursor.seq) throw outOfOrder(`a catch-up from ${changes.from}`, cursor)
  if (catchUp !== undefined && (changes.to !== catchUp.to || changes.last < catchUp.last))
    throw outOfOrder(`a catch-up to ${changes.to}`, cursor)
  if (changes.done) return { incarnation, grants, scope, seq: changes.to }
  return { incarnation, grants, scope, seq: cursor.seq, catchUp: { to: changes.to, last: changes.last } }
}

const outOfOrder = (what: string, cursor: Cursor): TidemarkError =>
  new TidemarkError('protocol/malformed', `${what} where the cursor is ${JSON.stringify(cursorJson(cursor))}`)

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null
const isSeq = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

const isIncarnation = (value: unknown): value is Incarnation & Json => isRecord(value) && typeof value.id === 'string' && isSeq(value.first)

const isCursor = (value: unknown): value is Cursor & Json =>
  isRecord(value) &&
  typeof value.incarnation === 'string' &&
  isSeq(value.seq) &&
  typeof value.grants === 'string' &&
  typeof value.scope === 'string' &&
  (value.catchUp === undefined || (isRecord(value.catchUp) && isSeq(value.catchUp.to) && isSeq(value.catchUp.last)))
