/**
 * `space.sync`: drives the engine where this tab leads, follows the leader's word where it does not, and
 * makes the one status value.
 */
import {
  createListeners,
  createObservable,
  isErrorCode,
  type Listeners,
  type Observable,
  reportUncaught,
  TidemarkError,
} from '@tidemark/base'
import { type ClientMessage, parseDocumentName } from '@tidemark/protocol'
import type { Acknowledged, StoredUpdate } from '@tidemark/store'
import { Fetches } from './fetches.ts'
import type { Presence } from './presence.ts'
import type { RefusedChange, RefusedList } from './refused-changes.ts'
import type { Saver } from './saver.ts'
import type { SessionOptions } from './session.ts'
import { settled, within } from './settled.ts'
import {
  fromPlainError,
  initialSyncStatus,
  type PlainError,
  type SpaceStatus,
  type SyncStatus,
  sameSyncStatus,
  toPlainError,
} from './status.ts'
import type { StoredDocuments } from './stored.ts'
import type { UpdateKey } from './sync/branching.ts'
import { SyncEngine } from './sync/engine.ts'
import type { EngineEvent } from './sync/engine-options.ts'
import type { Sent } from './sync/pusher.ts'
import type { PendingEntity, SpaceSync } from './sync-api.ts'
import type { RowAt, TabMessage } from './tabs.ts'

export interface SyncControlOptions extends SessionOptions {
  readonly nextKey: () => { readonly writer: string; readonly n: number }
  readonly saver: Saver
  readonly presence: Presence
  readonly refused: RefusedList
  readonly post: (message: TabMessage) => void
}

/** What the rest of the tab has to act on. */
export type SyncControlEvent =
  | { readonly type: 'stored'; readonly stored: StoredDocuments }
  | { readonly type: 'acknowledged'; readonly items: readonly Acknowledged[]; readonly names: readonly string[] }
  | { readonly type: 'refused'; readonly name: string; readonly error: TidemarkError }
  | { readonly type: 'forked'; readonly name: string; readonly updates: readonly UpdateKey[]; readonly error: TidemarkError }
  | { readonly type: 'erased'; readonly rows: readonly RowAt[] }
  | { readonly type: 'sending'; readonly sent: readonly Sent[] }
  /** Of all documents, where the names are not known yet. */
  | { readonly type: 'retried'; readonly names: readonly string[] | null }

/** Documents that are looked at to tell whether all that waits was refused. */
const settledLimit = 10_000
export class SyncControl implements SpaceSync {
  readonly events: Listeners<SyncControlEvent> = createListeners()
  readonly #options: SyncControlOptions
  readonly #status
  readonly #stop: (() => void)[] = []
  #engine: SyncEngine | null = null
  #sync: SyncStatus = initialSyncStatus
  /** What holds a document back, until the relay takes something of it or it is tried again. */
  #refusal: { readonly name: string; readonly error: TidemarkError } | null = null
  /** Why the last attempt failed on this side; null once one succeeds. */
  #failure: TidemarkError | null = null
  #isPaused: boolean
  readonly #fetches: Fetches
  /** Counted together with what is pending. */
  #refused = 0
  #isCounting = false
  #counting: Promise<void> = Promise.resolve()
  #isCountAgain = false
  #isClosed = false
  #isLocked = false
  readonly #closed = Promise.withResolvers<never>()

  constructor(options: SyncControlOptions) {
    this.#options = options
    this.#closed.promise.catch(() => undefined) // reason: whoever waits for it hears of it
    this.#isPaused = options.paused ?? false
    this.#fetches = new Fetches(options.platform.clock, options.post)
    this.#sync = { ...initialSyncStatus, phase: options.relay === undefined ? 'local' : this.#isPaused ? 'paused' : 'connecting' }
    this.#status = createObservable<SpaceStatus>(this.#compose())
    const renew = (): void => this.#status.set(this.#compose())
    const refused = (): void => {
      this.#tell()
      this.#count()
    }
    this.#stop.push(options.store.status.subscribe(renew), options.saver.isSaving.subscribe(renew), options.refused.subscribe(refused))
    this.#count()
  }

  get status(): Observable<SpaceStatus> {
    return this.#status
  }

  /** What the relay's clock showed ahead of this device's at the last welcome; null before one. */
  get clockOffsetMs(): number | null {
    return this.#engine?.clockOffsetMs ?? null
  }

  async pending(limit = 100): Promise<readonly PendingEntity[]> {
    const documents = await this.#options.store.pending(limit)
    return documents.map(({ record, updates }) => ({
      name: record.name,
      ...(parseDocumentName(record.name) ?? { type: '', id: record.name }),
      sinceMs: record.pendingSinceMs ?? this.#options.platform.clock.now(),
      bytes: updates.reduce((sum, update) => sum + update.bytes.length, 0),
      problem: record.problem !== null && isErrorCode(record.problem) ? record.problem : null,
    }))
  }

  settled({ timeoutMs }: { readonly timeoutMs?: number } = {}): Promise<void> {
    const all = Promise.race([this.#settled(), this.#closed.promise])
    return timeoutMs === undefined ? all : within(all, timeoutMs, this.#options.platform.clock)
  }

  /** A status may be of before the last count, so what it says is counted once more. */
  async #settled(): Promise<void> {
    for (;;) {
      await this.#recounted()
      await settled(this.#status, () => this.pending(settledLimit))
      await this.#recounted()
      const { saving, phase, pending, refused } = this.#status.get()
      if (this.#isClosed || (!saving && (phase === 'local' || pending.documents + refused === 0))) return
    }
  }

  retryNow(): void {
    this.#command('retry-now')
  }

  pause(): void {
    this.#command('pause')
  }

  resume(): void {
    this.#command('resume')
  }

  /** This tab holds the connection from now on. */
  lead(): void {
    const { relay, platform, store, name, replica, nextKey, build = '' } = this.#options
    if (this.#isClosed) return
    if (relay === undefined) return this.#status.set(this.#compose())
    this.#engine = new SyncEngine({
      platform,
      store,
      space: name,
      relay,
      paused: this.#isPaused,
      build,
      replica,
      nextKey,
      isChosen: this.#options.scope === 'opened',
    })
    this.#engine.events.add((event) => this.#engineSaid(event))
    this.#findRefusal()
    this.#engine.dispatch({ type: 'lead' })
    this.#tell()
    // The tab that led before may have died between an acknowledgement and telling of it.
    this.#count()
  }

  /** Updates were stored, here or in another tab; local ones are pending from this moment on, also before they are counted. */
  wrote(updates: readonly StoredUpdate[]): void {
    const bytes = updates.reduce((sum, update) => sum + (update.origin === 'local' ? update.bytes.length : 0), 0)
    if (bytes > 0 && this.#sync.pending.documents === 0) {
      this.#setSync({ ...this.#sync, pending: { documents: 1, bytes, sinceMs: this.#options.platform.clock.now() } })
    }
    this.#engine?.wake()
    this.#count()
  }

  /** Says to the relay who is where, where this tab leads. */
  say(messages: readonly ClientMessage[]): void {
    this.#engine?.say(messages)
  }

  /** See `Fetches.fetch`. */
  fetch(name: string): Promise<boolean> {
    const { phase } = this.#sync
    return this.#fetches.fetch(name, this.#engine, phase === 'live' || phase === 'catching-up')
  }

  heard(message: TabMessage): void {
    this.#options.presence.heard(message)
    if (message.type === 'fetch') this.#fetches.fetchFor(message.name, this.#engine)
    if (message.type === 'fetched') this.#fetches.fetched(message)
    if (message.type === 'command') this.#obey(message.command)
    else if (message.type === 'joined' && this.#engine !== null) this.#post()
    else if (message.type === 'status' && this.#engine === null) {
      this.#isPaused = message.status.phase === 'paused'
      // The leader may not have heard yet of what this tab stored, so each tab counts for itself.
      this.#setSync({ ...message.status, pending: this.#sync.pending, problem: fromPlainError(message.status.problem) })
      this.#count()
    }
  }

  /** Shows that the space is closed because it was locked. */
  lock(): void {
    this.#isLocked = true
    this.#status.set(this.#compose())
  }

  /** Hangs up; resolves when what had begun to be stored is stored and told. */
  async close(): Promise<void> {
    await this.#engine?.close()
    this.#isClosed = true
    this.#closed.reject(new TidemarkError('client/closed', 'the space was closed'))
    for (const stop of this.#stop) stop()
    this.#engine = null
  }

  #command(command: 'pause' | 'resume' | 'retry-now'): void {
    this.#options.post({ type: 'command', command })
    this.#obey(command)
  }

  #obey(command: 'pause' | 'resume' | 'retry-now'): void {
    if (command !== 'retry-now') this.#isPaused = command === 'pause'
    else this.events.emit({ type: 'retried', names: null })
    if (this.#engine === null) return
    if (command !== 'retry-now') return this.#engine.dispatch({ type: command })
    const refusal = this.#refusal
    Promise.all([this.#engine.retryNow(), this.#options.refused.tryAllAgain()]).then(
      () => {
        if (this.#refusal === refusal) this.#refusal = null
        this.#tell()
      },
      () => undefined, // reason: the database did not take it, as its status shows; the refusal stands until one asks again
    )
  }

  #engineSaid(event: EngineEvent): void {
    const { post } = this.#options
    switch (event.type) {
      case 'state':
        return this.#tell()
      case 'stored':
      case 'sending':
        return this.events.emit(event)
      case 'acknowledged':
        post({ type: 'acknowledged', items: event.items, names: event.names })
        this.events.emit(event)
        this.#sync = { ...this.#sync, lastConfirmedMs: this.#options.platform.clock.now() }
        this.#taken(event.names)
        return this.#count()
      case 'retried':
        post(event)
        return this.events.emit(event)
      case 'erased':
        post(event)
        return this.events.emit(event)
      case 'refused':
        this.#refusal = event
        post({ type: 'refused', name: event.name, error: toPlainError(event.error) as PlainError })
        this.events.emit(event)
        return this.#tell()
      case 'forked':
        post({ type: 'forked', name: event.name, updates: event.updates, error: toPlainError(event.error) as PlainError })
        this.events.emit(event)
        // What is refused no longer waits.
        return this.#count()
      case 'failed':
        this.#failure = event.error.code === 'store/cursor-moved' ? null : event.error
        return this.#tell()
      case 'awareness':
        return this.#options.presence.relayed(event.document, event.entries)
      case 'beat':
        return this.#count()
    }
  }

  /** The relay took something of these: what was refused there of before no longer stands. */
  #taken(names: readonly string[]): void {
    if (this.#refusal === null || !names.includes(this.#refusal.name)) return
    this.#refusal = null
    this.#tell()
    this.#findRefusal()
  }

  /** Makes the leader's status and tells it to all tabs. */
  #tell(): void {
    const engine = this.#engine
    if (engine === null) return
    const isConnected = engine.phase === 'live' || engine.phase === 'catching-up'
    if (isConnected) this.#failure = null
    this.#options.presence.connected(isConnected)
    const problem = engine.state.stopped ?? this.#failure ?? this.#refusal?.error ?? refusalOf(this.#options.refused.get())
    this.#setSync({
      ...this.#sync,
      phase: engine.phase,
      retryAtMs: engine.state.retryAtMs,
      holdUntilMs: engine.holdUntilMs,
      access: engine.access ?? this.#sync.access,
      problem,
    })
    this.#post()
  }

  #post(): void {
    this.#options.post({ type: 'status', status: { ...this.#sync, problem: toPlainError(this.#sync.problem) } })
  }

  #setSync(sync: SyncStatus): void {
    this.#sync = sync
    const composed = this.#compose()
    const before = this.#status.get()
    if (
      !sameSyncStatus(before, composed) ||
      before.role !== composed.role ||
      before.storage !== composed.storage ||
      before.saving !== composed.saving ||
      before.refused !== composed.refused
    )
      this.#status.set(composed)
  }

  #compose(): SpaceStatus {
    const isLeader = this.#engine !== null || this.#options.relay === undefined
    return {
      ...this.#sync,
      role: isLeader ? 'leader' : 'follower',
      storage: this.#options.store.status.get(),
      saving: this.#options.saver.isSaving.get(),
      refused: this.#refused,
      locked: this.#isLocked,
    }
  }

  /** Counts what is pending; calls that come meanwhile are answered by one more count. */
  #count(): void {
    this.#isCountAgain = true
    if (this.#isCounting) return
    this.#isCounting = true
    this.#counting = this.#countAll().catch((error: unknown) => {
      if (!this.#isClosed) reportUncaught(error)
    })
  }

  #recounted(): Promise<void> {
    this.#count()
    return this.#counting
  }

  async #countAll(): Promise<void> {
    try {
      while (this.#isCountAgain && !this.#isClosed) {
        this.#isCountAgain = false
        const { refused, ...pending } = await this.#options.store.pendingTotals()
        // Something was stored or acknowledged meanwhile: this count may be of before.
        if (this.#isCountAgain) continue
        this.#refused = refused
        this.#setSync({ ...this.#sync, pending })
        if (refused !== this.#options.refused.get().length) void this.#options.refused.refresh()
      }
    } finally {
      // In the same turn as the last look at `#isCountAgain`, so that no request falls between.
      this.#isCounting = false
    }
    if (this.#engine !== null) this.#post()
  }

  /** What was refused before this tab led is still refused. */
  #findRefusal(): void {
    this.pending().then(
      (pending) => {
        const refused = pending.find((one) => one.problem !== null)
        if (refused?.problem == null || this.#isClosed) return
        this.#refusal = { name: refused.name, error: new TidemarkError(refused.problem, `the relay refused a change of ${refused.name}`) }
        this.#tell()
      },
      (error: unknown) => {
        if (!this.#isClosed) reportUncaught(error)
      },
    )
  }
}

function refusalOf(changes: readonly RefusedChange[]): TidemarkError | null {
  const last = changes.at(-1)
  return last === undefined ? null : new TidemarkError(last.code, `the relay refused a change of ${last.name}`)
}
