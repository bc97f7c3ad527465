/**
 * Reads documents from the store, many at once: those that are asked for in one turn, or while others are
 * read, make up the next read. So opening a thousand documents costs a few requests, and opening one no wait.
 *
 * More than fit into one read are first put into the order in which the store keeps them. Neighbours are one range; names
 * that lie anywhere in a sealed database would have each read go through all of it.
 */
import type { LocalStore, StoredDocument } from '@tidemark/store'

export const loadLimits = {
  /** Documents in one read at most: their bytes are in memory together. */
  documents: 512,
  /** Reads under way at once, so that one document need not wait for a thousand others. */
  reads: 4,
} as const

interface Waiting {
  readonly name: string
  readonly resolve: (stored: StoredDocument | undefined) => void
  readonly reject: (error: unknown) => void
}

export class LoadQueue {
  readonly #store: Pick<LocalStore, 'load' | 'inStoredOrder'>
  #waiting: Waiting[] = []
  #reading = 0
  #isScheduled = false

  constructor(store: Pick<LocalStore, 'load' | 'inStoredOrder'>) {
    this.#store = store
  }

  /** The document as stored at some moment after this call; undefined when there is none. */
  load(name: string): Promise<StoredDocument | undefined> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ name, resolve, reject })
      if (this.#isScheduled) return
      this.#isScheduled = true
      queueMicrotask(() => void this.#begin())
    })
  }

  async #begin(): Promise<void> {
    if (this.#waiting.length > loadLimits.documents && this.#store.inStoredOrder !== undefined) {
      const names = this.#waiting.map(({ name }) => name)
      // Without the order all is read as well, only slower; what is wrong the reads themselves will say.
      const ordered = await this.#store.inStoredOrder(names).catch(() => names)
      const places = new Map(ordered.map((name, i) => [name, i]))
      const placeOf = ({ name }: Waiting): number => places.get(name) ?? places.size
      this.#waiting.sort((a, b) => placeOf(a) - placeOf(b))
    }
    this.#isScheduled = false
    this.#start()
  }

  #start(): void {
    while (this.#waiting.length > 0 && this.#reading < loadLimits.reads) {
      const group = this.#waiting.splice(0, loadLimits.documents)
      this.#reading++
      void this.#read(group)
    }
  }

  async #read(group: readonly Waiting[]): Promise<void> {
    try {
      const found = await this.#store.load([...new Set(group.map(({ name }) => name))])
      for (const { name, resolve } of group) resolve(found.get(name))
    } catch (error) {
      for (const { reject } of group) reject(error)
    } finally {
      this.#reading--
      this.#start()
    }
  }
}
