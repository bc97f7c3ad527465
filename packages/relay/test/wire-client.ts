/**
 * A small honest client of the wire, for tests: it keeps what it is told and answers nothing by itself
 * but credit. It stands behind any `Socket`, so it serves in-process relays and real ones.
 */
import { TidemarkError } from '@tidemark/base'
import {
  type ClientMessage,
  type Cursor,
  createRelayFrameDecoder,
  encodeClientMessages,
  type Hello,
  type Incarnation,
  type RelayMessage,
  type Socket,
  type SocketHandlers,
  type Welcome,
  wireLimits,
  wireVersion,
} from '@tidemark/protocol'
import type { Relay } from '@tidemark/relay'
import { mergeGrouped } from '@tidemark/updates'
import * as Y from 'yjs'

export interface WireClientOptions {
  readonly space?: string
  readonly credit?: number
  /** Whether it grants credit again for what it received; true unless said otherwise. */
  readonly grants?: boolean
  readonly state?: ReplicaState
  readonly token?: string
}

/** What a replica keeps between connections. */
export interface ReplicaState {
  cursor: Cursor | null
  incarnations: Incarnation[]
  /** Document → the updates received, in order. */
  readonly documents: Map<string, Uint8Array[]>
}

export const createReplicaState = (): ReplicaState => ({ cursor: null, incarnations: [], documents: new Map() })

export class WireClient {
  readonly state: ReplicaState
  readonly messages: RelayMessage[] = []
  readonly acked: number[] = []
  readonly refused = new Map<number, string>()
  readonly handlers: SocketHandlers
  welcome: Welcome | null = null
  closedWith: number | null = null
  receivedBytes = 0
  frames = 0
  readonly #decoder = createRelayFrameDecoder()
  readonly #names = new Map<number, string>()
  readonly #options: WireClientOptions
  #socket: Socket | null = null
  #n = 0
  #waits: { readonly isTrue: () => boolean; readonly resolve: () => void }[] = []

  constructor(options: WireClientOptions = {}) {
    this.#options = options
    this.state = options.state ?? createReplicaState()
    this.handlers = {
      open: () => this.send(this.hello()),
      message: (bytes) => {
        this.receivedBytes += bytes.length
        this.frames++
        for (const message of this.#decoder.decode(bytes)) this.#take(message)
        this.#check()
      },
      close: (code) => {
        this.closedWith = code
        this.#check()
      },
    }
  }

  attach(socket: Socket): this {
    this.#socket = socket
    return this
  }

  hello(): Hello {
    const { space = 'acme', credit = 1 << 20, token = '' } = this.#options
    const { cursor } = this.state
    const incarnations = this.state.incarnations.slice(-wireLimits.maxIncarnations)
    return { type: 'hello', version: wireVersion, space, token, replica: 'replica', build: 'test', cursor, incarnations, credit }
  }

  send(...messages: ClientMessage[]): void {
    for (const frame of encodeClientMessages(messages)) this.#socket?.send(frame)
  }

  sendBytes(frame: Uint8Array): void {
    this.#socket?.send(frame)
  }

  push(document: string, update: Uint8Array, type: 'push' | 'carry' = 'push'): number {
    const n = ++this.#n
    this.send({ type, n, document, update })
    return n
  }

  /** Resolves as soon as `isTrue`, looked at after every frame. */
  until(isTrue: () => boolean): Promise<void> {
    if (isTrue()) return Promise.resolve()
    return new Promise((resolve) => this.#waits.push({ isTrue, resolve }))
  }

  /** The last push sent. */
  get pushed(): number {
    return this.#n
  }

  isAcked(n: number): boolean {
    return (this.acked.at(-1) ?? 0) >= n && !this.refused.has(n)
  }

  async welcomed(): Promise<Welcome> {
    await this.until(() => this.welcome !== null || this.closedWith !== null)
    if (this.welcome === null) throw new TidemarkError('relay/unreachable', `closed with ${this.closedWith}`)
    return this.welcome
  }

  /** The document as this replica has it. */
  doc(name: string): Y.Doc {
    const doc = new Y.Doc({ guid: name })
    Y.applyUpdate(doc, mergeGrouped(this.state.documents.get(name) ?? []))
    return doc
  }

  close(): void {
    this.#socket?.close(1000, 'done')
  }

  #take(message: RelayMessage): void {
    this.messages.push(message)
    if (message.type === 'welcome') this.#welcomed(message)
    else if (message.type === 'ack') this.acked.push(message.n)
    else if (message.type === 'refuse') this.refused.set(message.n, message.code)
    else if (message.type === 'names') for (const [number, document] of message.names) this.#names.set(number, document)
    else if (message.type === 'access') this.state.cursor = { ...withoutWidening(this.state.cursor as Cursor), grants: message.grants }
    else if (message.type === 'changes') this.#changes(message)
  }

  #welcomed(message: Welcome): void {
    this.welcome = message
    const { incarnation, first, common, grants } = message
    const { incarnations, cursor } = this.state
    if (incarnations.at(-1)?.id !== incarnation) incarnations.push({ id: incarnation, first })
    if (cursor === null || common < cursor.seq || cursor.incarnation !== incarnation) {
      const catchUp = cursor !== null && common === cursor.seq ? cursor.catchUp : undefined
      this.state.cursor = { incarnation, seq: common, grants, scope: '', ...(catchUp === undefined ? {} : { catchUp }) }
    } else this.state.cursor = { ...cursor, grants }
  }

  #changes(message: RelayMessage & { readonly type: 'changes' }): void {
    const cursor = this.state.cursor as Cursor
    const { catchUp, ...kept } = cursor
    const base = { incarnation: cursor.incarnation, grants: cursor.grants, scope: '' }
    if (message.mode === 'live') {
      if (message.after !== cursor.seq) throw new Error(`live changes after ${message.after} where the cursor is at ${cursor.seq}`)
      this.state.cursor = { ...base, seq: message.seq }
    } else if (message.widens !== null) {
      if (catchUp !== undefined && catchUp.grants === undefined) throw new Error('a widening in the middle of a catch-up')
      const { to, last, done, widens } = message
      this.state.cursor = done ? { ...kept, grants: widens } : { ...kept, catchUp: { to, last, grants: widens } }
    } else {
      if (message.from !== cursor.seq) throw new Error(`catch-up from ${message.from} where the cursor is at ${cursor.seq}`)
      const { to, last, done } = message
      this.state.cursor = done ? { ...base, seq: to } : { ...base, seq: cursor.seq, catchUp: { to, last } }
    }
    let bytes = 0
    for (const { number, update } of message.changes) {
      const name = this.#names.get(number)
      if (name === undefined) throw new Error(`document ${number} was never named`)
      this.state.documents.set(name, [...(this.state.documents.get(name) ?? []), update.slice()])
      bytes += update.length
    }
    if (bytes > 0 && this.#options.grants !== false) this.send({ type: 'credit', bytes })
  }

  #check(): void {
    const waits = this.#waits
    this.#waits = waits.filter(({ isTrue }) => !isTrue())
    for (const wait of waits) if (!this.#waits.includes(wait)) wait.resolve()
  }
}

/** The cursor without what is left of a widening. */
function withoutWidening({ catchUp, ...cursor }: Cursor): Cursor {
  return catchUp === undefined || catchUp.grants !== undefined ? cursor : { ...cursor, catchUp }
}

/** A line between a client and an in-process relay; each direction is delivered in a microtask, and can be held. */
export class Line {
  /** Bytes the relay has sent that the client has not taken. */
  held = 0
  isHeld = false
  #queue: Uint8Array[] = []
  readonly #client: WireClient
  #relay: SocketHandlers | null = null
  #isOpen = true
  #isLost = false

  constructor(relay: Relay, client: WireClient) {
    this.#client = client
    const line = this
    this.#relay = relay.connect({
      send: (bytes) => this.#toClient(bytes),
      close: (code) => this.cut(code),
      get bufferedBytes() {
        return line.held
      },
    })
    client.attach({ send: (bytes) => this.#toRelay(bytes), close: (code) => this.cut(code), bufferedBytes: 0 })
    client.handlers.open()
  }

  /** Ends the connection; both sides hear of it later. */
  cut(code: number): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    queueMicrotask(() => {
      this.#relay?.close(code, '')
      this.#client.handlers.close(code, '')
    })
  }

  /** The other side is gone without a word: nothing is delivered any more, and nobody is told. */
  lose(): void {
    this.#isOpen = false
    this.#isLost = true
  }

  /** Hands over the first `count` frames held, and goes on holding. */
  take(count: number): void {
    for (const bytes of this.#queue.splice(0, count)) {
      this.held -= bytes.length
      this.#client.handlers.message(bytes)
    }
  }

  release(): void {
    this.isHeld = false
    const queue = this.#queue
    this.#queue = []
    this.held = 0
    for (const bytes of queue) this.#client.handlers.message(bytes)
  }

  #toClient(bytes: Uint8Array): void {
    if (this.#isLost) return
    this.held += bytes.length
    this.#queue.push(bytes)
    if (!this.isHeld) queueMicrotask(() => !this.isHeld && !this.#isLost && this.release())
  }

  #toRelay(bytes: Uint8Array): void {
    if (this.#isOpen) queueMicrotask(() => this.#isOpen && this.#relay?.message(bytes))
  }
}

/** Connects a client to an in-process relay. */
export function connect(relay: Relay, options: WireClientOptions = {}): WireClient & { readonly line: Line } {
  const client = new WireClient(options)
  return Object.assign(client, { line: new Line(relay, client) })
}

/** An update that writes `text` at the start of the root text `t`, by a client of its own. */
export function textUpdate(text: string, clientId: number): Uint8Array {
  const doc = new Y.Doc({ guid: 'writer' })
  doc.clientID = clientId
  doc.getText('t').insert(0, text)
  return Y.encodeStateAsUpdate(doc)
}
