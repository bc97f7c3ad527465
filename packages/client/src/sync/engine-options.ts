/** What the sync engine of a tab is made of, and what it tells. */
import type { TidemarkError } from '@tidemark/base'
import type { Awareness } from '@tidemark/protocol'
import type { Acknowledged, LocalStore } from '@tidemark/store'
import type { Platform } from '../platform.ts'
import type { StoredDocuments } from '../stored.ts'
import type { RowAt } from '../tabs.ts'
import type { UpdateKey } from './branching.ts'
import type { Sent } from './pusher.ts'

export interface RelayOptions {
  /** `ws://` or `wss://`, host and port; the protocol's own path is added. */
  readonly url: string
  /** Gives the sign-in token; asked before each connection. */
  readonly token?: () => string | Promise<string>
}

export interface EngineOptions {
  readonly platform: Platform
  readonly store: LocalStore
  readonly space: string
  readonly relay: RelayOptions
  readonly paused: boolean
  readonly build: string
  readonly replica: string
  readonly nextKey: () => { readonly writer: string; readonly n: number }
  /** Whether only the documents that are on this device are followed. */
  readonly isChosen: boolean
}

/** What the engine tells the rest of the tab. */
export type EngineEvent =
  | { readonly type: 'state' }
  | { readonly type: 'stored'; readonly stored: StoredDocuments }
  | { readonly type: 'retried'; readonly names: readonly string[] }
  | { readonly type: 'acknowledged'; readonly items: readonly Acknowledged[]; readonly names: readonly string[] }
  | { readonly type: 'refused'; readonly name: string; readonly error: TidemarkError }
  /** These updates are no longer part of the document, which is to be read anew. */
  | { readonly type: 'forked'; readonly name: string; readonly updates: readonly UpdateKey[]; readonly error: TidemarkError }
  | { readonly type: 'sending'; readonly sent: readonly Sent[] }
  /** Of these documents nothing is left, since they were erased for good at the relay. */
  | { readonly type: 'erased'; readonly rows: readonly RowAt[] }
  | { readonly type: 'failed'; readonly error: TidemarkError }
  | Awareness
  /** Time to look for what nobody told of. */
  | { readonly type: 'beat' }
