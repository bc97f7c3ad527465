/**
 * A page that knows nothing of Tidemark: plain Yjs documents, kept by a client of the stock y-websocket protocol.
 *
 * It speaks through `y-protocols`, the code that stock clients speak through, and dials as `y-websocket`'s provider
 * does: again 100 ms after a break, then twice as long each time up to 2.5 s, and a line on which nothing came for 30 s
 * is given up. The provider itself reads real clocks, so it cannot run here; it runs against the real relay elsewhere.
 * The page stays open to the end: like a browser without a database it keeps its documents in memory only.
 */
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import { readSyncMessage, writeSyncStep1, writeUpdate } from 'y-protocols/sync'
import * as Y from 'yjs'
import { Life } from './life.ts'
import type { Network, Socket } from './network.ts'
import type { Trace } from './trace.ts'
import type { VirtualTime } from './virtual-time.ts'

/** The page's name in steps, and its line's in the network. */
export const plainName = 'plain'

const messageSync = 0
/** How the relay closes a document that was erased for good. */
const goneCode = 4_410
const [firstRetryMs, lastRetryMs, silenceMs, checkMs] = [100, 2_500, 30_000, 3_000]

export interface PlainOptions {
  readonly time: VirtualTime
  readonly trace: Trace
  readonly network: Network
  readonly clientId: (document: string) => number
}

interface Page {
  readonly doc: Y.Doc
  socket: Socket | null
  failures: number
  heardAtMs: number
  isSynced: boolean
  /** The relay has said that the document is gone for good, after which a stock client does not dial again. */
  isGone: boolean
}

export class PlainClient {
  readonly #options: PlainOptions
  readonly #life: Life
  readonly #pages = new Map<string, Page>()

  constructor(options: PlainOptions) {
    this.#options = options
    this.#life = new Life(options.time, plainName)
  }

  get documents(): ReadonlyMap<string, Y.Doc> {
    return new Map([...this.#pages].map(([name, { doc }]) => [name, doc]))
  }

  /** Whether every document has a line on which it has exchanged everything. */
  get isSettled(): boolean {
    return [...this.#pages.values()].every(({ socket, isSynced, isGone }) => isGone || (socket !== null && isSynced))
  }

  get connections(): number {
    return [...this.#pages.values()].filter(({ isGone }) => !isGone).length
  }

  /** The document, opened when it is not. */
  open(document: string): Y.Doc {
    const open = this.#pages.get(document)
    if (open !== undefined) return open.doc
    const doc = new Y.Doc({ guid: document, gc: true })
    doc.clientID = this.#options.clientId(document)
    const page: Page = { doc, socket: null, failures: 0, heardAtMs: 0, isSynced: false, isGone: false }
    this.#pages.set(document, page)
    doc.on('update', (update: Uint8Array, origin: unknown) => {
      if (origin !== page) send(page, (encoder) => writeUpdate(encoder, update))
    })
    this.#dial(document, page)
    this.#watch(page)
    return doc
  }

  #dial(document: string, page: Page): void {
    let isOver = false
    const over = (code: number): void => {
      if (isOver) return
      isOver = true
      page.socket = null
      page.isSynced = false
      page.isGone = code === goneCode
      if (page.isGone) return
      this.#life.schedule(Math.min(firstRetryMs * 2 ** page.failures++, lastRetryMs), () => this.#dial(document, page))
    }
    const socket: Socket = this.#options.network.connectFor(plainName, this.#life)(`ws://relay.sim/sim/${document}`, {
      open: () => {
        page.failures = 0
        page.heardAtMs = this.#options.time.nowMs
        page.socket = socket
        send(page, (encoder) => writeSyncStep1(encoder, page.doc))
      },
      message: (bytes) => {
        if (!isOver) this.#heard(page, bytes)
      },
      close: over,
    })
    // A browser gives up on a server that does not answer.
    this.#life.schedule(silenceMs, () => {
      if (!isOver && page.socket !== socket) socket.close(1006, 'no answer')
    })
  }

  #heard(page: Page, bytes: Uint8Array): void {
    page.heardAtMs = this.#options.time.nowMs
    const decoder = decoding.createDecoder(bytes)
    if (decoding.readVarUint(decoder) !== messageSync) return
    const encoder = encoding.createEncoder()
    encoding.writeVarUint(encoder, messageSync)
    const type = readSyncMessage(decoder, encoder, page.doc, page)
    if (encoding.length(encoder) > 1) page.socket?.send(encoding.toUint8Array(encoder))
    if (type === 1) page.isSynced = true
  }

  #watch(page: Page): void {
    const silentMs = page.socket === null ? 0 : this.#options.time.nowMs - page.heardAtMs
    if (silentMs >= silenceMs) page.socket?.close(1000, 'silence')
    this.#life.schedule(Math.max(silenceMs - silentMs, checkMs), () => this.#watch(page))
  }
}

function send(page: Page, write: (encoder: encoding.Encoder) => void): void {
  if (page.socket === null) return
  const encoder = encoding.createEncoder()
  encoding.writeVarUint(encoder, messageSync)
  write(encoder)
  page.socket.send(encoding.toUint8Array(encoder))
}
