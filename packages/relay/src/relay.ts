/**
 * The relay without a network: what a server, the simulator and tests connect sockets to.
 */
import { type Clock, fraction, type Random, TidemarkError } from '@tidemark/base'
import { closeCodes, type Socket, type SocketHandlers } from '@tidemark/protocol'
import { createAcceptor, type Grant } from './acceptor.ts'
import { createCommitQueue } from './commit-queue.ts'
import { createDocumentStates } from './document-states.ts'
import { createHub } from './hub.ts'
import { defaultRelayBounds, type RelayBounds } from './limits.ts'
import type { Log } from './log.ts'
import { type RelayLogger, silentLogger } from './logger.ts'
import { createSession, type Session, type SessionContext } from './session.ts'
import { createStockSession, type StockTarget } from './stock-session.ts'

export interface RelayOptions {
  /** Closed with the relay. */
  readonly log: Log
  readonly clock: Clock
  readonly random: Random
  /** Bounds that differ from `defaultRelayBounds`. */
  readonly limits?: Partial<RelayBounds>
  readonly logger?: RelayLogger
}

/** What is known of a connection before its first message. */
export interface ConnectionInfo {
  readonly grant: Grant
}

/** Whom a connection acts for where there is no sign-in: everyone is the same principal and may write. */
export const anonymous: Grant = { principal: 'anonymous', access: 'write' }

/** Figures of the moment. */
export interface RelayFigures {
  readonly sessions: number
  readonly openSpaces: number
  readonly hotDocuments: number
  /** Bytes of updates that wait for their commit. */
  readonly queuedBytes: number
}

export interface Relay {
  readonly figures: RelayFigures
  /** Takes a connection that speaks Tidemark's protocol; the handlers are to be called with what arrives on it. */
  connect(socket: Socket, info?: ConnectionInfo): SocketHandlers
  /** Takes a connection that speaks the stock y-websocket protocol, for one document. */
  connectStock(socket: Socket, target: StockTarget, info?: ConnectionInfo): SocketHandlers
  /** Commits what is in flight, tells everyone when to come back, closes the log; idempotent. */
  close(): Promise<void>
}

export function createRelay(options: RelayOptions): Relay {
  return new LocalRelay(options)
}

class LocalRelay implements Relay {
  readonly #context: SessionContext
  readonly #sessions = new Set<Session>()
  readonly #figures: () => Omit<RelayFigures, 'sessions'>
  #closing: Promise<void> | null = null

  constructor({ log, clock, random, limits, logger = silentLogger }: RelayOptions) {
    const bounds: RelayBounds = { ...defaultRelayBounds, ...limits }
    const hub = createHub(log, bounds)
    const states = createDocumentStates(log, bounds)
    const queue = createCommitQueue({
      log,
      bounds,
      onCommitted: (batch) => hub.committed(batch),
      onFailed: (spaces, error) => {
        logger.error({ err: error, spaces: [...spaces] }, 'the log did not take a batch')
        hub.failed(spaces, error)
      },
    })
    const acceptor = createAcceptor({ states, queue, bounds })
    const comeBackMs = (): number => Math.round(bounds.restartMinMs + fraction(random) * bounds.restartSpreadMs)
    this.#context = { hub, log, acceptor, clock, bounds, logger, comeBackMs }
    this.#figures = () => ({ openSpaces: hub.openSpaces, hotDocuments: states.count, queuedBytes: acceptor.openBytes })
  }

  get figures(): RelayFigures {
    return { sessions: this.#sessions.size, ...this.#figures() }
  }

  connect(socket: Socket, info: ConnectionInfo = { grant: anonymous }): SocketHandlers {
    return this.#take((onEnd) => createSession(this.#context, socket, info.grant, onEnd))
  }

  connectStock(socket: Socket, target: StockTarget, info: ConnectionInfo = { grant: anonymous }): SocketHandlers {
    return this.#take((onEnd) => createStockSession(this.#context, socket, target, info.grant, onEnd))
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  #take(create: (onEnd: () => void) => Session): SocketHandlers {
    const session = create(() => this.#sessions.delete(session))
    this.#sessions.add(session)
    if (this.#closing !== null) this.#endAsBusy(session)
    return session.handlers
  }

  async #close(): Promise<void> {
    // What waits for the log is still answered.
    await this.#context.acceptor.close()
    for (const session of [...this.#sessions]) this.#endAsBusy(session)
    await this.#context.log.close()
  }

  #endAsBusy(session: Session): void {
    session.end(new TidemarkError('relay/busy', 'the relay restarts'), closeCodes.restart, this.#context.comeBackMs())
  }
}
