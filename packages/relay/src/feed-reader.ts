/**
 * Readers of the feed outside of the protocol: search, webhooks, anything that must not miss a change.
 *
 * Why it exists: a second queue would be a second truth. A reader has a place in each space's log, kept in the same database,
 * and reads on from there, so it costs nothing while nobody changes anything, and lacks nothing after a crash.
 *
 * Invariants
 * 1. At least once: the cursor moves when `read` has resolved. After a crash the last batch may come again.
 * 2. In order, one batch of a space at a time; what `read` rejects comes again, later and later.
 * 3. Nothing is read ahead: at most one page for each space that is being read, and `concurrency` of these.
 * 4. It goes by incarnations as clients do: after the relay has lost something it goes on from the common place, and says so.
 */
import { type Clock, fraction, type Random, TidemarkError, toTidemarkError } from '@tidemark/base'
import { commonSeq, type Incarnation, wireLimits } from '@tidemark/protocol'
import type { Hub } from './hub.ts'
import type { Log, ReadLimits } from './log.ts'
import type { RelayLogger } from './logger.ts'
import type { Member, Space } from './space.ts'

/** One document's part of a batch. */
export interface FeedChange {
  readonly document: string
  /** V1: one update, or, where the log was compacted meanwhile, everything since the batch's `after` or all of it. */
  readonly update: Uint8Array
  /** Where it stands, who brought it and how; null where several were made one. */
  readonly origin: { readonly seq: number; readonly principal: string; readonly kind: 'push' | 'carry' } | null
}

/** What happened in a space after `after`. */
export interface FeedBatch {
  readonly space: string
  readonly incarnation: string
  readonly after: number
  /** The place that is read with this batch; while a listing by document is under way it stays at `after`. */
  readonly seq: number
  /** In order of place; or by document, where the log cannot tell the order any more. */
  readonly changes: readonly FeedChange[]
  /** Documents that were erased for good. */
  readonly purged: readonly string[]
  /** Where this reader was when the relay lost what lies behind `after`; null as a rule. */
  readonly rewoundFrom: number | null
}

export interface FeedReaderOptions {
  /** Names the cursors: a reader of the same name goes on where the one before was. One at a time may run. */
  readonly name: string
  /** Takes one batch; the signal is given when the reader closes. */
  readonly read: (batch: FeedBatch, signal: AbortSignal) => Promise<void>
  /** Which spaces to read; all when left out. */
  readonly spaces?: (space: string) => boolean
  /** Spaces read at a time. */
  readonly concurrency?: number
  /** What one batch may hold. */
  readonly limits?: Partial<ReadLimits>
}

export interface FeedReader {
  /** Resolves once everything that was durable at the call is read in every space; rejects when the reader closes before. */
  caughtUp(): Promise<void>
  /** Lets the batch that is being read end, or be given up; idempotent. */
  close(): Promise<void>
}

export interface FeedReaderParts {
  readonly hub: Hub
  readonly log: Log
  readonly clock: Clock
  readonly random: Random
  readonly logger: RelayLogger
}

export const feedReaderLimits = {
  concurrency: 4,
  maxItems: 256,
  maxBytes: 1 << 20,
  retryMs: 1_000,
  maxRetryMs: 60_000,
} as const

/** What is kept of a reader in one space. */
interface ReaderCursor {
  readonly incarnations: readonly Incarnation[]
  readonly seq: number
  readonly catchUp?: { readonly to: number; readonly last: number }
}

export class LocalFeedReader implements FeedReader {
  readonly #parts: FeedReaderParts
  readonly #options: FeedReaderOptions
  readonly #abort = new AbortController()
  /** Spaces with something to read that nobody reads yet, and those being read; true where more came meanwhile. */
  readonly #waiting = new Set<string>()
  readonly #reading = new Map<string, boolean>()
  readonly #retries = new Map<string, () => void>()
  readonly #failures = new Map<string, number>()
  readonly #running = new Set<Promise<void>>()
  #idle: PromiseWithResolvers<void>[] = []
  #isListed = false

  constructor(parts: FeedReaderParts, options: FeedReaderOptions) {
    this.#parts = parts
    this.#options = options
    this.#list()
  }

  /** Something was committed to this space. */
  wake(space: string): void {
    if (this.#abort.signal.aborted || this.#options.spaces?.(space) === false || this.#retries.has(space)) return
    if (this.#reading.has(space)) this.#reading.set(space, true)
    else this.#waiting.add(space)
    this.#start()
  }

  caughtUp(): Promise<void> {
    if (this.#abort.signal.aborted) return Promise.reject(closed())
    const idle = Promise.withResolvers<void>()
    this.#idle.push(idle)
    this.#settle()
    return idle.promise
  }

  async close(): Promise<void> {
    this.#abort.abort()
    for (const cancel of this.#retries.values()) cancel()
    this.#retries.clear()
    this.#waiting.clear()
    for (const idle of this.#idle.splice(0)) idle.reject(closed())
    await Promise.all(this.#running)
  }

  /** Every space may hold something from before this life. */
  #list(): void {
    const { log, clock, logger } = this.#parts
    log.spaces().then(
      (spaces) => {
        this.#isListed = true
        for (const space of spaces) this.wake(space)
        this.#settle()
      },
      (error) => {
        if (this.#abort.signal.aborted) return
        logger.error({ err: error, reader: this.#options.name }, 'the spaces could not be listed')
        this.#retries.set(
          '',
          clock.schedule(feedReaderLimits.maxRetryMs, () => {
            this.#retries.delete('')
            this.#list()
          }),
        )
      },
    )
  }

  #start(): void {
    const { concurrency = feedReaderLimits.concurrency } = this.#options
    for (const space of this.#waiting) {
      if (this.#reading.size >= concurrency) return
      this.#waiting.delete(space)
      this.#reading.set(space, false)
      const running = this.#follow(space).finally(() => {
        this.#running.delete(running)
        this.#start()
        this.#settle()
      })
      this.#running.add(running)
    }
  }

  #settle(): void {
    if (!this.#isListed || this.#waiting.size + this.#reading.size + this.#retries.size > 0) return
    for (const idle of this.#idle.splice(0)) idle.resolve()
  }

  /** Reads a space to its end. Nothing is thrown: what fails is tried again. */
  async #follow(name: string): Promise<void> {
    const { hub, logger } = this.#parts
    const member: Member = { wake: () => undefined, fail: () => undefined }
    let space: Space | null = null
    try {
      space = await hub.join(name, member)
      await this.#readAll(space)
      this.#failures.delete(name)
      if (this.#reading.get(name) === true) this.#waiting.add(name)
    } catch (error) {
      if (!this.#abort.signal.aborted) {
        logger.warn({ err: toTidemarkError(error, 'relay/log-failed'), reader: this.#options.name, space: name }, 'a feed reader failed')
        this.#retryLater(name)
      }
    } finally {
      this.#reading.delete(name)
      if (space !== null) hub.leave(space, member)
    }
  }

  #retryLater(name: string): void {
    const { clock, random } = this.#parts
    const failures = (this.#failures.get(name) ?? 0) + 1
    this.#failures.set(name, failures)
    const capMs = Math.min(feedReaderLimits.maxRetryMs, feedReaderLimits.retryMs * 2 ** Math.min(failures - 1, 16))
    this.#retries.set(
      name,
      clock.schedule(Math.round((0.5 + fraction(random) / 2) * capMs), () => {
        this.#retries.delete(name)
        this.wake(name)
      }),
    )
  }

  async #readAll(space: Space): Promise<void> {
    const { log } = this.#parts
    const kept = readCursor(await log.readerCursor(this.#options.name, space.name))
    let { cursor, rewoundFrom } = resumed(kept, space)
    for (;;) {
      if (this.#abort.signal.aborted || space.failure !== null) return
      const { batch, next } = await this.#page(space, cursor, rewoundFrom)
      const isDone = next.catchUp === undefined && next.seq >= space.head && next.seq === cursor.seq
      if (batch.changes.length + batch.purged.length > 0 || rewoundFrom !== null) {
        await this.#options.read(batch, this.#abort.signal)
        rewoundFrom = null
      }
      if (!isDone || kept === null || kept.incarnations.at(-1)?.id !== next.incarnations.at(-1)?.id) {
        await log.saveReaderCursor(this.#options.name, space.name, JSON.stringify(next))
      }
      cursor = next
      if (isDone) return
    }
  }

  async #page(space: Space, cursor: ReaderCursor, rewoundFrom: number | null): Promise<{ batch: FeedBatch; next: ReaderCursor }> {
    const { log } = this.#parts
    const { maxItems, maxBytes } = { ...feedReaderLimits, ...this.#options.limits }
    const { incarnations, seq: after } = cursor
    const head = { space: space.name, incarnation: incarnations.at(-1)?.id ?? '', after, rewoundFrom }
    const page = cursor.catchUp === undefined ? await log.changes(space.name, after, { maxItems, maxBytes }) : 'compacted'
    if (page !== 'compacted') {
      const changes = page.updates.map(({ document, update, seq, principal, kind }) => ({
        document,
        update,
        origin: { seq, principal, kind },
      }))
      const purged = page.purged.map(({ document }) => document)
      return { batch: { ...head, seq: page.seq, changes, purged }, next: { incarnations, seq: page.seq } }
    }
    const { to, last } = cursor.catchUp ?? { to: space.head, last: 0 }
    const listed = await log.changedDocuments(space.name, after, last, { maxItems, maxBytes })
    const next: ReaderCursor = listed.done ? { incarnations, seq: to } : { incarnations, seq: after, catchUp: { to, last: listed.last } }
    const changes = listed.documents.map(({ document, update }) => ({ document, update, origin: null }))
    return { batch: { ...head, seq: next.seq, changes, purged: listed.purged.map(({ document }) => document) }, next }
  }
}

/** Where a reader goes on in the relay's history of today. */
function resumed(kept: ReaderCursor | null, { incarnations, head }: Space): { cursor: ReaderCursor; rewoundFrom: number | null } {
  const lived = incarnations.slice(-wireLimits.maxIncarnations)
  if (kept === null) return { cursor: { incarnations: lived, seq: 0 }, rewoundFrom: null }
  const { id = '' } = kept.incarnations.at(-1) ?? {}
  const reach = Math.max(kept.seq, kept.catchUp?.to ?? 0)
  const common = commonSeq(incarnations, head, kept.incarnations, { incarnation: id, seq: reach, grants: '', scope: '' })
  if (common === reach) return { cursor: { ...kept, incarnations: lived }, rewoundFrom: null }
  return { cursor: { incarnations: lived, seq: Math.min(common, kept.seq) }, rewoundFrom: kept.seq }
}

/** What an other build left counts as nothing: everything is read again. */
function readCursor(text: string | null): ReaderCursor | null {
  if (text === null) return null
  try {
    const { incarnations, seq, catchUp } = JSON.parse(text) as ReaderCursor
    const isSound = Array.isArray(incarnations) && Number.isSafeInteger(seq)
    if (!isSound) return null
    return catchUp === undefined ? { incarnations, seq } : { incarnations, seq, catchUp }
  } catch {
    // reason: a cursor that cannot be read is one that is not there; at least once holds all the same.
    return null
  }
}

const closed = (): TidemarkError => new TidemarkError('relay/busy', 'the feed reader is closed')
