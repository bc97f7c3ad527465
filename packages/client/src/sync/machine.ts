/**
 * When to connect: a pure state machine, driven by `engine.ts`.
 *
 * Events only change the state; `settle` then decides what to do, in one place.
 *
 * | event | what it changes |
 * | --- | --- |
 * | lead, unlead | whether this tab holds the connection |
 * | pause, resume | whether the user wants one |
 * | online | a network came: try at once |
 * | offline | a hint only: the connection is probed, later attempts are shown as offline |
 * | visible, retry-now, timer | try at once |
 * | opened, welcomed, caught-up | how far the connection is |
 * | stable | the connection has lasted: the backoff starts over |
 * | bye | the relay says when to come back, or that it is of no use |
 * | closed | the connection ended: wait with full jitter, unless stopped |
 *
 * Backoff is "full jitter": a random time up to a cap that doubles from `baseMs` to `maxMs`, so that a
 * crowd of clients comes back spread out (Brooker, "Exponential Backoff And Jitter", AWS 2015).
 */
import { TidemarkError } from '@tidemark/base'
import { closeCodes } from '@tidemark/protocol'
import type { SyncPhase } from '../status.ts'

export const backoffLimits = { baseMs: 500, maxMs: 30_000, stableMs: 10_000 } as const

export interface SyncState {
  readonly leads: boolean
  readonly paused: boolean
  readonly online: boolean
  readonly connection: 'none' | 'dialling' | 'greeting' | 'catching-up' | 'live'
  /** Connections that ended since the last stable one. */
  readonly attempt: number
  readonly retryAtMs: number | null
  readonly stopped: TidemarkError | null
}

export type SyncEvent =
  | { readonly type: 'lead' | 'unlead' | 'pause' | 'resume' | 'online' | 'offline' | 'visible' | 'retry-now' | 'timer' }
  | { readonly type: 'opened' | 'welcomed' | 'caught-up' | 'stable' }
  | { readonly type: 'bye'; readonly error: TidemarkError; readonly retryAfterMs: number }
  | { readonly type: 'closed'; readonly code: number; readonly reason: string }

export type SyncEffect =
  | { readonly type: 'dial' | 'hang-up' | 'greet' | 'cancel-wait' }
  | { readonly type: 'wait'; readonly delayMs: number }

/** What an event may read of the world: the time, and one number from 0 to 1. */
export interface Instant {
  readonly nowMs: number
  readonly chance: number
}

export function initialState(options: { readonly paused: boolean; readonly online: boolean }): SyncState {
  return { leads: false, paused: options.paused, online: options.online, connection: 'none', attempt: 0, retryAtMs: null, stopped: null }
}

export function phaseOf(state: SyncState): SyncPhase {
  if (state.paused) return 'paused'
  if (state.stopped !== null) return 'stopped'
  if (state.connection === 'live' || state.connection === 'catching-up') return state.connection
  if (!state.online) return 'offline'
  if (state.retryAtMs !== null) return 'waiting'
  return 'connecting'
}

export function step(
  state: SyncState,
  event: SyncEvent,
  instant: Instant,
): { readonly state: SyncState; readonly effects: readonly SyncEffect[] } {
  const changed = change(state, event, instant)
  return settle(state, changed, event, instant)
}

function change(state: SyncState, event: SyncEvent, instant: Instant): SyncState {
  switch (event.type) {
    case 'lead':
      return { ...state, leads: true, retryAtMs: null }
    case 'unlead':
      return { ...state, leads: false }
    case 'pause':
      return { ...state, paused: true, retryAtMs: null }
    case 'resume':
      return { ...state, paused: false, attempt: 0, retryAtMs: null }
    case 'online':
      return { ...state, online: true, retryAtMs: null }
    case 'offline':
      return { ...state, online: false }
    case 'visible':
    case 'timer':
      return { ...state, retryAtMs: null }
    case 'retry-now':
      return { ...state, retryAtMs: null, stopped: null, attempt: 0 }
    case 'opened':
      return state.connection === 'dialling' ? { ...state, connection: 'greeting' } : state
    case 'welcomed':
      return state.connection === 'greeting' ? { ...state, connection: 'catching-up', online: true } : state
    case 'caught-up':
      return state.connection === 'catching-up' ? { ...state, connection: 'live' } : state
    case 'stable':
      return { ...state, attempt: 0 }
    case 'bye':
      if (!event.error.retryable) return { ...state, stopped: event.error }
      return event.retryAfterMs > 0 ? { ...state, retryAtMs: instant.nowMs + event.retryAfterMs } : state
    case 'closed':
      return closed(state, event, instant)
  }
}

function closed(state: SyncState, event: { readonly code: number; readonly reason: string }, instant: Instant): SyncState {
  if (state.connection === 'none') return state
  const ended = { ...state, connection: 'none', attempt: state.attempt + 1 } as const
  const final = finalClose(event.code, event.reason)
  if (final !== null) return { ...ended, stopped: state.stopped ?? final }
  return { ...ended, retryAtMs: state.retryAtMs ?? instant.nowMs + backoffMs(state.attempt, instant.chance) }
}

export function backoffMs(attempt: number, chance: number): number {
  const capMs = Math.min(backoffLimits.maxMs, backoffLimits.baseMs * 2 ** Math.min(attempt, 16))
  return Math.round(chance * capMs)
}

/** Close codes that waiting does not mend, for a relay that could not say `bye`. */
function finalClose(code: number, reason: string): TidemarkError | null {
  if (code === closeCodes.malformed) return new TidemarkError('protocol/malformed', reason)
  if (code === closeCodes.version) return new TidemarkError('protocol/version', reason)
  if (code === closeCodes.signedOut) return new TidemarkError('relay/signed-out', reason)
  if (code === closeCodes.forbidden) return new TidemarkError('relay/forbidden', reason)
  return null
}

function settle(before: SyncState, changed: SyncState, event: SyncEvent, instant: Instant): { state: SyncState; effects: SyncEffect[] } {
  const effects: SyncEffect[] = []
  let state = changed
  const isWanted = state.leads && !state.paused && state.stopped === null
  if (event.type === 'opened' && state.connection === 'greeting') effects.push({ type: 'greet' })
  if (!isWanted && state.connection !== 'none') {
    effects.push({ type: 'hang-up' })
    state = { ...state, connection: 'none' }
  }
  if (!isWanted) state = { ...state, retryAtMs: null }
  if (isWanted && state.connection === 'none' && state.retryAtMs === null) {
    effects.push({ type: 'dial' })
    state = { ...state, connection: 'dialling' }
  }
  if (state.retryAtMs !== before.retryAtMs) {
    effects.push(
      state.retryAtMs === null ? { type: 'cancel-wait' } : { type: 'wait', delayMs: Math.max(0, state.retryAtMs - instant.nowMs) },
    )
  }
  return { state, effects }
}
