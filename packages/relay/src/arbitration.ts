/**
 * The single writer of arbitrated fields: answers what is proposed, under client ids of its own, through the same log and feed.
 *
 * Why it exists: where optimism is unsafe, somebody must say who was first. Everything that is committed to a space passes
 * here in one order, so this is where that can be said.
 *
 * Invariants
 * 1. An intent is answered once: its answer supersedes it, in the same log. The log keeps which documents have intents
 *    without an answer, so a crash between commit and answer delays the answer and loses nothing.
 * 2. Without a hook the answer stands in the same commit as the intent. A hook is asked about an intent once that is durable,
 *    one at a time in a document, in order of stamps.
 * 3. A hook that fails answers nothing; it is asked again, later and later, while the space is open.
 * 4. No client id is used by two lives of a space's log.
 */
import { type Clock, fraction, type Random, randomClientId } from '@tidemark/base'
import {
  type Arbiter,
  answerTo,
  createStampClock,
  type Dot,
  intentOf,
  type StampClock,
  unchangedArbiter,
  type Verdict,
} from '@tidemark/schema'
import { insertAfter } from '@tidemark/updates'
import type { HotDocument } from './document-states.ts'
import { intentWaiting, type WaitingIntent, waitingIntents } from './guard.ts'
import type { HookRunner } from './hooks.ts'
import type { Hub } from './hub.ts'
import type { RelayBounds } from './limits.ts'
import type { Log } from './log.ts'
import type { RelayLogger } from './logger.ts'
import type { RelayMeter } from './metering.ts'
import type { Outcome } from './offer.ts'
import type { Space } from './space.ts'

/** Whom the log and the entries name where the relay itself writes; nobody can sign in as this one. */
export const relayPrincipal = '$relay'

/** As whom the relay writes. */
export interface Amending {
  readonly author: object
  /** Whose this client id is is known when `build` is called. */
  readonly client: number
}

/** What the acceptor does for an arbitration. */
export interface Amender {
  /** Lets `build` see a document in its turn, and takes what it gives; null when it gives nothing. Never rejects. */
  amend(space: Space, document: string, by: Amending, build: (hot: HotDocument) => Uint8Array | null): Promise<Outcome | null>
}

export interface ArbitrationOptions {
  readonly hub: Hub
  readonly log: Log
  readonly clock: Clock
  readonly random: Random
  readonly bounds: RelayBounds
  readonly logger: RelayLogger
  readonly runner: HookRunner
  readonly meter: RelayMeter | null
}

/** Answers that one commit takes at once; the rest follows. */
const maxAtOnce = 256
/** Documents with intents that are asked of the log at a time. */
const maxAwaiting = 10_000

export class Arbitration {
  readonly #options: ArbitrationOptions
  readonly #clients = new WeakMap<Space, number>()
  readonly #stamps: StampClock
  /** Documents at work, with the space in which something came meanwhile: after a failed commit it is another opening of the same. */
  readonly #working = new Map<string, Space | null>()
  readonly #cancels = new Set<() => void>()
  #amender: Amender | null = null
  #isClosed = false

  constructor(options: ArbitrationOptions) {
    this.#options = options
    this.#stamps = createStampClock(options.clock)
  }

  /** Begins once the acceptor is there. */
  start(amender: Amender): void {
    this.#amender = amender
  }

  /**
   * Called in the turn in which something was accepted into a document in which intents wait: gives the answers that can be
   * given at once, one after the other through `take`, which tells whether it could take one, and sees to the others.
   */
  waits(space: Space, document: string, hot: HotDocument, take: (update: Uint8Array) => boolean): void {
    if (this.#options.runner.hooks.arbitrate === undefined && this.#mayWrite(space, hot)) {
      for (let count = 0; count < maxAtOnce; count++) {
        const [waiting] = waitingIn(hot)
        if (waiting === undefined) return
        if (!take(this.#answer(space, hot, waiting, judge(unchangedArbiter, waiting)))) break
      }
    }
    this.#later(space, document)
  }

  /** A space was opened: what waits in it since before is answered. */
  opened(space: Space): void {
    this.#options.log.awaiting(space.name, maxAwaiting).then(
      (documents) => {
        for (const document of documents) this.#later(space, document)
      },
      (error) => this.#options.logger.error({ err: error, space: space.name }, 'open intents could not be read'),
    )
  }

  close(): void {
    this.#isClosed = true
    for (const cancel of this.#cancels) cancel()
  }

  #later(space: Space, document: string): void {
    const key = `${space.name}/${document}`
    const isWorking = this.#working.has(key)
    this.#working.set(key, isWorking ? space : null)
    if (!isWorking) void this.#work(space, document, key, 0)
  }

  /** Answers one intent after the other. Nothing is thrown: what fails is tried again. */
  async #work(space: Space, document: string, key: string, failures: number): Promise<void> {
    const { bounds, clock, random, hub, logger } = this.#options
    const member = { wake: () => undefined, fail: () => undefined }
    let failed = failures
    try {
      // It stays open while somebody thinks about it.
      space.members.add(member)
      while (!this.#isClosed && space.failure === null) {
        const done = await this.#one(space, document)
        failed = 0
        if (done && this.#working.get(key) !== space) break
        if (this.#working.get(key) === space) this.#working.set(key, null)
      }
      failed = 0
    } catch (error) {
      failed++
      logger.warn({ err: error, space: space.name, document }, 'an intent could not be answered yet')
    } finally {
      hub.leave(space, member)
    }
    if (failed === 0 || this.#isClosed || space.failure !== null) {
      const next = this.#working.get(key) ?? null
      this.#working.delete(key)
      if (next !== null && next !== space && !this.#isClosed) this.#later(next, document)
      return
    }
    const capMs = Math.min(bounds.arbitrateRetryMaxMs, bounds.arbitrateRetryMs * 2 ** Math.min(failed, 16))
    const cancel = clock.schedule(Math.round((0.5 + fraction(random) / 2) * capMs), () => {
      this.#cancels.delete(cancel)
      void this.#work(space, document, key, failed)
    })
    this.#cancels.add(cancel)
  }

  /** Answers what waits longest; whether nothing waits any more. */
  async #one(space: Space, document: string): Promise<boolean> {
    const amender = this.#amender as Amender
    const { runner } = this.#options
    const waiting = await this.#look(space, document)
    if (waiting === null) return true
    const { arbitrate } = runner.hooks
    const ask = arbitrate ?? unchangedArbiter
    const intent = intentOf(waiting.proposal, waiting.heads)
    const verdict = checked(await runner.ask('arbitrate', () => ask({ ...intent, space: space.name, document })))
    const outcome = await amender.amend(space, document, this.#amending(space), (hot) => {
      // It may have been replaced, or answered by what somebody carried, while the hook was thinking. Where one with an earlier
      // stamp came meanwhile, the verdict holds all the same: the hook may have acted on it.
      const now = hot.guard === null || hot.isPurged ? undefined : intentWaiting(hot.guard, intent.id)
      if (now === undefined) return null
      if (!this.#mayWrite(space, hot)) this.#clients.delete(space)
      return this.#answer(space, hot, now, verdict)
    })
    if (outcome?.type === 'refused') throw new Error(`the answer was refused: ${outcome.code} ${outcome.detail}`)
    if (outcome?.type === 'failed') throw outcome.error
    return false
  }

  /** The intent that waits, once everything accepted so far is durable. */
  async #look(space: Space, document: string): Promise<WaitingIntent | null> {
    let found: WaitingIntent | null = null
    let durable: Promise<unknown> | null = null
    const outcome = await (this.#amender as Amender).amend(space, document, this.#amending(space), (hot) => {
      found = waitingIn(hot)[0] ?? null
      durable = hot.lastCommit
      return null
    })
    if (outcome?.type === 'failed') throw outcome.error
    await durable
    return found
  }

  /** Whether this life's client id is its own in this document: known here as the relay's, or not at all. */
  #mayWrite(space: Space, { state, owners }: HotDocument): boolean {
    const client = this.#clientOf(space)
    return owners.get(client) === relayPrincipal || !state.stateVector.has(client)
  }

  #amending(space: Space): Amending {
    return { author: this, client: this.#clientOf(space) }
  }

  #clientOf(space: Space): number {
    const known = this.#clients.get(space)
    if (known !== undefined) return known
    const client = randomClientId(this.#options.random)
    this.#clients.set(space, client)
    return client
  }

  #answer(space: Space, { state }: HotDocument, { proposal, heads }: WaitingIntent, verdict: Verdict): Uint8Array {
    const client = this.#clientOf(space)
    this.#options.meter?.arbitrated(verdict.accept)
    const clock = state.stateVector.get(client) ?? 0
    for (const { t } of [proposal, ...heads]) this.#stamps.adopt(t)
    const i: Dot = [client, clock]
    const entry = { i, ...answerTo(proposal, heads, verdict), by: relayPrincipal, t: this.#stamps.next(), s: proposal.s }
    const [behindClient, behindClock] = proposal.i
    return insertAfter(client, clock, { client: behindClient, clock: behindClock }, entry)
  }
}

const waitingIn = ({ guard, isPurged }: HotDocument): readonly WaitingIntent[] => (guard === null || isPurged ? [] : waitingIntents(guard))

const judge = (arbiter: Arbiter, { proposal, heads }: WaitingIntent): Verdict => arbiter(intentOf(proposal, heads))

/** What a hook may have given instead of a verdict counts as a failure. */
function checked(verdict: unknown): Verdict {
  const { accept, reason } = (verdict ?? {}) as { readonly accept?: unknown; readonly reason?: unknown }
  if (accept === true) return { accept }
  if (accept === false) return { accept, reason: typeof reason === 'string' ? reason.slice(0, 1_000) : '' }
  throw new TypeError('arbitrate gives { accept: true } or { accept: false, reason }')
}
