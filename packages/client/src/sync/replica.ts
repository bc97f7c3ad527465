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
  if (catchUp === undefined) return { incarnation, seq, grants, scope }
  const { to, last } = catchUp
  return { incarnation, seq, grants, scope, catchUp: catchUp.grants === undefined ? { to, last } : { to, last, grants: catchUp.grants } }
}

export const incarnationsJson = (incarnations: readonly Incarnation[]): Json => incarnations.map(({ id, first }) => ({ id, first }))

/**
 * Where a replica stands after `welcome`.
 *
 * Where the relay lost nothing that was read here, it goes on where it was, also within a catch-up. Otherwise
 * it goes on from the common seq. In a new incarnation, documents known to have changed after the common seq
 * (`carryAfter`) may be lost to the relay and are carried back.
 */
export function welcomed(
  kept: ReplicaState,
  welcome: Welcome,
  scope = '',
): { readonly state: ReplicaState; readonly carryAfter: number | null } {
  const before = scoped(kept, scope)
  const { cursor } = before
  const { grants } = welcome
  const isWhole = cursor !== null && welcome.common === reachOf(cursor)
  if (isWhole && cursor.incarnation === welcome.incarnation && cursor.grants === grants)
    return { state: before === kept ? kept : before, carryAfter: null }
  // Who chooses documents has each of them by asking for it, and begins to follow where the log ends.
  const beginning = scope === '' ? welcome.common : welcome.head
  const seq = cursor === null ? beginning : Math.min(welcome.common, cursor.seq)
  const next: Cursor = isWhole
    ? { ...cursor, incarnation: welcome.incarnation, grants }
    : { incarnation: welcome.incarnation, seq, grants, scope }
  if (isWhole && cursor.incarnation === welcome.incarnation) return { state: { ...before, cursor: next }, carryAfter: null }
  const others = before.incarnations.filter((one) => one.id !== welcome.incarnation)
  const incarnations = [...others, { id: welcome.incarnation, first: welcome.first }].slice(-wireLimits.maxIncarnations)
  return { state: { cursor: next, incarnations }, carryAfter: cursor === null ? null : welcome.common }
}

/**
 * The replica in the scope that it is to have. One of chosen documents has not read what it passed over, so for the whole space
 * it begins anew; the other way round it stays where it is, without the listing that it was in.
 */
export function scoped(state: ReplicaState, scope: string): ReplicaState {
  const { cursor } = state
  if (cursor === null || (scope === '' && cursor.scope === '')) return state
  if (scope === '') return { ...state, cursor: null }
  const { catchUp, ...rest } = cursor
  return cursor.scope === scope && catchUp === undefined ? state : { ...state, cursor: { ...rest, scope } }
}

/**
 * The cursor once `changes` are stored.
 *
 * @throws {TidemarkError} `protocol/malformed` when they do not follow it: storing them would lose what lies between.
 */
export function advanced(cursor: Cursor, changes: Changes): Cursor {
  const { incarnation, grants, scope } = cursor
  if (changes.mode === 'live') {
    if (catchUpOf(cursor) !== undefined || changes.after !== cursor.seq) throw outOfOrder(`live changes after ${changes.after}`, cursor)
    return { incarnation, grants, scope, seq: changes.seq }
  }
  if (changes.widens !== null) return widened(cursor, changes, changes.widens)
  const catchUp = catchUpOf(cursor)
  if (changes.from !== cursor.seq) throw outOfOrder(`a catch-up from ${changes.from}`, cursor)
  if (catchUp !== undefined && (changes.to !== catchUp.to || changes.last < catchUp.last))
    throw outOfOrder(`a catch-up to ${changes.to}`, cursor)
  if (changes.done) return { incarnation, grants, scope, seq: changes.to }
  return { incarnation, grants, scope, seq: cursor.seq, catchUp: { to: changes.to, last: changes.last } }
}

/** What is left of a widening when something else follows is begun anew one day. */
const catchUpOf = ({ catchUp }: Cursor): Cursor['catchUp'] => (catchUp?.grants === undefined ? catchUp : undefined)

/** New grants count once everything that they made visible is here; until then the replica stays where it was. */
function widened(cursor: Cursor, { to, last, done }: Changes & { readonly mode: 'catch-up' }, grants: string): Cursor {
  const { catchUp, ...rest } = cursor
  const isSame = catchUp?.grants === grants && catchUp.to === to
  if (catchUpOf(cursor) !== undefined) throw outOfOrder('a widening in the middle of a catch-up', cursor)
  if (isSame && last < catchUp.last) throw outOfOrder(`a widening back to document ${last}`, cursor)
  return done ? { ...rest, grants } : { ...rest, catchUp: { to, last, grants } }
}

/** The cursor under grants that show no more than before, or that are to be widened to by what follows. */
export const regranted = (cursor: Cursor, grants: string): Cursor => {
  const { catchUp: _, ...rest } = cursor
  const catchUp = catchUpOf(cursor)
  return { ...rest, grants, ...(catchUp === undefined ? {} : { catchUp }) }
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
  (value.catchUp === undefined || isCatchUp(value.catchUp))

const isCatchUp = (value: unknown): boolean =>
  isRecord(value) && isSeq(value.to) && isSeq(value.last) && (value.grants === undefined || typeof value.grants === 'string')
