/**
 * A WebSocket of the `ws` package behind the Socket port.
 *
 * Invariants
 * 1. Nothing that happens on a socket throws out of here.
 * 2. A socket that does not close within `closeTimeoutMs` is destroyed; one that answers no ping is too.
 * 3. Without compression `ws` keeps nothing back and writes each of its frames at once and whole, so frames written beside it
 *    stand in order, and what waits is what waits in the stream.
 */
import type { Duplex } from 'node:stream'

import type { Clock } from '@tidemark/base'
import { closeCodes, type Socket, type SocketHandlers } from '@tidemark/protocol'
import type { WebSocket } from 'ws'
import type { Framer } from './ws-framing.ts'

export const socketLimits = {
  /** From asking for a close to destroying the connection. */
  closeTimeoutMs: 5_000,
  /** Between pings; a connection that answers none until the next one is destroyed. */
  pingMs: 30_000,
} as const

export interface ServeSocketOptions {
  readonly ws: WebSocket
  /** The connection that `ws` writes to. */
  readonly stream: Duplex
  /** Shared by all connections of one server. */
  readonly framer: Framer
  readonly clock: Clock
  /** Called once. */
  readonly onClosed: () => void
}

/** Connects `ws` to the handlers that `take` returns. */
export function serveSocket({ ws, stream, framer, clock, onClosed }: ServeSocketOptions, take: (socket: Socket) => SocketHandlers): void {
  let cancelKill: () => void = () => undefined
  const kill = (): void => ws.terminate()
  const socket: Socket = {
    send: (bytes) => {
      if (ws.readyState !== ws.OPEN) return
      const frame = framer.frame(bytes)
      if (frame === null) ws.send(bytes, { binary: true })
      else stream.write(frame)
    },
    close: (code, reason) => {
      ws.close(code, reason)
      cancelKill()
      cancelKill = clock.schedule(socketLimits.closeTimeoutMs, kill)
    },
    get bufferedBytes() {
      return stream.writableLength
    },
  }
  const handlers = take(socket)
  const cancelPings = keepAlive(ws, clock)
  ws.on('message', (data, isBinary) => {
    if (isBinary) handlers.message(bytesOf(data))
    else socket.close(closeCodes.malformed, 'text messages are not taken')
  })
  // `ws` closes by itself after an error; that is all there is to do about it.
  ws.on('error', () => undefined)
  ws.on('close', (code, reason) => {
    cancelKill()
    cancelPings()
    handlers.close(code, reason.toString())
    onClosed()
  })
  handlers.open()
}

function keepAlive(ws: WebSocket, clock: Clock): () => void {
  let isAnswered = true
  ws.on('pong', () => {
    isAnswered = true
  })
  let cancel: () => void
  const check = (): void => {
    if (!isAnswered) {
      ws.terminate()
      return
    }
    isAnswered = false
    if (ws.readyState === ws.OPEN) ws.ping()
    cancel = clock.schedule(socketLimits.pingMs, check)
  }
  cancel = clock.schedule(socketLimits.pingMs, check)
  return () => cancel()
}

/** A plain view: a `Buffer`'s `slice` copies nothing, which is not what the rest of the relay means by it. */
function bytesOf(data: Buffer | ArrayBuffer | Buffer[]): Uint8Array {
  if (data instanceof ArrayBuffer) return new Uint8Array(data)
  const { buffer, byteOffset, byteLength } = Array.isArray(data) ? Buffer.concat(data) : data
  return new Uint8Array(buffer, byteOffset, byteLength)
}
