/**
 * The relay without a network: what a server, the simulator and tests connect sockets to.
 */
import { type Clock, fraction, type Random, TidemarkError } from '@tidemark/base'
import { closeCodes, type Socket, type SocketHandlers } from '@tidemark/protocol'
import type { GuardFile } from '@tidemark/schema'
import { createAcceptor } from './acceptor.ts'
import { Arbitration } from './arbitration.ts'
import { type Committed, createCommitQueue } from './commit-queue.ts'
import { createDocumentStates } from './document-states.ts'
import { type FeedReader, type FeedReaderOptions, type FeedReaderParts, LocalFeedReader } from './feed-reader.ts'
import { createGuard } from './guard.ts'
import { HookRunner, type RelayHooks } from './hooks.ts'
import { createHub } from './hub.ts'
import { defaultRelayBounds, type RelayBounds } from './limits.ts'
import type { Log } from './log.ts'
import { type RelayLogger, silentLogger, withFields } from './logger.ts'
import { meteredAcceptor, meteredConnection, meteredLog, type RelayMeter } from './metering.ts'
import { createOperations, type RelayOperations } from './operations.ts'
import { Principals } from './principals.ts'
import { createSession } from './session.ts'
import type { Session, SessionContext } from './session-context.ts'
import { type Authorize, anonymous } from './sign-in.ts'
import { createStockSession, type StockTarget } from './stock-session.ts'
import { TurnBudget } from './turn-budget.ts'
import { inlineWork, type Work } from './work/work.ts'

export interface RelayOptions {
  /** Closed with the relay. */
  readonly log: Log
  readonly clock: Clock
  readonly random: Random
  /** Bounds that differ from `defaultRelayBounds`. */
  readonly limits?: Partial<RelayBounds>
  readonly logger?: RelayLogger
  /** Signs connections in; everyone is `anonymous` when left out. */
  readonly authorize?: Authorize
  /** Counts what it does. */
  readonly meter?: RelayMeter
  /** What `guardFile` of the schema package gives for the app's entities; without it every document is watched by the rules that need none. */
  readonly guardFile?: GuardFile
  /** Functions of the app that the relay asks and tells. */
  readonly hooks?: RelayHooks
  /** Where what would hold the event loop is done, `createWorkPool` on Node; on the caller's own thread when left out. Closed with the relay. */
  readonly work?: Work
}

/** What is known of a connection before its first message. */
export interface ConnectionInfo {
  /** The address of the other end; '' where there is none. */
  readonly address?: string
  /** Names the connection in log lines. */
  readonly id?: string
  /** The page that it comes from; '' for programs. */
  readonly origin?: string
  /** By the stock protocol the token stands in the address that is dialled. */
  readonly token?: string
}

/** Figures of the moment. */
export interface RelayFigures {
  readonly sessions: number
  readonly openSpaces: number
  readonly hotDocuments: number
  /** Bytes of updates that wait for their commit. */
  readonly queuedBytes: number
  /** Updates that have no outcome yet. */
  readonly queuedUpdates: number
  /** Places that the reader furthest behind is behind the head of its space. */
  readonly feedLag: number
  /** Readers further behind than one page. */
  readonly slowReaders: number
  /** Jobs in threads that took too long and were ended: large updates, reads of the log, compactions. */
  readonly endedJobs: number
  /** 1 while changes are refused because the disk is full. */
  readonly diskFull: number
}

export interface Relay extends RelayOperations {
  readonly figures: RelayFigures
  /** Takes a connection that speaks Tidemark's protocol; the handlers are to be called with what arrives on it. */
  connect(socket: Socket, info?: ConnectionInfo): SocketHandlers
  /** Takes a connection that speaks the stock y-websocket protocol, for one document. */
  connectStock(socket: Socket, target: StockTarget, info?: ConnectionInfo): SocketHandlers
  /** Asks again what each open sign-in is worth (of `principal` alone, when given): what was narrowed or ended takes effect at once. */
  recheck(principal?: string): void
  /** Begins to read the feed of all spaces, from where the reader of this name was before; ends with the relay. */
  readFeed(options: FeedReaderOptions): FeedReader
  /** Commits what is in flight, tells everyone when to come back, closes the log; idempotent. */
  close(): Promise<void>
}

export function createRelay(options: RelayOptions): Relay {
  return new LocalRelay(options)
}

class LocalRelay implements Relay {
  readonly #context: SessionContext
  readonly #sessions = new Set<Session>()
  readonly #figures: () => Pick<RelayFigures, 'openSpaces' | 'hotDocuments' | 'queuedBytes' | 'queuedUpdates'>
  readonly #meter: RelayMeter | null
  readonly #readers = new Set<LocalFeedReader>()
  readonly #readerParts: FeedReaderParts
  readonly #arbitration: Arbitration | null
  readonly #operations: RelayOperations
  /** Whether the last append found no room. */
  #isDiskFull = false
  #closing: Promise<void> | null = null

  constructor(options: RelayOptions) {
    const { log: bare, clock, random, limits, logger = silentLogger, authorize = () => anonymous } = options
    const { guardFile, meter, hooks = {}, work = inlineWork } = options
    this.#meter = meter ?? null
    const log = meter === undefined ? bare : meteredLog(bare, meter, clock)
    const bounds: RelayBounds = { ...defaultRelayBounds, ...limits }
    const runner = new HookRunner({ hooks, clock, bounds, logger, meter: this.#meter })
    const hub = createHub(log, clock, bounds, (space) => arbitration?.opened(space))
    // Without a guard file nobody knows which fields are arbitrated.
    const arbitration =
      guardFile === undefined ? null : new Arbitration({ hub, log, clock, random, bounds, logger, runner, meter: this.#meter })
    this.#arbitration = arbitration
    this.#readerParts = { hub, log, clock, random, logger }
    const guard = createGuard(guardFile ?? null)
    const turn = new TurnBudget(clock, bounds.maxInlineBytes)
    const states = createDocumentStates({ log, clock, bounds, guard, work, turn })
    const queue = createCommitQueue({
      log,
      bounds,
      onCommitted: (batch) => {
        if (this.#isDiskFull) logger.info({}, 'the disk takes changes again')
        this.#isDiskFull = false
        hub.committed(batch)
        if (this.#readers.size > 0) this.#wakeReaders(batch)
        tellCommitted(runner, batch)
      },
      onFailed: (spaces, error) => {
        const isFull = error.code === 'relay/disk-full'
        if (isFull && !this.#isDiskFull) logger.error({ err: error }, 'the disk is full: changes are refused, reading goes on')
        this.#isDiskFull = isFull
        if (isFull) return
        logger.error({ err: error, spaces: [...spaces] }, 'the log did not take a batch')
        hub.failed(spaces, error)
      },
    })
    const plain = createAcceptor({ states, queue, bounds, guard, log, turn, work, arbitration, runner })
    arbitration?.start(plain)
    const acceptor = meter === undefined ? plain : meteredAcceptor(plain, meter)
    this.#operations = createOperations({ hub, acceptor, log })
    const comeBackMs = (): number => Math.round(bounds.restartMinMs + fraction(random) * bounds.restartSpreadMs)
    const principals = new Principals(clock, bounds)
    this.#context = { hub, log, work, acceptor, clock, bounds, logger, authorize, principals, runner, comeBackMs }
    this.#figures = () => ({
      openSpaces: hub.openSpaces,
      hotDocuments: states.count,
      queuedBytes: acceptor.openBytes,
      queuedUpdates: acceptor.openCount,
    })
  }

  get figures(): RelayFigures {
    const lags = [...this.#sessions].map(({ lag }) => lag)
    const { maxPageItems } = this.#context.bounds
    const feedLag = lags.reduce((most, lag) => Math.max(most, lag), 0)
    return {
      sessions: lags.length,
      ...this.#figures(),
      feedLag,
      slowReaders: lags.filter((lag) => lag > maxPageItems).length,
      endedJobs: (this.#context.work.ended ?? 0) + (this.#context.log.endedJobs ?? 0),
      diskFull: Number(this.#isDiskFull),
    }
  }

  connect(socket: Socket, info: ConnectionInfo = {}): SocketHandlers {
    return this.#take(socket, (counted, onEnd) => createSession(this.#contextOf(info), counted, info, onEnd))
  }

  connectStock(socket: Socket, target: StockTarget, info: ConnectionInfo = {}): SocketHandlers {
    return this.#take(socket, (counted, onEnd) => createStockSession(this.#contextOf(info), counted, target, info, onEnd))
  }

  recheck(principal?: string): void {
    for (const session of this.#sessions) if (principal === undefined || session.principal === principal) session.recheck()
  }

  purge(space: string, document: string, principal: string): Promise<void> {
    return this.#operations.purge(space, document, principal)
  }

  carry(space: string, document: string, update: Uint8Array, principal: string): Promise<void> {
    return this.#operations.carry(space, document, update, principal)
  }

  compact(space: string, document: string): Promise<void> {
    return this.#operations.compact(space, document)
  }

  readFeed(options: FeedReaderOptions): FeedReader {
    if (this.#closing !== null) throw new TidemarkError('relay/busy', 'the relay is closed')
    const reader = new LocalFeedReader(this.#readerParts, options)
    this.#readers.add(reader)
    const close = (): Promise<void> => {
      this.#readers.delete(reader)
      return reader.close()
    }
    return { caughtUp: () => reader.caughtUp(), close }
  }

  #wakeReaders(batch: readonly Committed[]): void {
    const spaces = new Set(batch.map(({ commit }) => commit.entry.space))
    for (const reader of this.#readers) for (const space of spaces) reader.wake(space)
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  /** Log lines of a connection name it. */
  #contextOf({ id }: ConnectionInfo): SessionContext {
    const context = this.#context
    return id === undefined ? context : { ...context, logger: withFields(context.logger, { connection: id }) }
  }

  #take(socket: Socket, create: (socket: Socket, onEnd: () => void) => Session): SocketHandlers {
    const open = (counted: Socket): SocketHandlers => this.#open((onEnd) => create(counted, onEnd))
    return this.#meter === null ? open(socket) : meteredConnection(socket, this.#meter, open)
  }

  #open(create: (onEnd: () => void) => Session): SocketHandlers {
    const session = create(() => this.#sessions.delete(session))
    this.#sessions.add(session)
    if (this.#closing !== null) this.#endAsBusy(session)
    return session.handlers
  }

  async #close(): Promise<void> {
    this.#arbitration?.close()
    await Promise.all([...this.#readers].map((reader) => reader.close()))
    // What waits for the log is still answered.
    await this.#context.acceptor.close()
    for (const session of [...this.#sessions]) this.#endAsBusy(session)
    await this.#context.work.close()
    await this.#context.log.close()
  }

  #endAsBusy(session: Session): void {
    session.end(new TidemarkError('relay/busy', 'the relay restarts'), closeCodes.restart, this.#context.comeBackMs())
  }
}

function tellCommitted(runner: HookRunner, batch: readonly Committed[]): void {
  const { afterCommit } = runner.hooks
  if (afterCommit === undefined) return
  for (const { commit, place } of batch) {
    const { space, document, update, principal, kind } = commit.entry
    runner.tell('afterCommit', () => afterCommit({ space, document, update: update.slice(), principal, kind, seq: place.seq }))
  }
}
