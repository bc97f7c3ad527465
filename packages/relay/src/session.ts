/**
 * One connection that speaks Tidemark's protocol.
 *
 * Invariants
 * 1. Before `welcome` nothing but one `hello` is taken; anything else ends the connection as malformed.
 * 2. A push is answered only by what is durable, in the order of pushes.
 * 3. What is wrong with a push is a `refuse` and the connection goes on; what is wrong with the
 *    protocol is one `bye` and a close code, decided in one place.
 * 4. Every wait has an end: for `hello`, for a sign of life, for the socket to drain.
 */
import { TidemarkError, toTidemarkError } from '@tidemark/base'
import {
  type Carry,
  type ClientMessage,
  closeCodes,
  commonSeq,
  createClientFrameDecoder,
  encodeRelayMessages,
  type FrameDecoder,
  features,
  type Hello,
  isSpaceName,
  knownFeatures,
  type Push,
  type RelayMessage,
  reachOf,
  relayFrames,
  type Socket,
  type SocketHandlers,
  wireLimits,
  wireVersion,
} from '@tidemark/protocol'
import { Answers } from './answers.ts'
import { Brake } from './brake.ts'
import { closeCodeOf } from './close-code.ts'
import { createFeed, type Feed } from './feed.ts'
import type { ConnectionEvent } from './hooks.ts'
import type { Outcome } from './offer.ts'
import { Outlet } from './outlet.ts'
import { Pacer } from './pacer.ts'
import { connectionOf, keepPermit, type Permit, type PermitKeeper } from './permit.ts'
import { Presence } from './presence.ts'
import { createRates, type Rates } from './principals.ts'
import type { ConnectionInfo } from './relay.ts'
import { Requests } from './requests.ts'
import type { Session, SessionContext } from './session-context.ts'
import type { Member, Space } from './space.ts'
import { startOf } from './start.ts'

/** @param onEnd called once, when the connection is over for the relay. */
export function createSession(context: SessionContext, socket: Socket, info: ConnectionInfo, onEnd: () => void): Session {
  return new TidemarkSession(context, socket, info, onEnd)
}

class TidemarkSession implements Session, Member {
  readonly handlers: SocketHandlers
  readonly #context: SessionContext
  readonly #socket: Socket
  readonly #info: ConnectionInfo
  readonly #onEnd: () => void
  readonly #decoder: FrameDecoder<ClientMessage>
  readonly #answers = new Answers()
  readonly #pacer: Pacer
  readonly #rates: Rates
  #sharedRates: Rates | null = null
  #phase: 'hello' | 'opening' | 'open' | 'closed' = 'hello'
  #space: Space | null = null
  #keeper: PermitKeeper | null = null
  #permit: Permit | null = null
  #connection: ConnectionEvent | null = null
  #feed: Feed | null = null
  #requests: Requests | null = null
  #presence: Presence | null = null
  readonly #brake: Brake
  readonly #outlet: Outlet
  #lastN = -1
  #lastHeardMs: number
  #cancelTimer: () => void

  constructor(context: SessionContext, socket: Socket, info: ConnectionInfo, onEnd: () => void) {
    this.#context = context
    this.#socket = socket
    this.#info = info
    this.#onEnd = onEnd
    // Somewhat too large an update is read, and refused, rather than ending the connection.
    this.#decoder = createClientFrameDecoder(
      Math.min(wireLimits.maxMessageBytes, context.bounds.announced.maxUpdateBytes * 2 + nameRoomBytes),
    )
    const { clock } = context
    this.#pacer = new Pacer(clock)
    this.#outlet = new Outlet({ socket, clock, bounds: context.bounds, onOverflow: () => this.#giveUp() })
    this.#brake = new Brake(clock, context.bounds)
    this.#rates = createRates(clock, context.bounds)
    this.#lastHeardMs = clock.monotonic()
    this.#cancelTimer = clock.schedule(wireLimits.helloTimeoutMs, () =>
      this.end(new TidemarkError('relay/unreachable', `no hello within ${wireLimits.helloTimeoutMs} ms`), closeCodes.timeout),
    )
    this.handlers = {
      open: () => undefined,
      message: (bytes) => this.#guard(() => this.#frame(bytes)),
      close: () => this.#over(),
    }
  }

  get principal(): string | null {
    return this.#permit?.principal ?? null
  }

  get lag(): number {
    const position = this.#feed?.position
    return position === undefined ? 0 : Math.max(0, (this.#space?.head ?? 0) - (position.mode === 'live' ? position.seq : position.from))
  }

  recheck(): void {
    this.#keeper?.renew()
  }

  wake(): void {
    this.#feed?.wake()
  }

  fail(error: TidemarkError): void {
    this.end(error, closeCodes.busy, this.#context.comeBackMs())
  }

  end(error: TidemarkError, closeCode: number, retryAfterMs = 0): void {
    if (this.#phase === 'closed') return
    this.#outlet.close()
    for (const frame of encodeRelayMessages([{ type: 'bye', code: error.code, retryAfterMs, detail: error.message.slice(0, 1_000) }])) {
      this.#socket.send(frame)
    }
    this.#socket.close(closeCode, error.code)
    this.#over()
  }

  /** The one place where an error of this connection becomes its end. */
  #guard(run: () => void): void {
    try {
      run()
    } catch (error) {
      this.#endBy(error)
    }
  }

  #endBy(cause: unknown): void {
    const error = toTidemarkError(cause, 'relay/log-failed')
    if (error.retryable) this.#context.logger.error({ err: error }, 'a session failed')
    this.end(error, closeCodeOf(error), error.retryable ? this.#context.comeBackMs() : 0)
  }

  #over(): void {
    if (this.#phase === 'closed') return
    this.#phase = 'closed'
    this.#cancelTimer()
    this.#feed?.close()
    this.#requests?.close()
    this.#presence?.close()
    this.#keeper?.close()
    this.#pacer.close()
    this.#outlet.close()
    if (this.#sharedRates !== null && this.#permit !== null) this.#context.principals.leave(this.#permit.principal)
    if (this.#space !== null) this.#context.hub.leave(this.#space, this)
    if (this.#connection !== null) this.#context.runner.left(this.#connection)
    this.#onEnd()
  }

  #frame(bytes: Uint8Array): void {
    if (this.#phase === 'closed') return
    this.#lastHeardMs = this.#context.clock.monotonic()
    const maxBytes = this.#phase === 'open' ? this.#context.bounds.announced.maxFrameBytes : wireLimits.maxHelloBytes
    if (bytes.length > maxBytes) throw malformed(`a frame of ${bytes.length} bytes where ${maxBytes} are the limit`)
    const messages = this.#decoder.decode(bytes)
    for (const message of messages) this.#message(message)
    // Once for a frame, however often it asks: what is answered is never many times what was sent.
    if (messages.some(({ type }) => type === 'ping')) this.#send([{ type: 'pong' }])
    const token = messages.findLast((message) => message.type === 'token')
    if (token !== undefined) this.#keeper?.renew(token.token)
    if (this.#phase === 'hello') throw malformed('the first frame holds no hello')
  }

  #message(message: ClientMessage): void {
    if (this.#phase === 'closed') return
    if (message.type === 'hello') this.#hello(message)
    else if (this.#phase !== 'open') throw malformed(`${message.type} before welcome`)
    else if (message.type === 'credit') {
      this.#feed?.grant(message.bytes)
      this.#requests?.wake()
    } else if (message.type === 'push' || message.type === 'carry') this.#offer(message)
    else if (message.type !== 'chunk' && message.type !== 'ping' && message.type !== 'token') this.#say(message)
  }

  #say(message: Exclude<ClientMessage, { type: 'hello' | 'push' | 'carry' | 'credit' | 'token' | 'ping' | 'chunk' }>): void {
    const [feed, requests, presence] = [this.#feed as Feed, this.#requests as Requests, this.#presence as Presence]
    switch (message.type) {
      case 'features':
        return feed.speak(knownFeatures(message.features))
      case 'scope':
        return feed.choose(message.seq, message.documents)
      case 'unsubscribe':
        return feed.unfollow(message.document)
      case 'awareness':
        return presence.take(message)
      default:
        this.#pacer.run([...this.#rates.request(), ...(this.#sharedRates?.request() ?? [])], () => this.#guard(() => requests.add(message)))
        if (this.#pacer.waiting > maxWaiting) throw new TidemarkError('relay/limit', `${this.#pacer.waiting} requests wait for their turn`)
    }
  }

  #hello(hello: Hello): void {
    if (this.#phase !== 'hello') throw malformed('a second hello')
    if (hello.version !== wireVersion) {
      throw new TidemarkError('protocol/version', `the relay speaks version ${wireVersion}, not ${hello.version}`)
    }
    if (!isSpaceName(hello.space)) throw new TidemarkError('protocol/name', `no space can be named ${JSON.stringify(hello.space)}`)
    this.#phase = 'opening'
    this.#keeper = keepPermit(this.#context, this.#info, hello.space, {
      changed: (permit, before) => this.#guard(() => this.#permitted(permit, before)),
      ended: (error) => this.#endBy(error),
    })
    this.#open(hello, this.#keeper).catch((error) => this.#endBy(error))
  }

  /** Signs in first: who may not read a space does not make the relay open it. */
  async #open(hello: Hello, keeper: PermitKeeper): Promise<void> {
    const permit = await keeper.begin(hello.token)
    if (this.#phase === 'closed') return
    const connection = connectionOf(permit, hello.space, this.#info, null)
    await this.#context.runner.admit(connection)
    if (this.#isOver()) return this.#context.runner.left(connection)
    this.#connection = connection
    this.#permit = permit
    this.#sharedRates = this.#context.principals.enter(permit.principal)
    const space = await this.#context.hub.join(hello.space, this)
    this.#space = space
    if (this.#isOver()) this.#context.hub.leave(space, this)
    else this.#welcome(hello, space, this.#permit)
  }

  #isOver(): boolean {
    return this.#phase === 'closed'
  }

  #welcome(hello: Hello, space: Space, permit: Permit): void {
    const { clock, bounds, log } = this.#context
    const current = space.incarnations.at(-1) ?? { id: '', first: 0 }
    const { cursor } = hello
    const common = cursor === null ? 0 : commonSeq(space.incarnations, space.head, hello.incarnations, { ...cursor, seq: reachOf(cursor) })
    this.#phase = 'open'
    const sendFrames = (frames: Iterable<Uint8Array>): void => this.#sendFrames(frames)
    const feed = createFeed({
      space,
      log,
      clock,
      bounds,
      socket: this.#outlet,
      author: this,
      credit: hello.credit,
      ...startOf(hello, space, common, permit.grants),
      send: sendFrames,
      onFailure: (error) => this.#endBy(error),
    })
    this.#feed = feed
    const send = (messages: readonly RelayMessage[]): void => sendFrames(relayFrames(messages, bounds.announced.maxFrameBytes))
    const [principal, maySee] = [() => (this.#permit as Permit).principal, (document: string) => this.#maySee(document)]
    this.#presence = new Presence({ rooms: space.rooms, bounds, socket: this.#outlet, principal, maySee, send: sendFrames })
    this.#requests = new Requests({
      ...{
        space: space.name,
        head: () => space.head,
        log,
        acceptor: this.#context.acceptor,
        work: this.#context.work,
        clock,
        bounds,
        feed,
        principal,
        maySee,
        send,
      },
      onFailure: (error) => this.#endBy(error),
    })
    this.#send([
      { type: 'features', features },
      {
        type: 'welcome',
        incarnation: current.id,
        first: current.first,
        common,
        head: space.head,
        access: permit.grants.highest,
        grants: feed.had,
        expiresAtMs: permit.expiresAtMs ?? 0,
        limits: bounds.announced,
        nowMs: clock.now(),
      },
    ])
    this.#watch()
    feed.wake()
  }

  /** Another token, or grants that changed: what follows is under the new ones. */
  #permitted(permit: Permit, before: Permit): void {
    this.#permit = permit
    const feed = this.#feed
    if (feed === null || this.#phase !== 'open') return
    const { highest, view } = permit.grants
    const grants = view === before.grants.view ? feed.had : feed.look(permit.grants)
    this.#send([{ type: 'access', access: highest, grants, expiresAtMs: permit.expiresAtMs ?? 0 }])
    this.#presence?.regrant()
    feed.wake()
  }

  #maySee(document: string): boolean {
    return (this.#permit as Permit).grants.accessTo(document) !== 'none'
  }

  #offer(message: Push | Carry): void {
    if (message.n <= this.#lastN) throw malformed(`push ${message.n} after ${this.#lastN}`)
    this.#lastN = message.n
    const { acceptor, bounds } = this.#context
    const { document, update, type: kind } = message
    if (this.#answers.count >= bounds.announced.maxPushesInFlight * 2) {
      throw new TidemarkError('relay/limit', `${this.#answers.count} pushes wait for an answer`)
    }
    const isOver =
      this.#answers.count >= bounds.announced.maxPushesInFlight || this.#answers.bytes + update.length > bounds.maxSessionQueuedBytes
    const answer = this.#answers.expect(message.n, document.slice(0, 256), update.length)
    const settle = (outcome: Outcome): void => {
      if (this.#phase !== 'open') return
      if (outcome.type === 'failed') this.#endBy(outcome.error)
      else this.#send([...(this.#feed?.passed() ?? []), ...answer(outcome)])
    }
    const space = this.#space as Space
    const { principal, grants } = this.#permit as Permit
    const grant = { principal, access: grants.accessTo(document) }
    if (isOver) settle({ type: 'refused', code: 'relay/busy', detail: 'more pushes in flight than the limit' })
    else {
      const costs = [...this.#rates.update(update.length), ...(this.#sharedRates?.update(update.length) ?? [])]
      this.#slowDown()
      this.#pacer.run(costs, () => void acceptor.accept({ space, document, update, kind, grant, author: this }).then(settle))
    }
  }

  /** Tells who pushes while much waits for the log to hold on. */
  #slowDown(): void {
    const holdMs = this.#brake.holdMs(this.#context.acceptor.openBytes)
    if (holdMs > 0) this.#send([{ type: 'slow', holdMs }])
  }

  /** Sends a sign of life when nothing else was sent, and ends a connection that gives none. */
  #watch(): void {
    const { clock } = this.#context
    this.#cancelTimer()
    this.#outlet.hasSent = false
    this.#cancelTimer = clock.schedule(wireLimits.heartbeatMs / 2, () => {
      const nowMs = clock.monotonic()
      if (nowMs - this.#lastHeardMs >= wireLimits.silenceMs) {
        this.end(new TidemarkError('relay/unreachable', `nothing heard for ${wireLimits.silenceMs} ms`), closeCodes.timeout)
        return
      }
      if (!this.#outlet.hasSent) this.#send([{ type: 'pong' }])
      if (this.#phase === 'open') this.#watch()
    })
  }

  #send(messages: readonly RelayMessage[]): void {
    if (messages.length > 0) this.#sendFrames(encodeRelayMessages(messages, this.#context.bounds.announced.maxFrameBytes))
  }

  #sendFrames(frames: Iterable<Uint8Array>): void {
    if (this.#phase !== 'closed') this.#outlet.send(frames)
  }

  #giveUp(): void {
    this.#socket.close(closeCodes.busy, 'relay/limit')
    this.#over()
  }
}

/** Requests that may wait for their rate. */
const maxWaiting = 16_384

/** Room for what a message holds beside its update. */
const nameRoomBytes = 64 << 10

const malformed = (what: string): TidemarkError => new TidemarkError('protocol/malformed', what)
