/** What sessions of both protocols have in common: what they work with, and how the relay holds them. */
import type { Clock, TidemarkError } from '@tidemark/base'
import type { SocketHandlers } from '@tidemark/protocol'
import type { Acceptor } from './acceptor.ts'
import type { HookRunner } from './hooks.ts'
import type { Hub } from './hub.ts'
import type { RelayBounds } from './limits.ts'
import type { Log } from './log.ts'
import type { RelayLogger } from './logger.ts'
import type { Principals } from './principals.ts'
import type { Authorize } from './sign-in.ts'
import type { Work } from './work/work.ts'

/** What every session of a relay works with. */
export interface SessionContext {
  readonly hub: Hub
  readonly log: Log
  readonly work: Work
  readonly acceptor: Acceptor
  readonly clock: Clock
  readonly bounds: RelayBounds
  readonly logger: RelayLogger
  readonly authorize: Authorize
  readonly principals: Principals
  readonly runner: HookRunner
  /** When clients should come back after a failure of the relay's; spread out. */
  readonly comeBackMs: () => number
}

/** A connection as the relay holds it. */
export interface Session {
  readonly handlers: SocketHandlers
  /** Whom it acts for; null before that is known. */
  readonly principal: string | null
  /** Places that it is behind the head of its space. */
  readonly lag: number
  /** Asks again what its sign-in is worth. */
  recheck(): void
  /** Says goodbye and closes. */
  end(error: TidemarkError, closeCode: number, retryAfterMs?: number): void
}
