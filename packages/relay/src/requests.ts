/**
 * What one session asks about single documents: their state, and whether the relay has all that the client has.
 *
 * Invariants
 * 1. One request is worked on at a time, in order; what waits is bounded, and over the bound the connection ends.
 * 2. A state is read only while the client has credit and its socket room, and counts against the credit like changes.
 * 3. A document that the session may not see is refused, whether it exists or not.
 */
import { type Clock, TidemarkError, toTidemarkError } from '@tidemark/base'
import { type Audit, isDocumentName, type RelayMessage, type Subscribe } from '@tidemark/protocol'
import { decodeStateVector, emptyUpdate } from '@tidemark/updates'
import type { Acceptor } from './acceptor.ts'
import type { Feed } from './feed.ts'
import type { RelayBounds } from './limits.ts'
import type { Log } from './log.ts'
import { ownBytes, refusalCode } from './offer.ts'
import type { Work } from './work/work.ts'

export interface RequestsOptions {
  readonly space: string
  /** The last committed place. */
  readonly head: () => number
  readonly log: Log
  readonly acceptor: Acceptor
  readonly work: Work
  readonly clock: Clock
  readonly bounds: RelayBounds
  readonly feed: Feed
  /** Whom it acts for, and whether it may see a document, at this moment. */
  readonly principal: () => string
  readonly maySee: (document: string) => boolean
  readonly send: (messages: readonly RelayMessage[]) => void
  readonly onFailure: (error: unknown) => void
}

/** Requests that may wait at a time, and their bytes. */
const maxWaiting = 16_384
const maxWaitingBytes = 4 << 20

export class Requests {
  readonly #options: RequestsOptions
  #waiting: (Subscribe | Audit)[] = []
  #waitingBytes = 0
  #isRunning = false
  #isClosed = false
  #cancelCheck: (() => void) | null = null

  constructor(options: RequestsOptions) {
    this.#options = options
  }

  /** @throws {TidemarkError} `relay/limit` when too much waits. */
  add(request: Subscribe | Audit): void {
    this.#waitingBytes += bytesOf(request)
    if (this.#waiting.length >= maxWaiting || this.#waitingBytes > maxWaitingBytes) {
      throw new TidemarkError('relay/limit', 'more is asked for than is answered')
    }
    this.#waiting.push(request)
    this.wake()
  }

  /** There may be credit again. */
  wake(): void {
    if (this.#isRunning || this.#isClosed || this.#waiting.length === 0) return
    this.#isRunning = true
    void this.#run()
  }

  close(): void {
    this.#isClosed = true
    this.#waiting = []
    this.#cancelCheck?.()
  }

  async #run(): Promise<void> {
    try {
      for (let next = this.#next(); next !== undefined; next = this.#next()) {
        this.#waitingBytes -= bytesOf(next)
        await this.#answer(next)
      }
    } catch (error) {
      if (!this.#isClosed) this.#options.onFailure(error)
    } finally {
      this.#isRunning = false
    }
  }

  #next(): Subscribe | Audit | undefined {
    const { feed, clock, bounds } = this.#options
    if (this.#isClosed || this.#waiting.length === 0) return undefined
    if (feed.mayReceive) return this.#waiting.shift()
    this.#cancelCheck ??= clock.schedule(bounds.drainCheckMs, () => {
      this.#cancelCheck = null
      this.wake()
    })
    return undefined
  }

  async #answer(request: Subscribe | Audit): Promise<void> {
    const { document } = request
    const { maySee, send } = this.#options
    try {
      if (!isDocumentName(document) || !maySee(document))
        throw new TidemarkError('relay/forbidden', `no access to ${document.slice(0, 256)}`)
      if (request.type === 'audit') await this.#audit(request)
      else await this.#state(request)
    } catch (cause) {
      const error = toTidemarkError(cause, 'relay/log-failed')
      if (error.code === 'relay/log-failed') throw error
      if (this.#isClosed) return
      if (error.code === 'relay/purged') send([{ type: 'purged', documents: [document] }])
      else
        send([{ type: 'refuse', n: 0, document: document.slice(0, 256), code: refusalCode(error), detail: error.message.slice(0, 1_000) }])
    }
  }

  async #audit({ document, stateVector, deletes }: Audit): Promise<void> {
    const { acceptor, space, principal, send } = this.#options
    const audited = { stateVector: ownBytes(stateVector), deletes: ownBytes(deletes) }
    if ((await acceptor.lacks(space, document, audited, principal())) && !this.#isClosed) send([{ type: 'lacking', document }])
  }

  async #state({ document, stateVector, lastSeq }: Subscribe): Promise<void> {
    const { log, acceptor, space, feed, work, bounds, principal, send } = this.#options
    const isWhole = stateVector.length === 0
    if (!isWhole && stateVector.length <= bounds.maxInlineBytes) decodeStateVector(stateVector)
    // Followed from before it is read, so that nothing falls between the two.
    feed.follow(document)
    const head = this.#options.head()
    const loaded = await log.load(space, document)
    if (loaded === 'purged') throw new TidemarkError('relay/purged', `${document} was purged`)
    if (this.#isClosed) return
    if (loaded === null) return send([{ type: 'state', document, seq: 0, stateVector: Uint8Array.of(0), update: emptyUpdate }])
    const isKnown = lastSeq > 0 && lastSeq >= loaded.seq
    const update = isKnown
      ? emptyUpdate
      : isWhole
        ? loaded.update
        : await work.run('diff', { update: loaded.update, stateVector: ownBytes(stateVector) }, principal())
    const relays = await acceptor.stateVector(space, document)
    // What it may see may have changed meanwhile.
    if (this.#isClosed || !this.#options.maySee(document)) return
    feed.spend(update.length)
    // Whatever was committed by then is in what the log gave.
    send([{ type: 'state', document, seq: Math.max(head, loaded.seq), stateVector: relays, update }])
  }
}

const bytesOf = (request: Subscribe | Audit): number =>
  request.document.length + request.stateVector.length + (request.type === 'audit' ? request.deletes.length : 0)
