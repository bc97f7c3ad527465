/**
 * One session's reading: from its position, out of the ring of recent commits or else the log, within
 * its credit.
 *
 * Why it exists: live, catch-up and slow reader are one loop, so memory does not grow with how slow a
 * reader is, and nothing is ever pushed at anyone.
 *
 * Invariants
 * 1. *Live*: frames follow each other without a gap; the position moves with them.
 * 2. *Catch-up* from `from` to `to`: each document that changed after `from` is listed once, in order
 *    of number; only with the last of them the position becomes `to`, and the session goes live from there.
 * 3. A number's name goes ahead of the first frame that uses the number.
 * 4. Nothing is sent without credit or over the socket's high water, except that a begun page is finished.
 * 5. At most one read of the log is under way, and one page of it in memory.
 */
import type { Clock } from '@tidemark/base'
import { type Change, encodeRelayMessages, type RelayMessage, type Socket, wireLimits } from '@tidemark/protocol'
import type { RelayBounds } from './limits.ts'
import type { Log, ReadLimits } from './log.ts'
import { NumberSet } from './number-set.ts'
import type { RingChange, RingEntry } from './ring.ts'
import type { Space } from './space.ts'

export type Position =
  | { readonly mode: 'live'; readonly seq: number }
  | { readonly mode: 'catch-up'; readonly from: number; readonly to: number; readonly last: number }

export interface Feed {
  readonly position: Position
  /** Reads on, as far as it may. */
  wake(): void
  /** The client takes so many bytes of updates more. */
  grant(bytes: number): void
  close(): void
}

export interface FeedOptions {
  readonly space: Space
  readonly log: Log
  readonly clock: Clock
  readonly bounds: RelayBounds
  readonly socket: Socket
  /** The session, as the author of commits. */
  readonly author: object
  readonly position: Position
  /** Bytes of updates to send before the client grants more. */
  readonly credit: number
  /** Called with frames to send. */
  readonly send: (frames: readonly Uint8Array[]) => void
  /** Called when the log cannot be read; the feed has stopped. */
  readonly onFailure: (error: unknown) => void
}

export function createFeed(options: FeedOptions): Feed {
  return new SessionFeed(options)
}

class SessionFeed implements Feed {
  readonly #options: FeedOptions
  readonly #told = new NumberSet()
  #position: Position
  #credit: number
  #isReading = false
  #isClosed = false
  #cancelCheck: (() => void) | null = null

  constructor(options: FeedOptions) {
    this.#options = options
    this.#position = options.position
    this.#credit = Math.min(options.credit, options.bounds.maxCreditBytes)
  }

  get position(): Position {
    return this.#position
  }

  grant(bytes: number): void {
    this.#credit = Math.min(this.#options.bounds.maxCreditBytes, this.#credit + bytes)
    this.wake()
  }

  wake(): void {
    if (this.#isReading || this.#isClosed) return
    while (this.#mayRead()) {
      const entry = this.#position.mode === 'live' ? this.#options.space.ring.at(this.#position.seq) : null
      if (entry === null) {
        this.#isReading = true
        this.#readLog().then(
          () => {
            this.#isReading = false
            this.wake()
          },
          (error) => {
            if (!this.#isClosed) this.#options.onFailure(error)
          },
        )
        return
      }
      this.#sendEntry(entry)
    }
  }

  close(): void {
    this.#isClosed = true
    this.#cancelCheck?.()
  }

  /** Whether there is something to read and room for it; without room in the socket it looks again later. */
  #mayRead(): boolean {
    const { space, socket, bounds, clock } = this.#options
    if (this.#isClosed || space.failure !== null) return false
    if (this.#position.mode === 'live' && this.#position.seq >= space.head) return false
    if (this.#credit <= 0) return false
    if (socket.bufferedBytes <= bounds.highWaterBytes) return true
    this.#cancelCheck ??= clock.schedule(bounds.drainCheckMs, () => {
      this.#cancelCheck = null
      this.wake()
    })
    return false
  }

  #sendEntry(entry: RingEntry): void {
    const after = this.#position.mode === 'live' ? this.#position.seq : entry.after
    this.#position = { mode: 'live', seq: entry.seq }
    if (entry.author === this.#options.author) {
      this.#encode({ type: 'changes', mode: 'live', after, seq: entry.seq, changes: [] })
      return
    }
    this.#credit -= entry.bytes
    this.#tellNames(entry.changes)
    if (after === entry.after) this.#options.send(entry.frames())
    else this.#encode({ type: 'changes', mode: 'live', after, seq: entry.seq, changes: entry.changes })
  }

  #readLog(): Promise<void> {
    const { space, bounds } = this.#options
    const limits: ReadLimits = { maxItems: bounds.maxPageItems, maxBytes: Math.min(bounds.maxPageBytes, Math.max(1, this.#credit)) }
    const position = this.#position
    if (position.mode === 'catch-up') return this.#readDocuments(position, limits)
    if (space.head - position.seq > bounds.maxLiveLag) return this.#startCatchUp(position.seq, limits)
    return this.#readChanges(position.seq, limits)
  }

  async #readChanges(seq: number, limits: ReadLimits): Promise<void> {
    const page = await this.#options.log.changes(this.#options.space.name, seq, limits)
    if (page === 'compacted') return this.#startCatchUp(seq, limits)
    if (this.#isClosed) return
    this.#position = { mode: 'live', seq: page.seq }
    this.#sendRead(page.updates, (changes) => ({ type: 'changes', mode: 'live', after: seq, seq: page.seq, changes }))
  }

  #startCatchUp(from: number, limits: ReadLimits): Promise<void> {
    const position = { mode: 'catch-up', from, to: this.#options.space.head, last: 0 } as const
    this.#position = position
    return this.#readDocuments(position, limits)
  }

  async #readDocuments(position: Position & { readonly mode: 'catch-up' }, limits: ReadLimits): Promise<void> {
    const { from, to } = position
    const { documents, last, done } = await this.#options.log.changedDocuments(this.#options.space.name, from, position.last, limits)
    if (this.#isClosed) return
    this.#position = done ? { mode: 'live', seq: to } : { mode: 'catch-up', from, to, last }
    this.#sendRead(documents, (changes) => ({ type: 'changes', mode: 'catch-up', from, to, last, done, changes }))
  }

  #sendRead(read: readonly RingChange[], message: (changes: readonly Change[]) => RelayMessage): void {
    for (const { update } of read) this.#credit -= update.length
    this.#tellNames(read)
    this.#encode(message(read))
  }

  #tellNames(changes: readonly RingChange[]): void {
    const untold = changes.filter(({ number }) => !this.#told.has(number))
    if (untold.length === 0) return
    for (const { number } of untold) this.#told.add(number)
    const names = [...new Map(untold.map(({ number, document }) => [number, document]))]
    for (let i = 0; i < names.length; i += wireLimits.maxItems) {
      this.#encode({ type: 'names', names: names.slice(i, i + wireLimits.maxItems) })
    }
  }

  #encode(message: RelayMessage): void {
    this.#options.send(encodeRelayMessages([message], this.#options.bounds.announced.maxFrameBytes))
  }
}
