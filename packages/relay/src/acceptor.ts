/**
 * Takes updates in: validated, cut to what the document lacks, queued for the commit.
 *
 * Invariants
 * 1. What is handed to the log continues the document without a gap, so merging its log in any grouping
 *    gives the same document.
 * 2. Nothing is called committed before it is durable, also when its content was known already but is
 *    still on its way to the log under another's name.
 * 3. After a failed commit the document's state is forgotten, and the space serves nobody until it has a
 *    new incarnation; unless the disk was full, which is a refusal: nothing was stored, and reading goes on.
 */
import { type Clock, type ErrorCode, TidemarkError, toTidemarkError } from '@tidemark/base'
import { type Access, isDocumentName } from '@tidemark/protocol'
import { advanceState, encodeStateVector, type ValidUpdate, validateUpdate } from '@tidemark/updates'
import type { CommitQueue } from './commit-queue.ts'
import type { DocumentStates, HotDocument } from './document-states.ts'
import type { Guard, Refusal } from './guard.ts'
import { type Fits, type Judged, judgeUpdate, overgrown } from './judged.ts'
import type { RelayBounds } from './limits.ts'
import type { Log, LogEntry, Place } from './log.ts'
import type { Placed } from './placed.ts'
import type { Space } from './space.ts'
import { TurnBudget } from './turn-budget.ts'
import { packState, unpackCut } from './work/packing.ts'
import type { Work } from './work/work.ts'

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
}

/** What is to be erased, and who says so. */
export type PurgeOrder = Pick<Offer, 'space' | 'document' | 'author'> & { readonly principal: string }

/** What became of an offer. */
export type Outcome =
  | { readonly type: 'committed'; readonly seq: number }
  | { readonly type: 'refused'; readonly code: ErrorCode; readonly detail: string }
  /** The log did not take it; whether it will be read one day is unknown. */
  | { readonly type: 'failed'; readonly error: TidemarkError }

export interface Acceptor {
  /** Bytes of the offers that have no outcome yet. */
  readonly openBytes: number
  /** Never rejects. Offers of one document are taken in the order of these calls. */
  accept(offer: Offer): Promise<Outcome>
  /** Erases a document for good, behind everything that was offered before; never rejects. */
  purge(order: PurgeOrder): Promise<Outcome>
  /** What the relay has of a document, in Yjs's encoding; it includes what is still on its way to the log. @throws {TidemarkError} `relay/purged`. */
  stateVector(space: string, document: string): Promise<Uint8Array>
  /** Refuses whatever comes from now on as busy; resolves when all earlier offers have their outcome. */
  close(): Promise<void>
}

export interface AcceptorOptions {
  readonly states: DocumentStates
  readonly queue: CommitQueue
  readonly bounds: RelayBounds
  readonly guard: Guard
  readonly log: Log
  readonly clock: Clock
  /** Where large updates are read. */
  readonly work: Work
}

export function createAcceptor(options: AcceptorOptions): Acceptor {
  return new DocumentAcceptor(options)
}

class DocumentAcceptor implements Acceptor {
  readonly #options: AcceptorOptions
  readonly #open = new Set<Promise<Outcome>>()
  /** By document, the turn of the last offer that waits for the state. */
  readonly #lines = new Map<string, Promise<void>>()
  readonly #turn: TurnBudget
  #openBytes = 0
  #isClosed = false

  constructor(options: AcceptorOptions) {
    this.#options = options
    this.#turn = new TurnBudget(options.clock, options.bounds.maxInlineBytes)
  }

  get openBytes(): number {
    return this.#openBytes
  }

  accept(offer: Offer): Promise<Outcome> {
    const bytes = offer.update.length
    const { maxQueuedBytes } = this.#options.bounds
    if (this.#isClosed) return Promise.resolve(refused('relay/busy', 'the relay restarts'))
    if (this.#openBytes + bytes > maxQueuedBytes) return Promise.resolve(refused('relay/busy', 'too much waits for the log'))
    this.#openBytes += bytes
    const outcome = this.#judge(offer).finally(() => {
      this.#open.delete(outcome)
      this.#openBytes -= bytes
    })
    this.#open.add(outcome)
    return outcome
  }

  purge(order: PurgeOrder): Promise<Outcome> {
    if (this.#isClosed) return Promise.resolve(refused('relay/busy', 'the relay restarts'))
    const { space, document } = order
    const outcome = this.#inLine(space.name, document, async () => this.#purge(order, await this.#options.states.get(space.name, document)))
      .then((taken) => taken.outcome)
      .catch((error): Outcome => ({ type: 'failed', error: toTidemarkError(error, 'relay/log-failed') }))
      .finally(() => this.#open.delete(outcome))
    this.#open.add(outcome)
    return outcome
  }

  async stateVector(space: string, document: string): Promise<Uint8Array> {
    const { state, isPurged } = await this.#options.states.get(space, document)
    if (isPurged) throw new TidemarkError('relay/purged', `${document} was purged`)
    return encodeStateVector(state)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.all(this.#open)
  }

  async #judge(offer: Offer): Promise<Outcome> {
    const refusal = refuseAtOnce(offer, this.#options.bounds)
    if (refusal !== null) return refusal
    try {
      return await this.#inTurn(offer)
    } catch (cause) {
      const error = toTidemarkError(cause, 'relay/log-failed')
      // The log answered, but what it has of this one document cannot be judged; the others go on.
      return error.code === 'relay/log-failed' ? { type: 'failed', error } : refused(refusalCode(error), error.message)
    }
  }

  /** Takes the offer at once when nothing has to be waited for; otherwise it and all that come after it wait in line. */
  #inTurn(offer: Offer): Promise<Outcome> {
    const { states, bounds } = this.#options
    const { space, document, update } = offer
    const isSmall = update.length <= bounds.maxInlineBytes
    const valid = isSmall && this.#turn.takes(update.length) ? validateUpdate(update) : null
    if (valid !== null && !this.#lines.has(keyOf(space.name, document))) {
      const hot = states.get(space.name, document)
      if (!(hot instanceof Promise)) {
        const judged = judgeUpdate(valid, hot.state, hot.guard !== null)
        if (unownedIn(hot, judged).length === 0) return this.#take(offer, judged, hot)
      }
    }
    return this.#inLine(space.name, document, async () => {
      const hot = await states.get(space.name, document)
      const judged = await this.#judged(offer, valid, hot)
      await this.#learnOwners(offer, judged, hot)
      return { outcome: this.#take(offer, judged, hot) }
    }).then(({ outcome }) => outcome)
  }

  /** Runs behind everything that waits for the document's state; `run` boxes an outcome that the next in line need not await. */
  #inLine<T>(space: string, document: string, run: () => Promise<T>): Promise<T> {
    const key = keyOf(space, document)
    const taken = (this.#lines.get(key) ?? Promise.resolve()).then(run)
    const over = taken.then(
      () => undefined,
      () => undefined,
    )
    this.#lines.set(key, over)
    void over.then(() => {
      if (this.#lines.get(key) === over) this.#lines.delete(key)
    })
    return taken
  }

  #purge({ space, document, author, principal }: PurgeOrder, hot: HotDocument): { outcome: Promise<Outcome> } {
    if (space.failure !== null) return { outcome: Promise.resolve({ type: 'failed', error: space.failure }) }
    if (hot.isPurged) return { outcome: whenDurable(hot, 0) }
    hot.isPurged = true
    space.bytes -= hot.logBytes
    hot.logBytes = 0
    const entry: LogEntry = { space: space.name, document, update: new Uint8Array(), principal, kind: 'purge', claims: [] }
    hot.lastCommit = this.#enqueue({ space, author }, entry, hot)
    this.#options.states.touched(space.name, document, hot)
    return { outcome: whenDurable(hot, 0) }
  }

  /** Judges an offer that is in line, so the state does not move meanwhile: here when it is small, elsewhere when it is not. */
  async #judged({ update, grant }: Offer, valid: ValidUpdate | null, hot: HotDocument): Promise<Judged> {
    const { work, bounds } = this.#options
    const isGuarded = hot.guard !== null
    if (valid !== null) return judgeUpdate(valid, hot.state, isGuarded)
    if (update.length <= bounds.maxInlineBytes) {
      await this.#turn.wait(update.length)
      return judgeUpdate(validateUpdate(update), hot.state, isGuarded)
    }
    const judged = await work.run('judge', { update: ownBytes(update), known: packState(hot.state), isGuarded }, grant.principal)
    return judged.type === 'fits' ? { type: 'fits', cut: unpackCut(judged.cut), placed: judged.placed } : judged
  }

  #take(offer: Offer, judged: Judged, hot: HotDocument): Promise<Outcome> {
    const { space } = offer
    if (space.failure !== null) return Promise.resolve({ type: 'failed', error: space.failure })
    if (hot.isPurged) return Promise.resolve(refused('relay/purged', `${offer.document} was purged`))
    if (judged.type === 'incomplete') return Promise.resolve(incomplete)
    if (judged.type === 'known') return whenDurable(hot, space.head)
    const { cut, placed } = judged
    const claims = claimsOf(cut, offer.kind, hot)
    const refusal = this.#refusal(offer, cut, placed, claims, hot)
    if (refusal !== null) return Promise.resolve(refused(refusal.code, refusal.detail))
    for (const client of claims) hot.owners.set(client, offer.grant.principal)
    const entry = entryOf(offer, cut, claims)
    advanceState(hot.state, cut)
    hot.logBytes += cut.update.length
    space.bytes += cut.update.length
    hot.lastCommit = this.#enqueue(offer, entry, hot)
    this.#options.states.touched(space.name, offer.document, hot)
    return whenDurable(hot, 0).then((outcome) => (cut.dropped && outcome.type === 'committed' ? incomplete : outcome))
  }

  /** Whose the client ids of an update are, as far as nobody has asked yet. */
  async #learnOwners({ space }: Offer, judged: Judged, hot: HotDocument): Promise<void> {
    const clients = unownedIn(hot, judged)
    if (clients.length === 0) return
    const claims = await this.#options.log.claims(space.name, clients)
    // A commit under way may have claimed them meanwhile: what is known already stays.
    for (const client of clients) if (!hot.owners.has(client)) hot.owners.set(client, claims.get(client) ?? null)
  }

  /** Why an update that fits may not come in; the index of what stands includes it when it may. */
  #refusal(offer: Offer, cut: Fits, placed: readonly Placed[], claims: readonly number[], hot: HotDocument): Refusal | null {
    const { document, grant, kind, space } = offer
    const { principal, access } = grant
    const { bounds } = this.#options
    const { maxDocumentBytes, maxSpaceBytes, maxNewClients } = bounds
    const bytes = cut.update.length
    const isTooLong = hot.logBytes + bytes > maxDocumentBytes
    const problem = isTooLong
      ? `the document would have ${hot.logBytes + bytes} bytes where ${maxDocumentBytes} are the limit`
      : overgrown(hot.state, cut, bounds)
    if (problem !== null) {
      // Compaction may have made it smaller since: whoever comes next is judged by what the log has.
      if (hot.inFlight === 0) this.#options.states.drop(space.name, document)
      return { code: 'relay/too-large', detail: problem }
    }
    if (claims.length > maxNewClients) return { code: 'relay/too-large', detail: `${claims.length} client ids are new with one push` }
    if (space.bytes + bytes > maxSpaceBytes) return { code: 'relay/space-full', detail: `the space has ${space.bytes} bytes` }
    if (kind === 'push') {
      const foreign = [...cut.clocks.keys()].find((client) => (hot.owners.get(client) ?? principal) !== principal)
      if (foreign !== undefined) return { code: 'relay/forbidden', detail: `client ${foreign} belongs to another user` }
    }
    if (hot.guard !== null) {
      const clockOf = (client: number): number => cut.clocks.get(client) ?? hot.state.stateVector.get(client) ?? 0
      const refusal = this.#options.guard.judge(hot.guard, { document, placed, deletes: cut.deletes, clockOf, principal, access, kind })
      if (refusal !== null) return refusal
    }
    return null
  }

  #enqueue({ space, author }: Pick<Offer, 'space' | 'author'>, entry: LogEntry, hot: HotDocument): Promise<Place> {
    const { queue, states } = this.#options
    hot.inFlight++
    space.inFlight++
    return new Promise<Place>((resolve, reject) => {
      const settle = (): void => {
        hot.inFlight--
        space.inFlight--
        states.trim()
      }
      const committed = (place: Place): void => {
        settle()
        resolve(place)
      }
      const failed = (error: TidemarkError): void => {
        settle()
        space.bytes -= entry.update.length
        states.drop(entry.space, entry.document)
        reject(error)
      }
      queue.add({ entry, author, committed, failed })
    })
  }
}

// A space name has no slash.
const keyOf = (space: string, document: string): string => `${space}/${document}`

const refused = (code: ErrorCode, detail: string): Outcome => ({ type: 'refused', code, detail })

const incomplete = refused('relay/incomplete', 'the update builds on what the relay lacks')

/** What can be told without looking at the bytes. */
function refuseAtOnce({ document, update, grant }: Offer, bounds: RelayBounds): Outcome | null {
  const { maxUpdateBytes } = bounds.announced
  if (grant.access !== 'write' && grant.access !== 'decide') return refused('relay/forbidden', `access is ${grant.access}`)
  if (!isDocumentName(document)) return refused('relay/invalid', 'this is not a document name')
  if (update.length > maxUpdateBytes) return refused('relay/too-large', `${update.length} bytes where ${maxUpdateBytes} are the limit`)
  return null
}

/** Client ids that a push brings first, or is first to continue: from now on they are its principal's. */
const claimsOf = (cut: Fits, kind: LogEntry['kind'], hot: HotDocument): number[] =>
  kind === 'push' ? [...cut.clocks.keys()].filter((client) => (hot.owners.get(client) ?? null) === null) : []

/** Client ids that an update moves on and of which it is not known whose they are. */
const unownedIn = ({ owners }: HotDocument, judged: Judged): number[] =>
  judged.type === 'fits' ? [...judged.cut.clocks.keys()].filter((client) => !owners.has(client)) : []

/** What was wrong, in the words of a refusal. */
const refusalCode = ({ code }: TidemarkError): ErrorCode => (code === 'relay/too-large' || code === 'relay/busy' ? code : 'relay/invalid')

function entryOf(offer: Offer, cut: Fits, claims: readonly number[]): LogEntry {
  const { space, document, kind, grant } = offer
  return { space: space.name, document, update: ownBytes(cut.update), principal: grant.principal, kind, claims }
}

/** The same bytes without the frame they arrived in, which would otherwise be kept and sent to the log's worker with them. */
const ownBytes = (bytes: Uint8Array): Uint8Array => (bytes.byteLength === bytes.buffer.byteLength ? bytes : bytes.slice())

/** `committed` once everything accepted of the document so far is durable. */
async function whenDurable(hot: HotDocument, seq: number): Promise<Outcome> {
  try {
    const place = await hot.lastCommit
    return { type: 'committed', seq: Math.max(seq, place?.seq ?? 0) }
  } catch (cause) {
    const error = toTidemarkError(cause, 'relay/log-failed')
    return error.code === 'relay/disk-full' ? refused(error.code, error.message) : { type: 'failed', error }
  }
}
