/**
 * What one session sends, in order; a message of many frames leaves as the socket takes them.
 *
 * Why it exists: a document of sixty megabytes, encoded and handed to a socket at once, would hold everybody for as long as that
 * takes, and count as a socket that nobody reads.
 *
 * Invariants
 * 1. Frames leave in the order in which they were handed over, and chunked messages never mix.
 * 2. While something waits here the socket counts as full, so nothing that can wait is added.
 * 3. A socket that holds more unsent bytes than it may is given up.
 */
import type { Clock } from '@tidemark/base'
import type { Socket } from '@tidemark/protocol'
import type { RelayBounds } from './limits.ts'

export interface OutletOptions {
  readonly socket: Socket
  readonly clock: Clock
  readonly bounds: RelayBounds
  /** The socket holds more than it may: whoever is there reads nothing. Called once. */
  readonly onOverflow: () => void
}

/** Frames made in one turn for one session. */
const maxFramesPerTurn = 4

export class Outlet {
  readonly #options: OutletOptions
  readonly #line: { readonly frames: Iterator<Uint8Array>; readonly bytes: number }[] = []
  /** Bytes of made frames that wait behind others. */
  #heldBytes = 0
  #cancel: (() => void) | null = null
  #isClosed = false
  /** Whether anything was sent since it was last set to false. */
  hasSent = false

  constructor(options: OutletOptions) {
    this.#options = options
  }

  /** Unsent bytes of the socket; more than its high water while something waits here. */
  get bufferedBytes(): number {
    const { socket, bounds } = this.#options
    return this.#line.length === 0 ? socket.bufferedBytes : Math.max(socket.bufferedBytes, bounds.highWaterBytes + 1)
  }

  /** Frames in a list are counted as memory, others as made when they leave. */
  send(frames: Iterable<Uint8Array>): void {
    if (this.#isClosed) return
    if (this.#line.length === 0 && Array.isArray(frames)) for (const frame of frames) this.#out(frame)
    else {
      const bytes = Array.isArray(frames) ? frames.reduce((sum: number, { length }: Uint8Array) => sum + length, 0) : 0
      this.#line.push({ frames: frames[Symbol.iterator](), bytes })
      this.#heldBytes += bytes
      if (this.#cancel === null) this.#pump()
    }
    const { socket, bounds, onOverflow } = this.#options
    if (this.#isClosed || socket.bufferedBytes + this.#heldBytes <= bounds.maxBufferedBytes) return
    this.close()
    onOverflow()
  }

  /** Nothing that waits is sent any more, and nothing is taken. */
  close(): void {
    this.#isClosed = true
    this.#line.length = 0
    this.#cancel?.()
  }

  #out(frame: Uint8Array): void {
    this.hasSent = true
    this.#options.socket.send(frame)
  }

  #pump(): void {
    const { socket, bounds, clock } = this.#options
    this.#cancel = null
    let made = 0
    for (let first = this.#line[0]; first !== undefined && !this.#isClosed; first = this.#line[0]) {
      const isFull = socket.bufferedBytes > bounds.announced.maxFrameBytes
      if (isFull || made >= maxFramesPerTurn) {
        this.#cancel = clock.schedule(isFull ? bounds.drainCheckMs : 0, () => this.#pump())
        return
      }
      const { value, done } = first.frames.next()
      if (done === true) {
        this.#line.shift()
        this.#heldBytes -= first.bytes
      } else {
        made++
        this.#out(value)
      }
    }
  }
}
