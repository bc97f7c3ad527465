/**
 * The tabs of one browser: who leads, and what they tell each other.
 *
 * Each tab stores its own edits and tells the others once they are durable, in order. The leading tab
 * holds the one connection, and tells what it stored, what was acknowledged, and the status.
 */
import { guarded } from '@tidemark/base'
import type { AwarenessEntry } from '@tidemark/protocol'
import type { Acknowledged, Row, StoredUpdate } from '@tidemark/store'
import type { Channel, Platform } from './platform.ts'
import type { PlainError, SyncStatus } from './status.ts'
import type { UpdateKey } from './sync/branching.ts'

/** A row, and the revision of its document that it reflects. */
export interface RowAt {
  readonly row: Row
  readonly revision: number
}

export type TabMessage =
  | { readonly type: 'stored'; readonly updates: readonly StoredUpdate[]; readonly revisions: readonly (readonly [string, number])[] }
  | { readonly type: 'rows'; readonly rows: readonly RowAt[] }
  | { readonly type: 'acknowledged'; readonly items: readonly Acknowledged[]; readonly names: readonly string[] }
  | { readonly type: 'retried'; readonly names: readonly string[] }
  | { readonly type: 'refused'; readonly name: string; readonly error: PlainError }
  /** These updates were taken out of the document, which goes on without them. */
  | { readonly type: 'forked'; readonly name: string; readonly updates: readonly UpdateKey[]; readonly error: PlainError }
  /** The list of refused changes is another one. */
  | { readonly type: 'refused-changed' }
  | { readonly type: 'status'; readonly status: Omit<SyncStatus, 'problem'> & { readonly problem: PlainError | null } }
  /** Another tab leads from now on; the one before may have ended before it could tell what it stored. */
  | { readonly type: 'leads' }
  /** A new tab asks the leader for the status. */
  | { readonly type: 'joined' }
  | { readonly type: 'command'; readonly command: 'pause' | 'resume' | 'retry-now' }
  /** A tab asks the leader for a document that is not on this device, and the leader's answer. */
  | { readonly type: 'fetch'; readonly name: string }
  | { readonly type: 'fetched'; readonly name: string; readonly isFound: boolean; readonly error: PlainError | null }
  /** Of these documents nothing is left. */
  | { readonly type: 'erased'; readonly rows: readonly RowAt[] }
  /** What a tab shows of itself in a document, or, without a tab, what the relay told. */
  | {
      readonly type: 'presence'
      readonly document: string
      readonly tab: string | null
      readonly isHere: boolean
      readonly asks: boolean
      readonly entries: readonly AwarenessEntry[]
    }
  /** The leading tab asks who is where. */
  | { readonly type: 'present' }
  /** Every tab saves what waits and closes. */
  | { readonly type: 'lock' }

/** A message of another build may be unknown; it is passed over. */
interface Envelope {
  readonly tidemark: 1
  readonly message: TabMessage
}

export interface Tabs {
  readonly isLeader: boolean
  post(message: TabMessage): void
  /** Gives up leading and listening. */
  close(): void
}

export interface TabsOptions {
  readonly platform: Platform
  /** One per space and user of this origin. */
  readonly name: string
  readonly message: (message: TabMessage) => void
  readonly lead: () => void
}

export function joinTabs({ platform, name, message, lead }: TabsOptions): Tabs {
  const channel: Channel = platform.openChannel(name, (data) => {
    if (isEnvelope(data)) guarded(() => message(data.message))
  })
  const giveUp = new AbortController()
  let isLeader = false
  // Not at once: where there are no locks `hold` calls it before the caller has what this function returns.
  const held = async (): Promise<void> => {
    await null
    await new Promise<void>((release) => {
      if (giveUp.signal.aborted) return release()
      giveUp.signal.addEventListener('abort', () => release())
      isLeader = true
      guarded(lead)
    })
  }
  platform.locks.hold(name, held, giveUp.signal)
  return {
    get isLeader() {
      return isLeader
    },
    post: (one) => channel.post({ tidemark: 1, message: one } satisfies Envelope),
    close: () => {
      isLeader = false
      giveUp.abort()
      channel.close()
    },
  }
}

const isEnvelope = (data: unknown): data is Envelope =>
  typeof data === 'object' &&
  data !== null &&
  (data as { tidemark?: unknown }).tidemark === 1 &&
  typeof (data as { message?: unknown }).message === 'object'
