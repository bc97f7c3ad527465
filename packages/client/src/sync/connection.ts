/**
 * One connection to the relay: frames in and out, the names of document numbers, and signs of life.
 *
 * Invariants
 * 1. `closed` is called once, and nothing after it.
 * 2. A message that cannot be read ends the connection as malformed; there is exactly one catch.
 * 3. Nothing is asked of the relay before it has answered `hello`.
 * 4. Silence for `wireLimits.silenceMs` ends the connection, so that a half-open line is noticed.
 */
import { type Clock, TidemarkError, toTidemarkError } from '@tidemark/base'
import {
  type ClientMessage,
  type Connect,
  closeCodes,
  createRelayFrameDecoder,
  encodeClientMessages,
  type RelayMessage,
  type Socket,
  wireLimits,
} from '@tidemark/protocol'

/** What the relay says, but for what a connection deals with itself. */
export type Received = Exclude<RelayMessage, { type: 'chunk' | 'names' | 'pong' }>

export interface ConnectionHandlers {
  opened(): void
  message(message: Received, connection: Connection): void
  /** Now and then while the connection lasts. */
  beat(): void
  closed(code: number, reason: string): void
}

/** How long after a probe silence means that the line is dead. */
const probeMs = 5_000

export class Connection {
  readonly #handlers: ConnectionHandlers
  readonly #clock: Clock
  readonly #socket: Socket
  readonly #decoder = createRelayFrameDecoder()
  readonly #names = new Map<number, string>()
  #cancelSilence: () => void = () => {}
  #cancelPing: () => void = () => {}
  #isClosed = false
  /** Whether the relay has said anything: before its welcome it takes nothing but `hello`. */
  #isWelcomed = false
  maxFrameBytes: number = wireLimits.maxFrameBytes

  constructor(connect: Connect, url: string, clock: Clock, handlers: ConnectionHandlers) {
    this.#handlers = handlers
    this.#clock = clock
    this.#socket = connect(url, {
      open: () => {
        if (this.#isClosed) return
        this.#heard(wireLimits.silenceMs)
        this.#ping()
        handlers.opened()
      },
      message: (bytes) => this.#receive(bytes),
      close: (code, reason) => this.#closed(code, reason),
    })
    this.#heard(wireLimits.silenceMs)
  }

  send(messages: readonly ClientMessage[]): void {
    if (this.#isClosed) return
    for (const frame of encodeClientMessages(messages, this.maxFrameBytes)) this.#socket.send(frame)
  }

  /** Asks for a sign of life, and ends the connection when none comes soon. */
  probe(): void {
    if (this.#isClosed) return
    if (this.#isWelcomed) this.send([{ type: 'ping' }])
    this.#heard(probeMs)
  }

  /** The name of a document number, told by the relay ahead of the frame that uses it. */
  nameOf(number: number): string {
    const name = this.#names.get(number)
    if (name === undefined) throw new TidemarkError('protocol/malformed', `document ${number} was never named`)
    return name
  }

  close(code: number, reason: string): void {
    if (this.#isClosed) return
    this.#socket.close(code, reason)
    this.#closed(code, reason)
  }

  #receive(bytes: Uint8Array): void {
    if (this.#isClosed) return
    this.#heard(wireLimits.silenceMs)
    this.#isWelcomed = true
    try {
      for (const message of this.#decoder.decode(bytes)) {
        if (message.type === 'names') for (const [number, name] of message.names) this.#names.set(number, name)
        else if (message.type !== 'pong') this.#handlers.message(message, this)
        if (this.#isClosed) return
      }
    } catch (error) {
      this.close(closeCodes.malformed, toTidemarkError(error, 'protocol/malformed').message.slice(0, 120))
    }
  }

  #heard(silenceMs: number): void {
    this.#cancelSilence()
    this.#cancelSilence = this.#clock.schedule(silenceMs, () => this.close(closeCodes.timeout, 'the relay fell silent'))
  }

  #ping(): void {
    this.#cancelPing = this.#clock.schedule(wireLimits.heartbeatMs, () => {
      if (this.#isWelcomed) this.send([{ type: 'ping' }])
      this.#ping()
      this.#handlers.beat()
    })
  }

  #closed(code: number, reason: string): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#cancelSilence()
    this.#cancelPing()
    this.#handlers.closed(code, reason)
  }
}
