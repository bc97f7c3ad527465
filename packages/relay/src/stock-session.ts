/**
 * One connection of a stock y-websocket client: one document, over the same acceptor, log and commits.
 *
 * Why it exists: any Yjs app can use the relay as it is. Such a client hears of no acknowledgement; what it
 * gets is that nothing is shown to others before it is durable, and that a refusal ends its connection
 * with a code it does not retry.
 *
 * Invariants
 * 1. The relay asks for what it lacks as soon as the connection stands, so edits made offline come up.
 * 2. The position moves over every commit of the space; commits of other documents are stepped over, and a
 *    client that fell out of the recent commits gets the whole document.
 * 3. One answer to a state vector is worked on at a time; of those that arrive meanwhile the last one counts.
 * 4. An update that builds on the unknown leads to one request for the whole, until something was accepted.
 */
import { TidemarkError, toTidemarkError } from '@tidemark/base'
import { closeCodes, isDocumentName, isSpaceName, type Socket, type SocketHandlers, wireLimits } from '@tidemark/protocol'
import { decodeStateVector, emptyUpdate } from '@tidemark/updates'
import { type AwarenessMember, Told } from './awareness-rooms.ts'
import type { ConnectionEvent } from './hooks.ts'
import { type Outcome, ownBytes, refused } from './offer.ts'
import { Pacer } from './pacer.ts'
import { connectionOf, keepPermit, type Permit, type PermitKeeper } from './permit.ts'
import { createRates, type Rates } from './principals.ts'
import type { ConnectionInfo } from './relay.ts'
import type { Session, SessionContext } from './session-context.ts'
import type { Member, Space } from './space.ts'
import { encodeStep1, encodeStockAwareness, encodeStockUpdate, readStockMessage } from './stock-wire.ts'
import { doJob } from './work/work.ts'

export interface StockTarget {
  readonly space: string
  readonly document: string
}

/** @param onEnd called once, when the connection is over for the relay. */
export function createStockSession(
  context: SessionContext,
  socket: Socket,
  target: StockTarget,
  info: ConnectionInfo,
  onEnd: () => void,
): Session {
  return new StockSession(context, socket, target, info, onEnd)
}

/** What a client may send before its space is open: step 1 and awareness, as stock clients do at once. */
const maxEarlyMessages = 16
const maxEarlyBytes = 1 << 20
/** Messages that may wait their turn; such a client knows no way to be told to slow down. */
const maxWaiting = 4_096

class StockSession implements Session, Member, AwarenessMember {
  readonly handlers: SocketHandlers
  readonly #context: SessionContext
  readonly #socket: Socket
  readonly #target: StockTarget
  readonly #info: ConnectionInfo
  readonly #pacer: Pacer
  readonly #rates: Rates
  #sharedRates: Rates | null = null
  #keeper: PermitKeeper | null = null
  #permit: Permit | null = null
  #connection: ConnectionEvent | null = null
  readonly #onEnd: () => void
  #space: Space | null = null
  #early: Uint8Array[] = []
  #isClosed = false
  /** Everything of the document up to here has been sent or asked to be; null before the first answer to a state vector. */
  #seq: number | null = null
  #answering = false
  #asked: Uint8Array | null = null
  #isWholeRequested = false
  #inFlightBytes = 0
  #lastSentMs: number
  #cancelHeartbeat: () => void = () => undefined
  #cancelCheck: (() => void) | null = null

  constructor(context: SessionContext, socket: Socket, target: StockTarget, info: ConnectionInfo, onEnd: () => void) {
    this.#context = context
    this.#socket = socket
    this.#target = target
    this.#info = info
    this.#onEnd = onEnd
    this.#pacer = new Pacer(context.clock)
    this.#rates = createRates(context.clock, context.bounds)
    this.#lastSentMs = context.clock.monotonic()
    this.handlers = {
      open: () => this.#guard(() => this.#join()),
      message: (bytes) => this.#guard(() => this.#message(bytes)),
      close: () => this.#over(),
    }
  }

  get principal(): string | null {
    return this.#permit?.principal ?? null
  }

  get lag(): number {
    return this.#seq === null ? 0 : Math.max(0, (this.#space?.head ?? 0) - this.#seq)
  }

  recheck(): void {
    this.#keeper?.renew()
  }

  /** Reads on from the recent commits; without room in the socket it looks again later. */
  wake(): void {
    const space = this.#space
    if (space === null || this.#isClosed) return
    while (this.#seq !== null && !this.#answering && this.#seq < space.head && this.#hasRoom()) {
      const entry = space.ring.at(this.#seq)
      if (entry === null) {
        this.#answer(null)
        return
      }
      this.#seq = entry.seq
      if (entry.purged.some(({ document }) => document === this.#target.document)) return this.#endBy(purged(this.#target))
      if (entry.author === this) continue
      for (const change of entry.changes) if (change.document === this.#target.document) this.#send(encodeStockUpdate(change.update))
    }
  }

  awareness(told: Told): void {
    // Awareness is renewed every 15 s, so a full socket goes without.
    if (this.#socket.bufferedBytes <= this.#context.bounds.highWaterBytes) this.#send(told.as('stock', encodeStockAwareness))
  }

  fail(error: TidemarkError): void {
    this.end(error, closeCodes.busy)
  }

  end(error: TidemarkError, closeCode: number): void {
    if (this.#isClosed) return
    this.#socket.close(closeCode, error.code)
    this.#over()
  }

  #guard(run: () => void): void {
    try {
      run()
    } catch (error) {
      this.#endBy(error)
    }
  }

  /** The one place where an error of this connection becomes its end. */
  #endBy(cause: unknown): void {
    const error = toTidemarkError(cause, 'relay/log-failed')
    if (error.retryable) this.#context.logger.error({ err: error }, 'a stock session failed')
    this.end(error, closeCodeOf(error))
  }

  #over(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#early = []
    this.#cancelHeartbeat()
    this.#cancelCheck?.()
    this.#keeper?.close()
    this.#pacer.close()
    if (this.#sharedRates !== null && this.#permit !== null) this.#context.principals.leave(this.#permit.principal)
    if (this.#space !== null) {
      this.#space.rooms.leave(this.#target.document, this)
      this.#context.hub.leave(this.#space, this)
    }
    if (this.#connection !== null) this.#context.runner.left(this.#connection)
    this.#onEnd()
  }

  #join(): void {
    const { space: name, document } = this.#target
    if (!isSpaceName(name) || !isDocumentName(document)) {
      throw new TidemarkError('protocol/name', 'the path is /<space>/<document>')
    }
    const keeper = keepPermit(this.#context, this.#info, name, {
      changed: (permit) => this.#guard(() => this.#take(permit)),
      ended: (error) => this.#endBy(error),
    })
    this.#keeper = keeper
    this.#open(keeper, name).catch((error) => this.#endBy(error))
  }

  async #open(keeper: PermitKeeper, name: string): Promise<void> {
    const permit = await keeper.begin(this.#info.token ?? '')
    if (this.#isClosed) return
    this.#take(permit)
    const connection = connectionOf(permit, name, this.#info, this.#target.document)
    await this.#context.runner.admit(connection)
    if (this.#isClosed) return this.#context.runner.left(connection)
    this.#connection = connection
    this.#sharedRates = this.#context.principals.enter(permit.principal)
    const space = await this.#context.hub.join(name, this)
    if (this.#isClosed) this.#context.hub.leave(space, this)
    else this.#opened(space)
  }

  /** @throws {TidemarkError} `relay/forbidden` when this document may not even be read. */
  #take(permit: Permit): void {
    const { document } = this.#target
    if (permit.grants.accessTo(document) === 'none') throw new TidemarkError('relay/forbidden', `no access to ${document}`)
    this.#permit = permit
  }

  #opened(space: Space): void {
    this.#space = space
    const states = space.rooms.enter(this.#target.document, this)
    if (states.length > 0) this.awareness(new Told(states))
    this.#requestWhole()
    this.#beat()
    const early = this.#early
    this.#early = []
    for (const bytes of early) if (!this.#isClosed) this.#message(bytes)
  }

  /** Asks for what the relay lacks. */
  #requestWhole(): void {
    const { acceptor } = this.#context
    const { space, document } = this.#target
    acceptor.stateVector(space, document).then(
      (stateVector) => this.#send(encodeStep1(stateVector)),
      (error) => this.#endBy(error),
    )
  }

  #message(bytes: Uint8Array): void {
    if (this.#isClosed) return
    const space = this.#space
    if (space === null) {
      this.#early.push(bytes.slice())
      const earlyBytes = this.#early.reduce((sum, one) => sum + one.length, 0)
      if (this.#early.length > maxEarlyMessages || earlyBytes > maxEarlyBytes) throw new TidemarkError('relay/limit', 'too much too early')
      return
    }
    const message = readStockMessage(bytes, this.#context.bounds.maxAwarenessBytes)
    const { document } = this.#target
    switch (message.type) {
      case 'step1':
        if (message.stateVector.length <= this.#context.bounds.maxInlineBytes) decodeStateVector(message.stateVector)
        this.#request(message.stateVector.slice())
        break
      case 'update':
        this.#offer(space, message.update, message.isAnswer ? 'carry' : 'push')
        break
      case 'awareness':
        space.rooms.update(document, this, message.entries, (this.#permit as Permit).principal)
        break
      case 'query-awareness':
        this.awareness(new Told(space.rooms.states(document)))
        break
      case 'unknown':
    }
  }

  /** What answers the relay's step 1 is handed on, also what others wrote and a restored relay lost; so it claims no client id. */
  #offer(space: Space, update: Uint8Array, kind: 'push' | 'carry'): void {
    const { acceptor, bounds } = this.#context
    this.#inFlightBytes += update.length
    if (this.#inFlightBytes > bounds.maxSessionQueuedBytes + bounds.announced.maxUpdateBytes) {
      throw new TidemarkError('relay/busy', 'more updates in flight than the limit')
    }
    const { document } = this.#target
    const { principal, grants } = this.#permit as Permit
    const grant = { principal, access: grants.accessTo(document) }
    const isReader = grant.access === 'read' && kind === 'carry'
    if (this.#pacer.waiting >= maxWaiting) throw new TidemarkError('relay/busy', 'too much waits its turn')
    const costs = [...this.#rates.update(update.length), ...(this.#sharedRates?.update(update.length) ?? [])]
    this.#pacer.run(costs, () => {
      const outcome = isReader
        ? this.#listen(space, update, principal)
        : acceptor.accept({ space, document, update, kind, grant, author: this })
      void outcome.then((outcome) => {
        this.#inFlightBytes -= update.length
        if (!this.#isClosed) this.#guard(() => this.#settled(outcome))
      })
    })
  }

  /**
   * Who may only read answers the relay's step 1 like everybody: that is no write as long as it holds nothing new. Deletions do not
   * count, since a replica has more of them than it was ever sent: those that integrating implied.
   */
  async #listen(space: Space, update: Uint8Array, principal: string): Promise<Outcome> {
    try {
      const isWrite = await this.#context.acceptor.lacks(space.name, this.#target.document, { structs: ownBytes(update) }, principal)
      return isWrite ? refused('relay/forbidden', 'access is read') : { type: 'committed', seq: 0 }
    } catch (cause) {
      return { type: 'failed', error: toTidemarkError(cause, 'relay/log-failed') }
    }
  }

  #settled(outcome: Outcome): void {
    if (outcome.type === 'committed') this.#isWholeRequested = false
    else if (outcome.type === 'failed') throw outcome.error
    else if (outcome.code !== 'relay/incomplete') throw new TidemarkError(outcome.code, outcome.detail)
    else if (!this.#isWholeRequested) {
      this.#isWholeRequested = true
      this.#requestWhole()
    }
  }

  /** An answer is far larger than what asks for it, so asking has a rate of its own. */
  #request(stateVector: Uint8Array): void {
    if (this.#pacer.waiting >= maxWaiting) throw new TidemarkError('relay/busy', 'too much waits its turn')
    this.#pacer.run([...this.#rates.request(), ...(this.#sharedRates?.request() ?? [])], () => this.#answer(stateVector))
  }

  /** Sends what a replica of this state vector lacks; null for one that fell behind, which gets everything. */
  #answer(stateVector: Uint8Array | null): void {
    if (this.#answering) {
      this.#asked = stateVector ?? this.#asked
      return
    }
    this.#answering = true
    const { space, document } = this.#target
    // Whatever is committed by now is in what the log gives.
    const head = this.#space?.head ?? 0
    this.#lacking(space, document, stateVector).then(
      ({ seq, message }) => {
        this.#answering = false
        if (this.#isClosed) return
        this.#guard(() => {
          this.#seq = Math.max(this.#seq ?? 0, head, seq)
          this.#send(message)
          const asked = this.#asked
          this.#asked = null
          if (asked !== null) this.#answer(asked)
          else this.wake()
        })
      },
      (error) => this.#endBy(error),
    )
  }

  async #lacking(space: string, document: string, stateVector: Uint8Array | null): Promise<{ seq: number; message: Uint8Array }> {
    const { log, work, bounds } = this.#context
    const loaded = await log.load(space, document)
    if (loaded === 'purged') throw purged(this.#target)
    const { seq, update } = loaded ?? { seq: 0, update: emptyUpdate }
    const input = { update, stateVector }
    const isSmall = update.length + (stateVector?.length ?? 0) <= bounds.maxInlineBytes
    return { seq, message: isSmall ? doJob('answer', input) : await work.run('answer', input, this.principal ?? '') }
  }

  #hasRoom(): boolean {
    const { bounds, clock } = this.#context
    if (this.#socket.bufferedBytes <= bounds.highWaterBytes) return true
    this.#cancelCheck ??= clock.schedule(bounds.drainCheckMs, () => {
      this.#cancelCheck = null
      this.wake()
    })
    return false
  }

  /** A stock client without awareness of its own would take a quiet document for a dead line after 30 s. */
  #beat(): void {
    const { clock } = this.#context
    this.#cancelHeartbeat = clock.schedule(wireLimits.heartbeatMs / 2, () => {
      if (clock.monotonic() - this.#lastSentMs >= wireLimits.heartbeatMs / 2) this.#send(encodeStockAwareness([]))
      if (!this.#isClosed) this.#beat()
    })
  }

  #send(bytes: Uint8Array): void {
    if (this.#isClosed) return
    this.#lastSentMs = this.#context.clock.monotonic()
    // One answer may be larger than what a socket may hold; nothing is added to it then.
    if (this.#socket.bufferedBytes <= this.#context.bounds.maxBufferedBytes) return this.#socket.send(bytes)
    this.#socket.close(closeCodes.busy, 'relay/limit')
    this.#over()
  }
}

const purged = ({ document }: StockTarget): TidemarkError => new TidemarkError('relay/purged', `${document} was purged`)

function closeCodeOf({ code, retryable }: TidemarkError): number {
  if (retryable) return closeCodes.busy
  switch (code) {
    case 'protocol/name':
      return closeCodes.notFound
    case 'relay/forbidden':
      return closeCodes.forbidden
    case 'relay/signed-out':
      return closeCodes.signedOut
    case 'relay/purged':
      return closeCodes.gone
    case 'relay/too-large':
      return closeCodes.tooLarge
    default:
      return closeCodes.malformed
  }
}
