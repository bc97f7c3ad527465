/**
 * What a tab needs from its surroundings, as ports: sockets, locks, a channel to the other tabs, and
 * signs of life. `browserPlatform` is the real one; tests and the simulator bring their own.
 */
import type { Clock, Random } from '@tidemark/base'
import type { Connect } from '@tidemark/protocol'

/** Locks across the tabs of one browser, as Web Locks give them. */
export interface Locks {
  /**
   * Waits for the lock `name`, then calls `held`; the lock is given back when the promise that `held`
   * returns settles, or when the tab ends. `signal` gives up waiting.
   */
  hold(name: string, held: () => Promise<void>, signal: AbortSignal): void
}

/** Messages to the other tabs of one browser, as BroadcastChannel gives them: in order, not to oneself. */
export interface Channel {
  post(message: unknown): void
  close(): void
}

/** What the surroundings say about the network and the tab. */
export interface Lifecycle {
  /** Whether the browser believes that there is a network; a hint only. */
  isOnline(): boolean
  /** Calls `listener` when the network comes or goes or the tab becomes visible; returns the unsubscribe. */
  listen(listener: (event: 'online' | 'offline' | 'visible') => void): () => void
}

export interface Platform {
  readonly clock: Clock
  readonly random: Random
  readonly connect: Connect
  readonly locks: Locks
  readonly lifecycle: Lifecycle
  /** Calls `run` when nobody types and nothing is to be drawn, or after `atMostMs`; at once in a later turn where it is left out. */
  readonly whenIdle?: (run: () => void, atMostMs: number) => void
  openChannel(name: string, listener: (message: unknown) => void): Channel
}
