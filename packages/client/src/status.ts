/**
 * The one status value of a space, the same in every tab but for what only that tab knows.
 *
 * `SyncStatus` is made by the leading tab and told to the others; a tab adds its own role, its
 * database's state and whether it has writes that are not saved yet.
 */
import { type ErrorCode, isErrorCode, TidemarkError } from '@tidemark/base'
import type { Access } from '@tidemark/protocol'
import type { StoreStatus } from '@tidemark/store'

/**
 * - `connecting`: dialling, or waiting for the relay's welcome.
 * - `catching-up`: reading what changed elsewhere.
 * - `live`: everything that was changed elsewhere is here; changes come as they are made.
 * - `offline`: there is no network, or the relay was never reached; tried again at `retryAtMs` or when a network comes.
 * - `waiting`: the connection broke; tried again at `retryAtMs`.
 * - `paused`: by `sync.pause()`, until `sync.resume()`.
 * - `stopped`: a failure that waiting does not mend; `problem` says which and what to do.
 * - `local`: the space was opened without a relay.
 */
export type SyncPhase = 'local' | 'offline' | 'connecting' | 'catching-up' | 'live' | 'waiting' | 'paused' | 'stopped'

/** What the relay has not acknowledged yet. */
export interface PendingTotals {
  readonly documents: number
  readonly bytes: number
  /** When the oldest of it was written, ms since 1970. */
  readonly sinceMs: number | null
}

export interface SyncStatus {
  readonly phase: SyncPhase
  /** When the next attempt is due, ms since 1970. */
  readonly retryAtMs: number | null
  readonly pending: PendingTotals
  /** Until when the relay, having much to do, asked for changes to be held, ms since 1970; they stay on this device meanwhile. */
  readonly holdUntilMs: number | null
  /** When the relay last acknowledged something of this browser, ms since 1970. */
  readonly lastConfirmedMs: number | null
  /** The most that the relay lets this user do in the space, as it said last; null before it said anything. */
  readonly access: Access | null
  /** Why it is stopped, or what the relay refused last. */
  readonly problem: TidemarkError | null
}

export interface SpaceStatus extends SyncStatus {
  /** Whether this tab holds the connection for all tabs of this browser. */
  readonly role: 'leader' | 'follower'
  readonly storage: StoreStatus
  /** Whether this tab has writes that are not in the database yet. */
  readonly saving: boolean
  /** Changes that the relay refused and that are kept beside their documents: `space.refused` lists them. */
  readonly refused: number
  /** Whether the space was locked by `space.lock()`, here or in another tab: it is closed, and to be opened anew. */
  readonly locked: boolean
}

export const initialSyncStatus: SyncStatus = {
  phase: 'connecting',
  retryAtMs: null,
  pending: { documents: 0, bytes: 0, sinceMs: null },
  holdUntilMs: null,
  lastConfirmedMs: null,
  access: null,
  problem: null,
}

/** An error as it travels between tabs, which keep no class. */
export interface PlainError {
  readonly code: ErrorCode
  readonly message: string
}

export const toPlainError = (error: TidemarkError | null): PlainError | null =>
  error === null ? null : { code: error.code, message: error.message.slice(error.code.length + 2) }

export const fromPlainError = (error: PlainError | null): TidemarkError | null =>
  error === null ? null : new TidemarkError(isErrorCode(error.code) ? error.code : 'relay/invalid', error.message)

/** Whether two sync statuses say the same, so that subscribers are not called for nothing. */
export function sameSyncStatus(a: SyncStatus, b: SyncStatus): boolean {
  return (
    a.phase === b.phase &&
    a.retryAtMs === b.retryAtMs &&
    a.holdUntilMs === b.holdUntilMs &&
    a.lastConfirmedMs === b.lastConfirmedMs &&
    a.access === b.access &&
    a.problem?.message === b.problem?.message &&
    a.pending.documents === b.pending.documents &&
    a.pending.bytes === b.pending.bytes &&
    a.pending.sinceMs === b.pending.sinceMs
  )
}
