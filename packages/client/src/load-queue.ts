/**
 * Reads documents from the store, many at once: those that are asked for in one turn, or while others are
 * read, make up the next read. So opening a thousand documents costs a few requests, and opening one no wait.
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
  readonly #load: LocalStore['load']
  #waiting: Waiting[] = []
  #reading = 0
  #isScheduled = false

  constructor(load: LocalStore['load']) {
    this.#load = load
  }

  /** The document as stored at some moment after this call; undefined when there is none. */
  load(name: string): Promise<StoredDocument | undefined> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ name, resolve, reject })
      if (this.#isScheduled) return
      this.#isScheduled = true
      queueMicrotask(() => {
        this.#isScheduled = false
        this.#start()
      })
    })
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
      const found = await this.#load([...new Set(group.map(({ name }) => name))])
      for (const { name, resolve } of group) resolve(found.get(name))
    } catch (error) {
      for (const { reject } of group) reject(error)
    } finally {
      this.#reading--
      this.#start()
    }
  }
}
