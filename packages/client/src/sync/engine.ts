/**
 * The sync engine of one tab: runs the state machine, and for as long as this tab leads, the connection.
 *
 * It decides nothing itself: `machine.ts` says when to dial, `replica.ts` where the replica stands,
 * `Receiver` and `Pusher` move data between the relay and the store.
 */
import { createListeners, fraction, type Listeners, TidemarkError, toTidemarkError } from '@tidemark/base'
import {
  type Access,
  type ClientMessage,
  type Cursor,
  closeCodes,
  type Feature,
  knownFeatures,
  type Welcome,
  wireVersion,
} from '@tidemark/protocol'
import type { SyncPhase } from '../status.ts'
import { agreement, chosenScope, creditBytes } from './agreement.ts'
import { Connection, type ConnectionHandlers, type Received } from './connection.ts'
import type { EngineEvent, EngineOptions } from './engine-options.ts'
import { eraseDocuments } from './erase.ts'
import { Fetcher } from './fetcher.ts'
import { backoffLimits, initialState, phaseOf, type SyncEffect, type SyncEvent, type SyncState, step } from './machine.ts'
import { Pusher, type PusherOptions } from './pusher.ts'
import { isReadInOrder, Receiver } from './receiver.ts'
import { forgetRefusals } from './refusals.ts'
import { Renewal } from './renewal.ts'
import { type ReplicaState, readReplicaState, scoped } from './replica.ts'
import { incarnationsKey, storeWelcome } from './store-welcome.ts'

export class SyncEngine {
  readonly events: Listeners<EngineEvent> = createListeners()
  readonly #options: EngineOptions
  readonly #stopListening: () => void
  #state: SyncState
  #connection: Connection | null = null
  #receiver: Receiver | null = null
  #pusher: Pusher | null = null
  #fetcher: Fetcher | null = null
  /** What this connection's relay offers beyond version 1's first build. */
  #offers: ReadonlySet<Feature> = new Set()
  #head = 0
  #isWelcoming = false
  #clockOffsetMs: number | null = null
  /** What the relay's clock showed ahead of the time since this tab began, at the last welcome. */
  #relayAheadMs = 0
  /** Resolves when what earlier connections had begun to store is stored. */
  #ended: Promise<unknown> = Promise.resolve()
  /** What came before the welcome was stored; bounded by the credit in `hello`. */
  #early: Received[] = []
  #cancelWait: () => void = () => {}
  #cancelStable: () => void = () => {}
  #renewal: Renewal | null = null
  #access: Access | null = null

  constructor(options: EngineOptions) {
    this.#options = options
    this.#state = initialState({ paused: options.paused, online: options.platform.lifecycle.isOnline() })
    this.#stopListening = options.platform.lifecycle.listen((event) => {
      if (event === 'offline') this.#connection?.probe()
      this.dispatch({ type: event })
    })
  }

  get phase(): SyncPhase {
    return phaseOf(this.#state)
  }

  /** Until when the relay asked for pushes to be held, ms since 1970; null where it did not. */
  get holdUntilMs(): number | null {
    return this.#pusher?.holdUntilMs ?? null
  }

  get state(): SyncState {
    return this.#state
  }

  /** What the relay said last that this user may do at most; null before it said anything. */
  get access(): Access | null {
    return this.#access
  }

  /** What the relay's clock showed ahead of this device's at the last welcome; null before one. */
  get clockOffsetMs(): number | null {
    return this.#clockOffsetMs
  }

  dispatch(event: SyncEvent): void {
    const { platform } = this.#options
    const { state, effects } = step(this.#state, event, { nowMs: platform.clock.now(), chance: fraction(platform.random) })
    const isChanged = state !== this.#state
    this.#state = state
    for (const effect of effects) this.#perform(effect)
    if (isChanged) this.events.emit({ type: 'state' })
  }

  /** Something is pending, perhaps. */
  wake(): void {
    this.#pusher?.wake()
    this.#fetcher?.wake()
  }

  /** Says who is where; nothing where there is no relay that would take it. */
  say(messages: readonly ClientMessage[]): void {
    if (this.#receiver !== null && this.#offers.has('awareness')) this.#connection?.send(messages)
  }

  /** Gets a document from the relay; false when it has none. @throws {TidemarkError} `relay/unreachable` without a connection, or what the relay says. */
  async fetch(name: string): Promise<boolean> {
    if (this.#fetcher === null) throw new TidemarkError('relay/unreachable', `${name} is not on this device, and there is no connection`)
    return this.#fetcher.fetch(name)
  }

  /** Connects at once and forgets refusals, so that what was refused is tried again; rejects when the store does not. */
  async retryNow(): Promise<void> {
    const { store } = this.#options
    this.dispatch({ type: 'retry-now' })
    const names = await forgetRefusals(store)
    // Only now: a refusal that came before would be told after it, and stay though nothing is refused any more.
    if (names.length > 0) this.events.emit({ type: 'retried', names })
    this.#pusher?.retry()
  }

  /** Hangs up; resolves when what had begun to be stored is stored and told. */
  async close(): Promise<void> {
    this.#stopListening()
    this.dispatch({ type: 'unlead' })
    this.#cancelWait()
    await this.#ended
  }

  #perform(effect: SyncEffect): void {
    if (effect.type === 'dial') this.#dial()
    else if (effect.type === 'hang-up') this.#drop(closeCodes.normal, 'done')
    else if (effect.type === 'greet') void this.#greet(this.#connection as Connection)
    else this.#cancelWait()
    if (effect.type === 'wait')
      this.#cancelWait = this.#options.platform.clock.schedule(effect.delayMs, () => this.dispatch({ type: 'timer' }))
  }

  #dial(): void {
    const { platform, relay } = this.#options
    let connection: Connection | null = null
    // Events of a connection that was given up meanwhile count no more.
    const isCurrent = (): boolean => connection !== null && this.#connection === connection
    const handlers: ConnectionHandlers = {
      opened: () => {
        if (isCurrent()) this.dispatch({ type: 'opened' })
      },
      message: (message) => {
        if (isCurrent()) this.#receive(message)
      },
      closed: (code, reason) => {
        if (!isCurrent()) return
        this.#forget()
        this.dispatch({ type: 'closed', code, reason })
      },
      beat: () => {
        this.#pusher?.wake()
        this.events.emit({ type: 'beat' })
      },
    }
    try {
      connection = new Connection(platform.connect, `${relay.url.replace(/\/+$/, '')}/v1`, platform.clock, handlers)
      this.#connection = connection
    } catch (cause) {
      // The address itself is refused, as ws:// on a page that came by https:// is.
      const error = new TidemarkError('relay/config', `${relay.url} cannot be dialled from here`, { cause })
      this.dispatch({ type: 'bye', error, retryAfterMs: 0 })
    }
  }

  /** Ends the connection from this side; the machine knows already. */
  #drop(code: number, reason: string): void {
    const connection = this.#connection
    this.#forget()
    connection?.close(code, reason)
  }

  #forget(): void {
    this.#connection = null
    this.#ended = Promise.all([this.#ended, this.#receiver?.settled, this.#pusher?.settled, this.#fetcher?.settled])
    this.#receiver?.close()
    this.#pusher?.close()
    this.#fetcher?.close()
    this.#early = []
    this.#receiver = null
    this.#pusher = null
    this.#fetcher = null
    this.#offers = new Set()
    this.#cancelStable()
    this.#renewal?.close()
    this.#renewal = null
    this.#isWelcoming = false
  }

  async #greet(connection: Connection): Promise<void> {
    const { space, replica, build } = this.#options
    try {
      // A late commit of the connection before would move what is read here.
      await this.#ended
      const token = await this.#token()
      const { cursor, incarnations } = scoped(await this.#replicaState(), this.#scope)
      if (this.#connection !== connection) return
      // Nothing is sent before the relay knows which documents are wanted.
      const credit = this.#options.isChosen ? 0 : creditBytes
      connection.send([{ type: 'hello', version: wireVersion, space, token, replica, build, cursor, incarnations, credit }])
    } catch (error) {
      if (this.#connection === connection) this.#failed(toTidemarkError(error, 'store/failed'))
    }
  }

  /** @throws {TidemarkError} the app's own, or `relay/unreachable`: a token that cannot be had is mostly a network that is not there. */
  async #token(): Promise<string> {
    try {
      return (await this.#options.relay.token?.()) ?? ''
    } catch (error) {
      throw toTidemarkError(error, 'relay/unreachable')
    }
  }

  async #replicaState(): Promise<ReplicaState> {
    const { cursor, values } = await this.#options.store.state()
    return readReplicaState(cursor, values[incarnationsKey])
  }

  #receive(message: Received): void {
    const connection = this.#connection as Connection
    if (this.#receiver === null && isReadInOrder(message)) return void this.#early.push(message)
    switch (message.type) {
      case 'welcome':
        if (this.#state.connection !== 'greeting' || this.#isWelcoming) throw new TidemarkError('protocol/malformed', 'a second welcome')
        this.#isWelcoming = true
        return void this.#welcome(message, connection)
      case 'features':
        this.#offers = knownFeatures(message.features)
        return
      case 'stale':
        return this.#receiver?.stale(
          message.numbers.map((number) => connection.nameOf(number)),
          message.seq,
        )
      case 'state':
        return this.#fetcher?.state(message)
      case 'lacking':
        return this.#fetcher?.carry(message.document)
      case 'slow':
        return this.#pusher?.hold(message.holdMs)
      case 'purged':
        for (const name of message.documents) this.#fetcher?.purged(name)
        this.#pusher?.purged(message.documents)
        return this.#receiver?.purged(message.documents)
      case 'awareness':
        return this.events.emit(message)
      case 'changes': {
        const named = message.changes.map(({ number, update }) => ({ name: connection.nameOf(number), bytes: update }))
        return this.#receiver?.receive(message, named)
      }
      case 'ack':
        return this.#pusher?.ack(message)
      case 'refuse':
        if (message.n === 0) this.#fetcher?.refused(message)
        else this.#pusher?.refuse(message)
        return
      case 'access':
        this.#signedIn(message)
        return this.#receiver?.regrant(message.grants)
      case 'bye':
        return this.dispatch({ type: 'bye', error: new TidemarkError(message.code, message.detail), retryAfterMs: message.retryAfterMs })
    }
  }

  /** Moves the replica to where the welcome puts it, in one commit; what the relay says of its documents waits for it. */
  async #welcome(welcome: Welcome, connection: Connection): Promise<void> {
    const { store, platform } = this.#options
    this.#head = welcome.head
    this.#clockOffsetMs = welcome.nowMs - platform.clock.now()
    this.#relayAheadMs = welcome.nowMs - platform.clock.monotonic()
    connection.maxFrameBytes = welcome.limits.maxFrameBytes
    this.#early = []
    try {
      const before = await this.#replicaState()
      if (this.#options.isChosen && !this.#offers.has('scope')) {
        throw new TidemarkError('protocol/version', 'the relay is too old to send chosen documents only')
      }
      const state = await storeWelcome(store, before, welcome, this.#scope, this.#clockOffsetMs)
      // What the relay lost counts as pending from now on.
      this.events.emit({ type: 'beat' })
      const chosen = this.#options.isChosen ? await store.changedAfter(-1) : null
      if (this.#connection !== connection) return
      const agreed = agreement(this.#offers, state.cursor as Cursor, chosen)
      if (agreed.length > 0) connection.send(agreed)
      this.#start(state.cursor as Cursor, welcome, connection, chosen)
      for (const message of this.#early.splice(0)) this.#receive(message)
    } catch (error) {
      if (this.#connection === connection) this.#failed(toTidemarkError(error, 'store/failed'))
    }
  }

  get #scope(): string {
    return this.#options.isChosen ? chosenScope : ''
  }

  #start(cursor: Cursor, welcome: Welcome, connection: Connection, chosen: readonly string[] | null): void {
    const { store, platform, nextKey } = this.#options
    const failed = (error: TidemarkError): void => {
      if (this.#connection === connection) this.#failed(error)
    }
    const erase: PusherOptions['erase'] = (names, taken) =>
      eraseDocuments(store, platform.clock, names, taken, (event) => this.events.emit(event))
    const pusher = new Pusher({
      store,
      clock: platform.clock,
      limits: welcome.limits,
      send: (messages) => connection.send(messages),
      acknowledged: (items, names) => this.events.emit({ type: 'acknowledged', items, names }),
      refused: (name, error) => this.events.emit({ type: 'refused', name, error }),
      forked: (name, updates, error) => this.events.emit({ type: 'forked', name, updates, error }),
      failed,
      erase,
      held: () => this.events.emit({ type: 'state' }),
      sending: (sent) => {
        this.#fetcher?.follow(sent.map(({ name }) => name))
        this.events.emit({ type: 'sending', sent })
      },
    })
    this.#pusher = pusher
    this.#fetcher = !this.#offers.has('state')
      ? null
      : new Fetcher({
          store,
          nextKey,
          followed: chosen,
          send: (messages) => connection.send(messages),
          stored: (stored) => this.events.emit({ type: 'stored', stored }),
          carries: () => {
            this.events.emit({ type: 'beat' })
            pusher.wake()
          },
          failed,
        })
    this.#receiver = new Receiver(cursor, {
      store,
      clock: platform.clock,
      nextKey,
      isEcho: (change) => pusher.isEcho(change),
      lacks: (name) => this.#fetcher?.lacks(name) === true,
      stored: (stored) => this.events.emit({ type: 'stored', stored }),
      erase: (names) => erase(names, []),
      behind: (names) => this.#fetcher?.announced(names),
      moved: (next, bytes) => {
        if (bytes > 0) connection.send([{ type: 'credit', bytes }])
        if (this.#connection === connection) this.#caughtUp(next)
      },
      failed,
    })
    this.#renewal = new Renewal({
      clock: platform.clock,
      token: () => this.#token(),
      send: (token) => connection.send([{ type: 'token', token }]),
    })
    this.#signedIn(welcome)
    this.dispatch({ type: 'welcomed' })
    this.#cancelStable = platform.clock.schedule(backoffLimits.stableMs, () => {
      this.dispatch({ type: 'stable' })
      if (this.#offers.has('audit')) this.#fetcher?.auditAny(platform.random)
    })
    this.#caughtUp(cursor)
    this.wake()
  }

  #signedIn({ access, expiresAtMs }: Pick<Welcome, 'access' | 'expiresAtMs'>): void {
    // Not by this device's clock, which may be set in between: a sign-in would end before anybody asks for the next.
    const nowMs = this.#options.platform.clock.monotonic() + this.#relayAheadMs
    // Without a function there is no other token to be had.
    const isRenewable = expiresAtMs !== 0 && this.#options.relay.token !== undefined
    this.#renewal?.ends(isRenewable ? expiresAtMs - nowMs : null)
    if (access === this.#access) return
    this.#access = access
    this.events.emit({ type: 'state' })
  }

  #caughtUp(cursor: Cursor): void {
    if (cursor.catchUp === undefined && cursor.seq >= this.#head) this.dispatch({ type: 'caught-up' })
  }

  /** A failure on this side: the connection is given up, and tried again with backoff where that can help. */
  #failed(error: TidemarkError): void {
    this.events.emit({ type: 'failed', error })
    const isPassing = error.retryable || error.code === 'store/cursor-moved' || error.code === 'store/closed'
    if (isPassing) this.#connection?.close(closeCodes.normal, error.code)
    else this.dispatch({ type: 'bye', error, retryAfterMs: 0 })
  }
}
