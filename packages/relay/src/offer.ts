/** Updates at the relay's door: what is offered, by whom, and what becomes of it. */
import type { ErrorCode, TidemarkError } from '@tidemark/base'
import { type Access, isDocumentName } from '@tidemark/protocol'
import { relayPrincipal } from './arbitration.ts'
import type { HotDocument } from './document-states.ts'
import { waitingIntents } from './guard.ts'
import type { Fits, Judged } from './judged.ts'
import type { RelayBounds } from './limits.ts'
import type { LogEntry } from './log.ts'
import type { Space } from './space.ts'

/** Whom a session acts for, and what it may do in its space. */
export interface Grant {
  readonly principal: string
  readonly access: Access
}

/** An update at the relay's door. */
export interface Offer {
  readonly space: Space
  readonly document: string
  readonly update: Uint8Array
  readonly kind: 'push' | 'carry'
  readonly grant: Grant
  /** The session that brings it. */
  readonly author: object
  /** Whether the relay itself wrote it. */
  readonly isRelay?: boolean
}

/** What is to be erased, and who says so. */
export type PurgeOrder = Pick<Offer, 'space' | 'document' | 'author'> & { readonly principal: string }

/** What became of an offer. */
export type Outcome =
  | { readonly type: 'committed'; readonly seq: number }
  | { readonly type: 'refused'; readonly code: ErrorCode; readonly detail: string }
  /** The log did not take it; whether it will be read one day is unknown. */
  | { readonly type: 'failed'; readonly error: TidemarkError }

// A space name has no slash.
export const keyOf = ({ space, document }: Pick<Offer, 'space' | 'document'>): string => `${space.name}/${document}`

export const refused = (code: ErrorCode, detail: string): Outcome => ({ type: 'refused', code, detail })

export const restarting = refused('relay/busy', 'the relay restarts')

export const incomplete = refused('relay/incomplete', 'the update builds on what the relay lacks')

/** What can be told without looking at the bytes. */
export function refuseAtOnce({ document, update, grant }: Offer, bounds: RelayBounds): Outcome | null {
  const { maxUpdateBytes } = bounds.announced
  if (grant.access !== 'write' && grant.access !== 'decide') return refused('relay/forbidden', `access is ${grant.access}`)
  if (!isDocumentName(document)) return refused('relay/invalid', 'this is not a document name')
  if (update.length > maxUpdateBytes) return refused('relay/too-large', `${update.length} bytes where ${maxUpdateBytes} are the limit`)
  return null
}

/** Client ids that a push brings first, or is first to continue: from now on they are its principal's. */
export const claimsOf = (cut: Fits, kind: LogEntry['kind'], hot: HotDocument): number[] =>
  kind === 'push' ? [...cut.clocks.keys()].filter((client) => (hot.owners.get(client) ?? null) === null) : []

/** Client ids that an update moves on and of which it is not known whose they are. */
export const unownedIn = ({ owners }: HotDocument, judged: Judged): number[] =>
  judged.type === 'fits' ? [...judged.cut.clocks.keys()].filter((client) => !owners.has(client)) : []

/** What was wrong, in the words of a refusal. */
export const refusalCode = ({ code }: TidemarkError): ErrorCode => (code.startsWith('relay/') ? code : 'relay/invalid')

export function entryOf(offer: Offer, cut: Fits, claims: readonly number[]): LogEntry {
  const { space, document, kind, grant } = offer
  return { space: space.name, document, update: ownBytes(cut.update), principal: grant.principal, kind, claims }
}

/** The same bytes without the frame they arrived in, which would otherwise be kept and sent to the log's worker with them. */
export const ownBytes = (bytes: Uint8Array): Uint8Array => (bytes.byteLength === bytes.buffer.byteLength ? bytes : bytes.slice())

/** What the relay itself writes. */
export const ownOffer = (space: Space, document: string, author: object, update: Uint8Array): Offer => ({
  space,
  document,
  update,
  kind: 'push',
  grant: { principal: relayPrincipal, access: 'decide' },
  author,
  isRelay: true,
})

/** Whether something that was proposed in the document waits for its answer. */
export const isAwaiting = ({ guard, isPurged }: HotDocument): boolean => guard !== null && !isPurged && waitingIntents(guard).length > 0
