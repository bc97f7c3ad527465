/**
 * The simulated network between devices and the relay.
 *
 * A connection is two pipes, one each way. A pipe delivers whole messages in order, late, or not at all:
 * what a socket allows. Disorder and repetition come from connections that break and are made anew.
 *
 * Faults: latency, lost connections, partitions of one or both ways (a stalled pipe holds what it has,
 * as TCP does), half-open lines (both ends believe in a line on which nothing arrives), narrow lines.
 */
import type { Platform } from '@tidemark/client'
import type { Dice } from './dice.ts'
import type { Life } from './life.ts'
import type { FaultName } from './profile.ts'
import type { Trace } from './trace.ts'
import type { VirtualTime } from './virtual-time.ts'

export type Connect = Platform['connect']
export type SocketHandlers = Parameters<Connect>[1]
export type Socket = ReturnType<Connect>

/** How the line between a device and the relay is at the moment; changed by faults. */
export interface Line {
  /** Without a network: lines are cut and dialling fails at once. */
  isUp: boolean
  /** Messages from the device are held. */
  isStalledOut: boolean
  /** Messages to the device are held. */
  isStalledIn: boolean
  minLatencyMs: number
  maxLatencyMs: number
  /** Bytes per millisecond. */
  rate: number
  /** Probability that a message's connection breaks with it. */
  loss: number
}

/** Takes a connection at the relay; null while nobody listens. */
export type Accept = (device: string, socket: Socket, url: string) => { readonly handlers: SocketHandlers; readonly life: Life }

export interface NetworkOptions {
  readonly time: VirtualTime
  readonly dice: Dice
  readonly trace: Trace
  /** Called when a fault changes what happens on a device's line. */
  readonly bit: (fault: FaultName, device: string) => void
}

/** One end of a connection: what happens in its process, until it is told that the connection is over. */
class End {
  readonly life: Life
  readonly #handlers: SocketHandlers
  readonly #over: () => void
  isDone = false

  constructor(life: Life, handlers: SocketHandlers, over: () => void) {
    this.life = life
    this.#handlers = handlers
    this.#over = over
  }

  open(): void {
    if (!this.isDone) this.#handlers.open()
  }

  message(bytes: Uint8Array): void {
    if (!this.isDone) this.#handlers.message(bytes)
  }

  close(code: number, reason: string): void {
    if (this.isDone) return
    this.isDone = true
    this.#over()
    this.#handlers.close(code, reason)
  }
}

interface Item {
  readonly bytes: Uint8Array | null
  readonly readyAtMs: number
  readonly close: { readonly code: number; readonly reason: string } | null
}

export class Network {
  accept: Accept | null = null
  readonly #options: NetworkOptions
  readonly #lines = new Map<string, Line>()
  readonly #connections = new Set<Connection>()
  #made = 0

  constructor(options: NetworkOptions) {
    this.#options = options
  }

  /** Connections dialled so far. */
  get dialled(): number {
    return this.#made
  }

  addDevice(device: string, line: Line): void {
    this.#lines.set(device, line)
  }

  line(device: string): Line {
    return this.#lines.get(device) as Line
  }

  /** The `connect` port of one tab. */
  connectFor(device: string, life: Life): Connect {
    return (url, handlers) => {
      const line = this.line(device)
      const label = `${life.name}#${++this.#made}`
      const over = (): void => void this.#connections.delete(connection)
      const connection: Connection = new Connection(this.#options, { device, url, label, line, client: { life, handlers }, over })
      this.#connections.add(connection)
      connection.dial(() => this.accept)
      return connection.clientSocket
    }
  }

  /** The line has changed: held messages may go, or connections end. */
  changed(device: string): void {
    const isUp = this.line(device).isUp
    for (const connection of this.#of(device)) {
      if (isUp) connection.resume()
      else {
        connection.cut('the network is gone')
        this.#options.bit('offline', device)
      }
    }
  }

  /** Breaks the device's connections; both ends are told, each in its time. */
  cut(device: string): void {
    for (const connection of this.#of(device)) {
      connection.cut('connection reset')
      this.#options.bit('cut', device)
    }
  }

  /** From now on nothing arrives on the device's connections, and nobody is told. */
  blackHole(device: string): void {
    for (const connection of this.#of(device)) {
      connection.blackHole()
      this.#options.bit('half-open', device)
    }
  }

  /** A tab or relay ended: its operating system resets its connections, or, when the power went, nobody does. */
  ended(life: Life, isSilent: boolean): void {
    for (const connection of [...this.#connections]) {
      if (!connection.belongsTo(life)) continue
      if (isSilent) connection.blackHole()
      else connection.cut('connection reset')
    }
  }

  #of(device: string): Connection[] {
    return [...this.#connections].filter((connection) => connection.device === device)
  }
}

interface PipeAbout {
  readonly isStalled: () => boolean
  readonly lost: () => void
  readonly bit: (fault: FaultName) => void
}

/** After so long the relay's pings have found out a dead line. */
const pingedMs = 60_000

/** A delay that people notice. */
const slowMs = 50

/** Delivers in order, in time, and only while it may. */
class Pipe {
  readonly #options: NetworkOptions
  readonly #label: string
  readonly #line: Line
  readonly #isStalled: () => boolean
  readonly #lost: () => void
  readonly #bit: (fault: FaultName) => void
  readonly #queue: Item[] = []
  #target: End | null = null
  #lastAtMs = 0
  #isArmed = false
  #isDead = false
  queuedBytes = 0

  constructor(options: NetworkOptions, label: string, line: Line, about: PipeAbout) {
    const { isStalled, lost, bit } = about
    this.#options = options
    this.#bit = bit
    this.#label = label
    this.#line = line
    this.#isStalled = isStalled
    this.#lost = lost
  }

  open(target: End): void {
    this.#target = target
    this.arm()
  }

  send(bytes: Uint8Array | null, close: Item['close'] = null): void {
    if (this.#isDead) return
    const { time, dice } = this.#options
    const { minLatencyMs, maxLatencyMs, rate, loss } = this.#line
    if (bytes !== null && dice.chance(loss)) {
      this.#bit('loss')
      return this.#lost()
    }
    if (this.#isStalled()) this.#bit('partition')
    const latencyMs = dice.between(minLatencyMs, maxLatencyMs) + (bytes?.length ?? 0) / rate
    if (latencyMs >= slowMs) this.#bit('latency')
    this.#lastAtMs = Math.max(this.#lastAtMs, time.nowMs + latencyMs)
    this.#queue.push({ bytes: bytes?.slice() ?? null, readyAtMs: this.#lastAtMs, close })
    this.queuedBytes += bytes?.length ?? 0
    this.arm()
  }

  /** Drops what is under way; nothing arrives any more. */
  kill(): void {
    this.#isDead = true
    this.#queue.length = 0
    this.queuedBytes = 0
  }

  arm(): void {
    const first = this.#queue[0]
    if (this.#isArmed || first === undefined || this.#target === null || this.#isStalled()) return
    this.#isArmed = true
    const { time } = this.#options
    time.schedule(first.readyAtMs - time.nowMs, () => {
      this.#isArmed = false
      if (!this.#isStalled()) this.#deliver()
      this.arm()
    })
  }

  #deliver(): void {
    const item = this.#queue.shift()
    if (item === undefined || this.#target === null) return
    const target = this.#target
    const { time, trace } = this.#options
    this.queuedBytes -= item.bytes?.length ?? 0
    if (!target.life.isAlive) return
    const { bytes, close } = item
    if (bytes !== null) trace.bytes(time.nowMs, this.#label, bytes)
    if (bytes !== null) target.life.run(() => target.message(bytes))
    if (close !== null) target.life.run(() => target.close(close.code, close.reason))
  }
}

class Connection {
  readonly device: string
  readonly clientSocket: Socket
  readonly #options: NetworkOptions
  readonly #label: string
  readonly #url: string
  readonly #line: Line
  readonly #client: End
  readonly #up: Pipe
  readonly #down: Pipe
  readonly #over: () => void
  #relay: End | null = null
  #isDead = false
  #knock: () => void = () => {}

  constructor(
    options: NetworkOptions,
    made: { device: string; url: string; label: string; line: Line; client: Parties; over: () => void },
  ) {
    const { device, url, label, line, client } = made
    this.device = device
    this.#options = options
    this.#label = label
    this.#url = url
    this.#line = line
    this.#over = made.over
    const lost = (): void => this.cut('message lost')
    const bit = (fault: FaultName): void => options.bit(fault, device)
    this.#up = new Pipe(options, `${label}>`, line, { isStalled: () => line.isStalledOut, lost, bit })
    this.#down = new Pipe(options, `${label}<`, line, { isStalled: () => line.isStalledIn, lost, bit })
    this.#client = new End(client.life, client.handlers, () => this.#oneIsDone())
    this.clientSocket = socketOf(this.#up, () => this.#client)
  }

  belongsTo(life: Life): boolean {
    return this.#client.life === life || this.#relay?.life === life
  }

  /** Knocks at the relay's door: refused at once without a network, held while the line is stalled. */
  dial(accept: () => Accept | null): void {
    const { time, dice } = this.#options
    this.#knock = () => {
      if (this.#isDead || this.#relay !== null || this.#line.isStalledOut || this.#line.isStalledIn) return
      const open = accept()
      if (open === null) this.cut('connection refused')
      else if (!this.#client.isDone) this.#accept(open)
    }
    if (this.#line.isStalledOut || this.#line.isStalledIn) this.#options.bit('partition', this.device)
    if (!this.#line.isUp) {
      this.cut('no network')
      this.#options.bit('offline', this.device)
    } else time.schedule(dice.between(this.#line.minLatencyMs, this.#line.maxLatencyMs), () => this.#knock())
  }

  /** The line has changed: what it held may go. */
  resume(): void {
    if (this.#relay === null) this.#options.time.schedule(1, () => this.#knock())
    this.#up.arm()
    this.#down.arm()
  }

  cut(reason: string): void {
    if (this.#isDead) return
    this.blackHole()
    const { time, dice, trace } = this.#options
    trace.note(time.nowMs, `${this.#label} cut: ${reason}`)
    for (const end of [this.#client, this.#relay]) end?.life.schedule(dice.between(1, 50), () => end.close(1006, reason))
  }

  /** Nothing arrives any more, and nobody is told. */
  blackHole(): void {
    if (this.#isDead) return
    this.#isDead = true
    this.#up.kill()
    this.#down.kill()
    this.#over()
    this.#options.trace.note(this.#options.time.nowMs, `${this.#label} is dead`)
    // The relay's socket pings, and is told of a line that does not answer; see the relay's `ws-socket.ts`.
    const relay = this.#relay
    relay?.life.schedule(pingedMs, () => relay.close(1006, 'no pong'))
  }

  #accept(open: Accept): void {
    const socket = socketOf(this.#down, () => this.#relay)
    const { handlers, life } = open(this.device, socket, this.#url)
    const relay = new End(life, handlers, () => this.#oneIsDone())
    this.#relay = relay
    relay.open()
    this.#up.open(relay)
    this.#client.life.schedule(1, () => {
      if (this.#isDead) return
      this.#client.open()
      this.#down.open(this.#client)
    })
  }

  #oneIsDone(): void {
    if (this.#client.isDone && (this.#relay?.isDone ?? true)) this.#over()
  }
}

interface Parties {
  readonly life: Life
  readonly handlers: SocketHandlers
}

/** A socket that sends into `pipe`; its close follows what was sent before, and its own end hears of it at once. */
function socketOf(pipe: Pipe, own: () => End | null): Socket {
  let isClosed = false
  return {
    send: (bytes) => {
      if (!isClosed) pipe.send(bytes)
    },
    close: (code, reason) => {
      if (isClosed) return
      isClosed = true
      pipe.send(null, { code, reason })
      const end = own()
      end?.life.schedule(0, () => end.close(code, reason))
    },
    get bufferedBytes() {
      return pipe.queuedBytes
    },
  }
}
