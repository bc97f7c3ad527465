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
import { TidemarkError, toTidemarkError } from '@tidemark/base'
import { advanceState, encodeStateVector, type ValidUpdate, validateUpdate } from '@tidemark/updates'
import type { Amender, Amending, Arbitration } from './arbitration.ts'
import { type Audited, auditedBytes, isLackingIn } from './audit.ts'
import type { CommitQueue } from './commit-queue.ts'
import type { DocumentStates, HotDocument } from './document-states.ts'
import { askGate } from './gate.ts'
import type { Guard, Refusal } from './guard.ts'
import { type HookRunner, isPromise } from './hooks.ts'
import { type Fits, type Judged, judgeUpdate, shapeBounds } from './judged.ts'
import type { RelayBounds } from './limits.ts'
import { Lines } from './lines.ts'
import type { Log, LogEntry, Place } from './log.ts'
import {
  claimsOf,
  entryOf,
  incomplete,
  isAwaiting,
  keyOf,
  type Offer,
  type Outcome,
  ownOffer,
  type PurgeOrder,
  refusalCode,
  refuseAtOnce,
  refused,
  restarting,
  unownedIn,
} from './offer.ts'
import type { Placed } from './placed.ts'
import type { Space } from './space.ts'
import type { TurnBudget } from './turn-budget.ts'
import { packState, unpackCut } from './work/packing.ts'
import type { Work } from './work/work.ts'

export interface Acceptor extends Amender {
  /** Bytes of the offers that have no outcome yet. */
  readonly openBytes: number
  /** How many they are. */
  readonly openCount: number
  /** Never rejects. Offers of one document are taken in the order of these calls. */
  accept(offer: Offer): Promise<Outcome>
  /** Erases a document for good, behind everything that was offered before; never rejects. */
  purge(order: PurgeOrder): Promise<Outcome>
  /** What the relay has of a document, in Yjs's encoding; it includes what is still on its way to the log. @throws {TidemarkError} `relay/purged`. */
  stateVector(space: string, document: string): Promise<Uint8Array>
  /**
   * Whether the relay lacks something of a document of which somebody has this.
   *
   * @throws {TidemarkError} `relay/purged`, `updates/invalid`, `relay/too-large` when it takes too long to find out.
   */
  lacks(space: string, document: string, audited: Audited, principal: string): Promise<boolean>
  /** Refuses whatever comes from now on as busy; resolves when all earlier offers have their outcome. */
  close(): Promise<void>
}

export interface AcceptorOptions {
  readonly states: DocumentStates
  readonly queue: CommitQueue
  readonly bounds: RelayBounds
  readonly guard: Guard
  readonly log: Log
  /** What may be read on the event loop in one turn. */
  readonly turn: TurnBudget
  /** Where large updates are read. */
  readonly work: Work
  /** Answers what is proposed in arbitrated fields; null where nobody does. */
  readonly arbitration?: Arbitration | null
  /** Asked before each commit. */
  readonly runner?: HookRunner | null
}

export function createAcceptor(options: AcceptorOptions): Acceptor {
  return new DocumentAcceptor(options)
}

class DocumentAcceptor implements Acceptor {
  readonly #options: AcceptorOptions
  readonly #open = new Set<Promise<Outcome | null>>()
  readonly #lines = new Lines()
  #openBytes = 0
  #isClosed = false

  constructor(options: AcceptorOptions) {
    this.#options = options
  }

  get openBytes(): number {
    return this.#openBytes
  }

  get openCount(): number {
    return this.#open.size
  }

  accept(offer: Offer): Promise<Outcome> {
    const bytes = offer.update.length
    const { maxQueuedBytes } = this.#options.bounds
    if (this.#isClosed) return Promise.resolve(restarting)
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
    if (this.#isClosed) return Promise.resolve(restarting)
    const { space, document } = order
    const outcome = this.#inLine(space, document, async () => this.#purge(order, await this.#options.states.get(space.name, document)))
      .catch((error): Outcome => ({ type: 'failed', error: toTidemarkError(error, 'relay/log-failed') }))
      .finally(() => this.#open.delete(outcome))
    this.#open.add(outcome)
    return outcome
  }

  amend(
    space: Space,
    document: string,
    { author, client }: Amending,
    build: (hot: HotDocument) => Uint8Array | null,
  ): Promise<Outcome | null> {
    if (this.#isClosed) return Promise.resolve(restarting)
    const amended = this.#inLine(space, document, async () => {
      const hot = await this.#options.states.get(space.name, document)
      if (hot.state.stateVector.has(client) && !hot.owners.has(client)) await this.#learn(space, [client], hot)
      const update = space.failure === null ? build(hot) : null
      return { outcome: update === null ? null : this.#take(...this.#own(space, document, author, update, hot)) }
    }).catch((cause: unknown): Outcome => ({ type: 'failed', error: toTidemarkError(cause, 'relay/log-failed') }))
    this.#open.add(amended)
    void amended.finally(() => this.#open.delete(amended))
    return amended
  }

  async stateVector(space: string, document: string): Promise<Uint8Array> {
    const { state, isPurged } = await this.#options.states.get(space, document)
    if (isPurged) throw new TidemarkError('relay/purged', `${document} was purged`)
    return encodeStateVector(state)
  }

  async lacks(space: string, document: string, audited: Audited, principal: string): Promise<boolean> {
    const { states, bounds, turn, work } = this.#options
    const { state, isPurged } = await states.get(space, document)
    if (isPurged) throw new TidemarkError('relay/purged', `${document} was purged`)
    const bytes = auditedBytes(audited)
    if (bytes > bounds.maxInlineBytes) return work.run('audit', { audited, known: packState(state) }, principal)
    if (!turn.takes(bytes)) await turn.wait(bytes)
    return isLackingIn(state, audited)
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
    const { states, bounds, turn } = this.#options
    const { space, document, update } = offer
    const isSmall = update.length <= bounds.maxInlineBytes
    const valid = isSmall && turn.takes(update.length) ? validateUpdate(update) : null
    if (valid !== null && !this.#lines.has(keyOf(offer))) {
      const hot = states.get(space.name, document)
      if (!(hot instanceof Promise)) {
        const judged = judgeUpdate(valid, hot.state, hot.guard !== null, bounds)
        if (unownedIn(hot, judged).length === 0) {
          const asked = this.#ask(offer, judged, hot)
          if (!isPromise(asked)) return asked === null ? this.#take(offer, judged, hot) : Promise.resolve(asked)
          return this.#inLine(space, document, async () => this.#answered(offer, valid, await asked))
        }
      }
    }
    return this.#inLine(space, document, async () => {
      const hot = await states.get(space.name, document)
      const judged = await this.#judged(offer, valid, hot)
      await this.#learnOwners(offer, judged, hot)
      const asked = this.#ask(offer, judged, hot)
      return isPromise(asked) ? this.#answered(offer, valid, await asked) : { outcome: asked ?? this.#take(offer, judged, hot) }
    })
  }

  /** Goes on when the hook has answered: the state may have been forgotten and loaded again meanwhile. */
  async #answered(offer: Offer, valid: ValidUpdate | null, refusal: Outcome | null): Promise<{ outcome: Outcome | Promise<Outcome> }> {
    if (refusal !== null) return { outcome: refusal }
    const hot = await this.#options.states.get(offer.space.name, offer.document)
    const judged = await this.#judged(offer, valid, hot)
    await this.#learnOwners(offer, judged, hot)
    return { outcome: this.#take(offer, judged, hot) }
  }

  /** What the app's own gate says about what would be stored; null lets it through. */
  #ask(offer: Offer, judged: Judged, hot: HotDocument): Outcome | null | Promise<Outcome | null> {
    const { runner = null, log } = this.#options
    if (runner?.hooks.beforeCommit === undefined || offer.space.failure !== null || hot.isPurged || judged.type !== 'fits') return null
    return askGate(runner, log, offer, judged.cut.update, hot.lastCommit)
  }

  /** A turn is over with what `work` gives, not with its outcome, which the next in line need not await. */
  #inLine<T>(space: Space, document: string, work: () => Promise<{ readonly outcome: T | Promise<T> }>): Promise<T> {
    return this.#lines.run(keyOf({ space, document }), work).then(({ outcome }) => outcome)
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
    const { work, bounds, turn } = this.#options
    const isGuarded = hot.guard !== null
    if (valid !== null) return judgeUpdate(valid, hot.state, isGuarded, bounds)
    if (update.length <= bounds.maxInlineBytes) {
      await turn.wait(update.length)
      return judgeUpdate(validateUpdate(update), hot.state, isGuarded, bounds)
    }
    const input = { update: update.slice(), known: packState(hot.state), isGuarded, bounds: shapeBounds(bounds) }
    const judged = await work.run('judge', input, grant.principal)
    return judged.type === 'fits' ? { type: 'fits', cut: unpackCut(judged.cut), placed: judged.placed } : judged
  }

  /** Takes an offer in, and with it the answers to what it proposes. */
  #take(offer: Offer, judged: Judged, hot: HotDocument): Promise<Outcome> {
    const { arbitration = null } = this.#options
    const { space, document } = offer
    const outcome = this.#takeOne(offer, judged, hot)
    if (arbitration === null || space.failure !== null || !isAwaiting(hot)) return outcome
    arbitration.waits(space, document, hot, (update) => {
      const before = hot.lastCommit
      void this.#takeOne(...this.#own(space, document, arbitration, update, hot))
      return hot.lastCommit !== before
    })
    return outcome
  }

  #takeOne(offer: Offer, judged: Judged, hot: HotDocument): Promise<Outcome> {
    const { space } = offer
    if (space.failure !== null) return Promise.resolve({ type: 'failed', error: space.failure })
    if (hot.isPurged) return Promise.resolve(refused('relay/purged', `${offer.document} was purged`))
    if (hot.isDropped) return givenUp(hot)
    if (judged.type === 'incomplete') return Promise.resolve(incomplete)
    if (judged.type === 'known') return whenDurable(hot, space.head)
    if (judged.type === 'overgrown') return Promise.resolve(this.#tooLarge(offer, hot, judged.detail))
    const { cut, placed } = judged
    const didAwait = isAwaiting(hot)
    const claims = claimsOf(cut, offer.kind, hot)
    const refusal = this.#refusal(offer, cut, placed, claims, hot)
    if (refusal !== null) return Promise.resolve(refused(refusal.code, refusal.detail))
    for (const client of claims) hot.owners.set(client, offer.grant.principal)
    const awaits = isAwaiting(hot)
    const entry = { ...entryOf(offer, cut, claims), ...(awaits || didAwait ? { awaits } : {}) }
    advanceState(hot.state, cut)
    hot.logBytes += cut.update.length
    space.bytes += cut.update.length
    hot.lastCommit = this.#enqueue(offer, entry, hot)
    this.#options.states.touched(space.name, offer.document, hot)
    return whenDurable(hot, 0).then((outcome) => (cut.dropped && outcome.type === 'committed' ? incomplete : outcome))
  }

  /** What the relay itself writes, as `#take` wants it. */
  #own(space: Space, document: string, author: object, update: Uint8Array, hot: HotDocument): [Offer, Judged, HotDocument] {
    const judged = judgeUpdate(validateUpdate(update), hot.state, true, this.#options.bounds)
    return [ownOffer(space, document, author, update), judged, hot]
  }

  /** Whose the client ids of an update are, as far as nobody has asked yet. */
  async #learnOwners({ space }: Offer, judged: Judged, hot: HotDocument): Promise<void> {
    const clients = unownedIn(hot, judged)
    if (clients.length > 0) await this.#learn(space, clients, hot)
  }

  async #learn(space: Space, clients: readonly number[], hot: HotDocument): Promise<void> {
    const claims = await this.#options.log.claims(space.name, clients)
    // A commit under way may have claimed them meanwhile: what is known already stays.
    for (const client of clients) if (!hot.owners.has(client)) hot.owners.set(client, claims.get(client) ?? null)
  }

  #tooLarge({ space, document }: Offer, hot: HotDocument, detail: string): Refusal & Outcome {
    this.#options.states.outgrown(space.name, document, hot)
    return { type: 'refused', code: 'relay/too-large', detail }
  }

  /** Why an update that fits may not come in; the index of what stands includes it when it may. */
  #refusal(offer: Offer, cut: Fits, placed: readonly Placed[], claims: readonly number[], hot: HotDocument): Refusal | null {
    const { document, grant, kind, space } = offer
    const { principal, access } = grant
    const { bounds } = this.#options
    const { maxDocumentBytes, maxSpaceBytes, maxNewClients } = bounds
    const bytes = cut.update.length
    const size = hot.logBytes + bytes
    if (size > maxDocumentBytes) {
      return this.#tooLarge(offer, hot, `the document would have ${size} bytes where ${maxDocumentBytes} are the limit`)
    }
    if (cut.problem !== null) return { code: 'relay/invalid', detail: cut.problem }
    if (claims.length > maxNewClients) return { code: 'relay/too-large', detail: `${claims.length} client ids are new with one push` }
    if (space.bytes + bytes > maxSpaceBytes) return { code: 'relay/space-full', detail: `the space has ${space.bytes} bytes` }
    if (kind === 'push') {
      const foreign = [...cut.clocks.keys()].find((client) => (hot.owners.get(client) ?? principal) !== principal)
      if (foreign !== undefined) return { code: 'relay/forbidden', detail: `client ${foreign} belongs to another user` }
    }
    if (hot.guard !== null) {
      const clockOf = (client: number): number => cut.clocks.get(client) ?? hot.state.stateVector.get(client) ?? 0
      const guarded = { document, placed, deletes: cut.deletes, clockOf, principal, access, kind, isRelay: offer.isRelay === true }
      const refusal = this.#options.guard.judge(hot.guard, guarded)
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

/** What was judged by a state that was given up meanwhile is refused for the time being, by what that state ran into. */
const givenUp = async (hot: HotDocument): Promise<Outcome> => {
  const outcome = await whenDurable(hot, 0)
  return outcome.type === 'committed' ? refused('relay/busy', 'the document is read anew') : outcome
}

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
