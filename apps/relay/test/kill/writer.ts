/** One that writes unique words, and remembers which of them were acknowledged. */
import * as Y from 'yjs'
import { type Dialled, dial } from '../../../../packages/relay/test/network.ts'
import { createReplicaState, type ReplicaState, type WireClient } from '../../../../packages/relay/test/wire-client.ts'

/** A small seeded generator, so that a failing run can be repeated. */
export function seeded(seed: number): (below: number) => number {
  let state = seed >>> 0
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return (state >>> 8) % below
  }
}

export const wordsOf = (doc: Y.Doc): string[] => doc.getArray<string>('t').toArray()

type Waiting = Map<number, { readonly document: string; readonly words: readonly string[] }>

export class Writer {
  readonly acked = new Set<string>()
  /** Pushes that were refused, by code. */
  readonly refusals = new Map<string, number>()
  readonly #docs: Map<string, Y.Doc>
  readonly #name: string
  readonly #random: (below: number) => number
  readonly #state: ReplicaState = createReplicaState()
  /** Documents with words that were not acknowledged, which are pushed whole by the next connection. */
  readonly #unfinished = new Map<string, Set<string>>()
  #words = 0

  constructor(name: string, documents: readonly string[], random: (below: number) => number) {
    this.#name = name
    this.#docs = new Map(documents.map((document) => [document, new Y.Doc({ guid: document })]))
    this.#random = random
  }

  /** Writes until the connection breaks; `onAck` hears of each acknowledged push, `onRefusal` of each refused one. */
  async write(url: string, onAck: () => void, onRefusal: () => void = () => undefined): Promise<void> {
    const client = dial(url, { state: this.#state })
    const waiting: Waiting = new Map()
    await client.welcomed().catch(() => undefined)
    const bye = client.messages.find(({ type }) => type === 'bye')
    if (bye?.type === 'bye' && bye.code === 'protocol/malformed') throw new Error(`the relay hung up: ${bye.detail}`)
    for (const [document, words] of this.#unfinished) {
      waiting.set(client.push(document, Y.encodeStateAsUpdate(this.#docs.get(document) as Y.Doc)), { document, words: [...words] })
    }
    while (client.closedWith === null) {
      for (let burst = 1 + this.#random(4); burst > 0; burst--) this.#push(client, waiting)
      const last = client.pushed
      await client.until(() => client.isAcked(last) || client.refused.size > 0 || client.closedWith !== null)
      this.#answered(client, waiting, onAck)
      // What is refused leaves a gap for what comes behind it, so everything goes again over another connection.
      if (client.refused.size > 0) {
        client.close()
        await client.until(() => client.closedWith !== null)
      }
      for (const code of client.refused.values()) {
        this.refusals.set(code, (this.refusals.get(code) ?? 0) + 1)
        onRefusal()
      }
    }
  }

  #push(client: WireClient & Dialled, waiting: Waiting): void {
    const documents = [...this.#docs.keys()]
    const document = documents[this.#random(documents.length)] as string
    const doc = this.#docs.get(document) as Y.Doc
    const word = `${this.#name}${this.#words++}`
    const before = Y.encodeStateVector(doc)
    const list = doc.getArray<string>('t')
    list.insert(this.#random(list.length + 1), [word])
    const words = this.#unfinished.get(document) ?? new Set()
    this.#unfinished.set(document, words.add(word))
    waiting.set(client.push(document, Y.encodeStateAsUpdate(doc, before)), { document, words: [word] })
  }

  #answered(client: WireClient, waiting: Waiting, onAck: () => void): void {
    for (const [n, { document, words }] of waiting) {
      if (!client.isAcked(n)) continue
      waiting.delete(n)
      const unfinished = this.#unfinished.get(document)
      for (const word of words) {
        this.acked.add(word)
        unfinished?.delete(word)
      }
      if (unfinished?.size === 0) this.#unfinished.delete(document)
      onAck()
    }
  }
}
