/**
 * One session's reading: from its position, out of the ring of recent commits or else the log, within
 * its credit and what its grants show.
 *
 * Why it exists: live, catch-up and slow reader are one loop, so memory does not grow with how slow a
 * reader is, and nothing is ever pushed at anyone.
 *
 * Invariants
 * 1. *Live*: frames follow each other without a gap; the position moves with them. Commits of which nothing
 *    is visible are passed over, and told of by one empty frame for many.
 * 2. *Catch-up* from `from` to `to`: each visible document that changed after `from` is listed once, in order
 *    of number; only with the last of them the position becomes `to`, and the session goes live from there.
 * 3. *Widening*: what new grants made visible is listed from 0, once the position is live; until it is done
 *    only what both grants show is sent, and the position stays where it was.
 * 4. A number's name goes ahead of the first frame that uses the number.
 * 5. Nothing is sent without credit or over the socket's high water, except that a begun page is finished.
 * 6. At most one read of the log is under way, and one page of it in memory.
 */
import { type Clock, TidemarkError } from '@tidemark/base'
import { type Change, type Feature, type RelayMessage, relayFrames, type Socket, wireLimits } from '@tidemark/protocol'
import { beyond, both, isWider, type Visible, visibleIn } from './grants.ts'
import type { RelayBounds } from './limits.ts'
import type { Log, PurgedDocument, ReadLimits } from './log.ts'
import { NumberSet } from './number-set.ts'
import { type RingChange, type RingEntry, ringEntry, type SeenEntry } from './ring.ts'
import { listedPage } from './shared-reads.ts'
import type { Space } from './space.ts'

export type Position =
  | { readonly mode: 'live'; readonly seq: number }
  | { readonly mode: 'catch-up'; readonly from: number; readonly to: number; readonly last: number }

/** How far the listing of what became visible is. */
export interface Widening {
  readonly to: number
  readonly last: number
}

/** What a session may see, by name and as a test. */
export interface View {
  readonly view: string
  readonly visible: Visible
}

export interface Feed {
  readonly position: Position
  /** What the cursor calls its grants now. */
  readonly had: string
  /** Whether it may be sent something that counts against its credit. */
  readonly mayReceive: boolean
  /** So many bytes were sent beside the feed. */
  spend(bytes: number): void
  /** What the client understands beyond version 1's first build. */
  speak(features: ReadonlySet<Feature>): void
  /**
   * From here on only these documents are sent, beginning behind `seq`.
   *
   * @throws {TidemarkError} `protocol/malformed` when something was sent already, or twice.
   */
  choose(seq: number, documents: readonly string[]): void
  /** Where documents were chosen, this is one of them from now on, or no longer. */
  follow(document: string): void
  unfollow(document: string): void
  /** Reads on, as far as it may. */
  wake(): void
  /** Tells how far it has read since it last sent something, for what is sent now anyway; nothing where nothing was passed. */
  passed(): readonly RelayMessage[]
  /** The client takes so many bytes of updates more. */
  grant(bytes: number): void
  /** From now on the session may see this; gives what its cursor is to call its grants until the next widening is done. */
  look(view: View): string
  close(): void
}

export interface FeedOptions {
  readonly space: Space
  readonly log: Log
  readonly clock: Clock
  readonly bounds: RelayBounds
  readonly socket: Pick<Socket, 'bufferedBytes'>
  /** The session, as the author of commits. */
  readonly author: object
  readonly position: Position
  /** What the replica has seen so far, by its cursor; and how far a widening to the session's view got before. */
  readonly had: string
  readonly widening: Widening | null
  readonly view: View
  /** Bytes of updates to send before the client grants more. */
  readonly credit: number
  /** Called with frames to send. */
  readonly send: (frames: Iterable<Uint8Array>) => void
  /** Called when the log cannot be read; the feed has stopped. */
  readonly onFailure: (error: unknown) => void
}

/** Places that a replica is passed by without being told, where nothing of them is visible. */
const maxPassed = 256

export function createFeed(options: FeedOptions): Feed {
  return new SessionFeed(options)
}

class SessionFeed implements Feed {
  readonly #options: FeedOptions
  readonly #told = new NumberSet()
  #position: Position
  /** What the replica was told up to here. */
  #toldSeq: number
  /** The log's head when it began: that it was reached is told at once. */
  readonly #startHead: number
  #credit: number
  /** What the cursor calls its grants, what the session may see, and what is sent of it now. */
  #had: string
  #view: View
  #sent: View
  #widening: Widening | null = null
  /** The chosen documents; null where all are sent. */
  #chosen: Set<string> | null = null
  #features: ReadonlySet<Feature> = new Set()
  /** Whether the client was ever granted credit: from then on it is being read for. */
  #hadCredit: boolean
  #isReading = false
  #isClosed = false
  #cancelCheck: (() => void) | null = null
  /** Looks at the socket since it was last below its high water. */
  #checks = 0

  constructor(options: FeedOptions) {
    this.#options = options
    this.#position = options.position
    this.#toldSeq = options.position.mode === 'live' ? options.position.seq : 0
    this.#startHead = options.space.head
    this.#credit = Math.min(options.credit, options.bounds.maxCreditBytes)
    this.#hadCredit = options.credit > 0
    this.#had = options.had
    this.#view = this.#sent = options.view
    this.look(options.view)
    if (this.#widening !== null && options.widening !== null) this.#widening = options.widening
  }

  get had(): string {
    return this.#had
  }

  get position(): Position {
    return this.#position
  }

  get mayReceive(): boolean {
    const { socket, bounds, space } = this.#options
    return !this.#isClosed && space.failure === null && this.#credit > 0 && socket.bufferedBytes <= bounds.highWaterBytes
  }

  spend(bytes: number): void {
    this.#credit -= bytes
  }

  speak(features: ReadonlySet<Feature>): void {
    this.#features = features
  }

  choose(seq: number, documents: readonly string[]): void {
    if (this.#hadCredit || this.#chosen !== null) throw new TidemarkError('protocol/malformed', 'the scope comes first, and once')
    this.#chosen = new Set(documents)
    this.#position = { mode: 'live', seq: Math.min(seq, this.#options.space.head) }
    this.#toldSeq = this.#position.seq
  }

  follow(document: string): void {
    if (this.#chosen === null || this.#chosen.has(document)) return
    if (this.#chosen.size >= wireLimits.maxScopeDocuments)
      throw new TidemarkError('relay/limit', `${this.#chosen.size} documents are chosen`)
    this.#chosen.add(document)
  }

  unfollow(document: string): void {
    this.#chosen?.delete(document)
  }

  grant(bytes: number): void {
    this.#hadCredit = true
    this.#credit = Math.min(this.#options.bounds.maxCreditBytes, this.#credit + bytes)
    this.wake()
  }

  look(view: View): string {
    this.#view = view
    if (isWider(view.view, this.#had)) {
      this.#sent = { view: `${this.#had}&${view.view}`, visible: both(visibleIn(this.#had), view.visible) }
      this.#widening = { to: this.#options.space.head, last: 0 }
    } else {
      this.#had = view.view
      this.#sent = view
      this.#widening = null
    }
    return this.#had
  }

  wake(): void {
    if (this.#isReading || this.#isClosed) return
    while (this.#mayRead()) {
      const entry = this.#position.mode === 'live' && this.#widening === null ? this.#options.space.ring.at(this.#position.seq) : null
      if (entry === null) return this.#startReading()
      this.#sendEntry(entry)
    }
    const passed = this.#position.mode === 'live' ? this.#position.seq - this.#toldSeq : 0
    if (this.#toldSeq < this.#startHead || passed >= maxPassed) this.#tellPassed()
  }

  close(): void {
    this.#isClosed = true
    this.#cancelCheck?.()
  }

  #startReading(): void {
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
  }

  /** Whether there is something to read and room for it; without room in the socket it looks again later. */
  #mayRead(): boolean {
    const { space, socket, bounds, clock } = this.#options
    if (this.#isClosed || space.failure !== null) return false
    if (this.#position.mode === 'live' && this.#position.seq >= space.head && this.#widening === null) return false
    if (this.#credit <= 0) return false
    if (socket.bufferedBytes <= bounds.highWaterBytes) {
      this.#checks = 0
      return true
    }
    this.#cancelCheck ??= clock.schedule(bounds.drainCheckMs * 2 ** Math.min(this.#checks++, 6), () => {
      this.#cancelCheck = null
      this.wake()
    })
    return false
  }

  #sendEntry(entry: RingEntry): void {
    const isOwn = entry.author === this.#options.author
    const seen = this.#chosenOf(entry.seen(this.#sent.view, this.#sent.visible))
    if (seen.purged.length > 0) this.#tellPurged(seen.purged)
    this.#position = { mode: 'live', seq: entry.seq }
    // One's own commit is told of with its acknowledgement: the cursor moves past what one holds already.
    if (isOwn || seen.changes.length === 0) return
    this.#credit -= seen.bytes
    this.#tellNames(seen.changes)
    if (this.#toldSeq === entry.after && this.#chosen === null) {
      this.#options.send(seen.frames())
      this.#toldSeq = entry.seq
    } else this.#encode(this.#live(entry.seq, seen.changes))
  }

  passed(): readonly RelayMessage[] {
    const { mode } = this.#position
    return mode === 'live' && this.#position.seq > this.#toldSeq && !this.#isClosed ? [this.#live(this.#position.seq, [])] : []
  }

  #tellPassed(): void {
    for (const message of this.passed()) this.#encode(message)
  }

  #live(seq: number, changes: readonly Change[]): RelayMessage {
    const after = this.#toldSeq
    this.#toldSeq = seq
    return { type: 'changes', mode: 'live', after, seq, changes }
  }

  #readLog(): Promise<void> {
    const { space, bounds } = this.#options
    const limits: ReadLimits = { maxItems: bounds.maxPageItems, maxBytes: Math.min(bounds.maxPageBytes, Math.max(1, this.#credit)) }
    const position = this.#position
    if (position.mode === 'catch-up') return this.#readDocuments(position, limits)
    if (this.#widening !== null) return this.#readWidened(this.#widening, limits)
    if (space.head - position.seq > bounds.maxLiveLag) return this.#startCatchUp(position.seq, limits)
    return this.#readChanges(position.seq, limits)
  }

  async #readChanges(seq: number, limits: ReadLimits): Promise<void> {
    const { space, log, bounds } = this.#options
    const page = await space.reads.share(`changes ${seq} ${limits.maxBytes}`, async () => {
      const read = await log.changes(space.name, seq, limits)
      if (read === 'compacted') return read
      const { updates: changes, purged } = read
      return ringEntry({ after: seq, seq: read.seq, changes, purged, author: null }, bounds.announced.maxFrameBytes)
    })
    if (page === 'compacted') return this.#startCatchUp(seq, limits)
    if (!this.#isClosed) this.#sendEntry(page)
  }

  #startCatchUp(seq: number, limits: ReadLimits): Promise<void> {
    // The replica is where it was last told to be; what it was spared meanwhile it is not to miss.
    const position = { mode: 'catch-up', from: Math.min(seq, this.#toldSeq), to: this.#options.space.head, last: 0 } as const
    this.#position = position
    return this.#readDocuments(position, limits)
  }

  async #readDocuments(position: Position & { readonly mode: 'catch-up' }, limits: ReadLimits): Promise<void> {
    const { from, to } = position
    const { space, log, bounds } = this.#options
    // With `to` in the key: a read that began before that was the head would miss what led to it.
    const page = await space.reads.share(`documents ${from} ${to} ${position.last} ${limits.maxBytes}`, async () =>
      listedPage(await log.changedDocuments(space.name, from, position.last, limits), bounds.announced.maxFrameBytes),
    )
    if (this.#isClosed) return
    const { documents, purged, last, done } = page
    this.#tellPurged(this.#shown(purged, this.#sent.visible))
    this.#position = done ? { mode: 'live', seq: to } : { mode: 'catch-up', from, to, last }
    if (done) this.#toldSeq = to
    const seen = this.#spared(this.#shown(documents, this.#sent.visible), from, to)
    this.#account(seen)
    const view = this.#chosen === null ? `${this.#features.has('stale')} ${this.#sent.view}` : null
    this.#options.send(page.frames(view, { type: 'changes', mode: 'catch-up', from, to, last, done, widens: null, changes: seen }))
  }

  async #readWidened(widening: Widening, limits: ReadLimits): Promise<void> {
    const { to } = widening
    const page = await this.#options.log.changedDocuments(this.#options.space.name, 0, widening.last, limits)
    const { documents, last, done } = page
    // Grants that changed again begin another widening.
    if (this.#isClosed || this.#widening !== widening) return
    const seen = this.#shown(documents, beyond(this.#view.visible, visibleIn(this.#had)))
    this.#widening = done ? null : { to, last }
    this.#account(seen)
    this.#encode({ type: 'changes', mode: 'catch-up', from: 0, to, last, done, widens: this.#view.view, changes: seen })
    if (!done) return
    this.#had = this.#view.view
    this.#sent = this.#view
  }

  #shown<T extends { readonly document: string }>(read: readonly T[], visible: Visible): readonly T[] {
    const chosen = this.#chosen
    const seen = visible === null ? read : read.filter(({ document }) => visible(document))
    return chosen === null ? seen : seen.filter(({ document }) => chosen.has(document))
  }

  #chosenOf(seen: SeenEntry): Pick<SeenEntry, 'changes' | 'purged' | 'bytes' | 'frames'> {
    if (this.#chosen === null) return seen
    const changes = this.#shown(seen.changes, null)
    return { ...seen, changes, purged: this.#shown(seen.purged, null), bytes: changes.reduce((sum, { update }) => sum + update.length, 0) }
  }

  /** What is too large to be repeated is named: who has most of it asks for the rest. A replica that has nothing gets all of it. */
  #spared<T extends RingChange>(listed: readonly T[], from: number, to: number): readonly T[] {
    const { maxRepeatBytes } = this.#options.bounds
    if (from === 0 || !this.#features.has('stale')) return listed
    const large = listed.filter(({ update }) => update.length > maxRepeatBytes)
    if (large.length === 0) return listed
    this.#tellNames(large)
    this.#encode({ type: 'stale', seq: to, numbers: large.map(({ number }) => number) })
    return listed.filter(({ update }) => update.length <= maxRepeatBytes)
  }

  #tellPurged(purged: readonly PurgedDocument[]): void {
    for (let i = 0; i < purged.length; i += wireLimits.maxItems) {
      this.#encode({ type: 'purged', documents: purged.slice(i, i + wireLimits.maxItems).map(({ document }) => document) })
    }
  }

  #account(changes: readonly RingChange[]): void {
    for (const { update } of changes) this.#credit -= update.length
    this.#tellNames(changes)
  }

  #tellNames(changes: readonly RingChange[]): void {
    if (changes.every(({ number }) => this.#told.has(number))) return
    const untold = changes.filter(({ number }) => !this.#told.has(number))
    for (const { number } of untold) this.#told.add(number)
    const names = [...new Map(untold.map(({ number, document }) => [number, document]))]
    for (let i = 0; i < names.length; i += wireLimits.maxItems) {
      this.#encode({ type: 'names', names: names.slice(i, i + wireLimits.maxItems) })
    }
  }

  #encode(message: RelayMessage): void {
    this.#options.send(relayFrames([message], this.#options.bounds.announced.maxFrameBytes))
  }
}
