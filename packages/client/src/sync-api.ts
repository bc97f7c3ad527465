/** What an app can see and do of synchronising: `space.sync`. */
import type { ErrorCode, Observable } from '@tidemark/base'
import type { SpaceStatus } from './status.ts'

/** One document that has something the relay has not acknowledged. */
export interface PendingEntity {
  /** Document name, `<type>/<id>`. */
  readonly name: string
  readonly type: string
  readonly id: string
  /** When the oldest of it was written, ms since 1970. */
  readonly sinceMs: number
  readonly bytes: number
  /** Why the relay refused it; null while it is only waiting. */
  readonly problem: ErrorCode | null
}

export interface SpaceSync {
  readonly status: Observable<SpaceStatus>
  /** What is pending, oldest first, up to `limit` documents. */
  pending(limit?: number): Promise<readonly PendingEntity[]>
  /**
   * Resolves when nothing that was written in this browser waits to be saved or confirmed: at once when that is so already,
   * and without a relay when it is saved.
   *
   * Rejects with the relay's reason when nothing but refused changes is left; with `client/not-confirmed` after `timeoutMs`,
   * which leaves everything as it is; with `client/closed`.
   */
  settled(options?: { readonly timeoutMs?: number }): Promise<void>
  /** Connects at once, and tries again what was refused. */
  retryNow(): void
  /** Stays offline until `resume()`, in every tab of this browser. Reading and writing go on. */
  pause(): void
  resume(): void
}
