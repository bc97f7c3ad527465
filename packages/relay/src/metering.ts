/**
 * What a relay does, counted at its rim: the log, the acceptor and the sockets are wrapped, so that nothing inside knows of it.
 */
import type { Clock, ErrorCode } from '@tidemark/base'
import type { Socket, SocketHandlers } from '@tidemark/protocol'
import type { Acceptor } from './acceptor.ts'
import { type Log, logWith } from './log.ts'

/** Where the counts go. */
export interface RelayMeter {
  /** One append to the log: updates in it, their bytes, and how long it took. */
  appended(items: number, bytes: number, tookMs: number): void
  appendFailed(): void
  /** An update was offered and is durable, or was not taken. */
  accepted(): void
  refused(code: ErrorCode): void
  received(bytes: number): void
  sent(bytes: number): void
  /** A connection was refused before it was one, by this status line. */
  turnedAway(status: string): void
  /** A hook of the app threw, or took too long. */
  hookFailed(hook: string): void
  /** An intent of an arbitrated field was answered. */
  arbitrated(isAccepted: boolean): void
  /** One attempt to deliver a webhook message, or the end of all attempts. */
  webhook(name: string, outcome: 'delivered' | 'failed' | 'dead'): void
}

export function meteredLog(log: Log, meter: RelayMeter, clock: Clock): Log {
  return logWith(log, {
    append: async (batch) => {
      const startMs = clock.monotonic()
      try {
        const places = await log.append(batch)
        meter.appended(
          batch.length,
          batch.reduce((sum, { update }) => sum + update.length, 0),
          clock.monotonic() - startMs,
        )
        return places
      } catch (error) {
        meter.appendFailed()
        throw error
      }
    },
  })
}

export function meteredAcceptor(acceptor: Acceptor, meter: RelayMeter): Acceptor {
  return {
    get openBytes() {
      return acceptor.openBytes
    },
    get openCount() {
      return acceptor.openCount
    },
    accept: async (offer) => {
      const outcome = await acceptor.accept(offer)
      if (outcome.type === 'committed') meter.accepted()
      else if (outcome.type === 'refused') meter.refused(outcome.code)
      return outcome
    },
    purge: (order) => acceptor.purge(order),
    stateVector: (space, document) => acceptor.stateVector(space, document),
    lacks: (space, document, audited, principal) => acceptor.lacks(space, document, audited, principal),
    amend: (space, document, by, build) => acceptor.amend(space, document, by, build),
    close: () => acceptor.close(),
  }
}

/** A socket whose bytes are counted, and handlers whose messages are. */
export function meteredConnection(socket: Socket, meter: RelayMeter, connect: (socket: Socket) => SocketHandlers): SocketHandlers {
  const handlers = connect({
    send: (bytes) => {
      meter.sent(bytes.length)
      socket.send(bytes)
    },
    close: (code, reason) => socket.close(code, reason),
    get bufferedBytes() {
      return socket.bufferedBytes
    },
  })
  return {
    open: () => handlers.open(),
    message: (bytes) => {
      meter.received(bytes.length)
      handlers.message(bytes)
    },
    close: (code, reason) => handlers.close(code, reason),
  }
}
