/**
 * One document in memory: its `Y.Doc`, which stored revision it includes, and who uses it.
 *
 * Invariants
 * 1. Every update of the `Y.Doc` that does not come from the store goes to the saver.
 * 2. `known` is the revision of the store that memory includes without gaps; a gap is closed by loading again.
 * 3. No listener on the `Y.Doc` throws, neither ours nor the app's: an exception there would disable the document for good.
 * 4. When the document has forked, another `Y.Doc` takes the place of the one before, which is destroyed. What is written in that
 *    one all the same, by an editor that was not mounted anew yet, is stored as of its branch, and so kept aside.
 */
import { createListeners, guarded, type Listeners, type Random, randomClientId } from '@tidemark/base'
import type { Row, StoredDocument, StoredUpdate } from '@tidemark/store'
import { keepFormattingMarks } from '@tidemark/updates'
import * as Y from 'yjs'
import { applyStored } from './damage.ts'
import { guardListeners } from './guarded-doc.ts'
import type { SavedDocument, StoredAt } from './saver.ts'

/** Origins of the transactions that bring stored updates into a document. */
export const origins = Object.freeze({
  /** Read from the local database. */
  loaded: Object.freeze({ tidemark: 'loaded' }),
  /** Stored just now, by the relay's feed or another tab. */
  stored: Object.freeze({ tidemark: 'stored' }),
})

export interface OpenDocumentOptions {
  readonly name: string
  /** What the store has of it; left out for a new document. */
  readonly stored?: StoredDocument
  readonly random: Random
  readonly save: (document: SavedDocument, bytes: Uint8Array, branch: number) => Promise<StoredAt>
  readonly project: (doc: Y.Doc) => Row | null
}

export class OpenDocument implements SavedDocument {
  readonly name: string
  /** Called after each change of the document, wherever it came from. */
  readonly changed: Listeners<void> = createListeners()
  readonly #options: OpenDocumentOptions
  #replaced: Listeners<void> | null = null
  #doc: Y.Doc
  #branch: number
  #known = 0
  #newest = 0
  users = 0
  #unsaved = 0
  #saved: Promise<void> = Promise.resolve()
  /** Local writes being collected for a receipt. */
  #collecting: Promise<StoredAt>[] | null = null

  constructor({ stored, ...options }: OpenDocumentOptions) {
    this.name = options.name
    this.#options = options
    this.#branch = stored?.record.branch ?? 0
    this.#doc = this.#hydrate(stored)
  }

  get doc(): Y.Doc {
    return this.#doc
  }

  /** The branch that memory is on. */
  get branch(): number {
    return this.#branch
  }

  /** Calls `listener` when another `Y.Doc` has taken the place of the one before, ahead of `changed`. */
  onReplaced(listener: () => void): () => void {
    this.#replaced ??= createListeners()
    return this.#replaced.add(listener)
  }

  /** Whether nothing is left of it, since the relay refused its creation. */
  get isEmpty(): boolean {
    return this.#branch > 0 && this.#doc.store.clients.size === 0
  }

  get known(): number {
    return this.#known
  }

  /** Local updates that are not in the database yet. */
  get unsaved(): number {
    return this.#unsaved
  }

  /** Resolves when the latest local update is in the database, or was given up. */
  get saved(): Promise<void> {
    return this.#saved
  }

  row(): Row | null {
    return this.#options.project(this.doc)
  }

  /** Brings in what the store has; safe to repeat. @throws what Yjs throws at damaged bytes; memory is then as it was. */
  load(stored: StoredDocument): void {
    const { record } = stored
    if (record.branch > this.#branch) return this.#replace(stored)
    applyStored(this.doc, stored, origins.loaded)
    this.#includes(record.revision)
  }

  #includes(revision: number): void {
    this.#known = Math.max(this.#known, revision)
    this.#newest = Math.max(this.#newest, this.#known)
  }

  #replace(stored: StoredDocument): void {
    const [before, ended] = [this.#doc, this.#branch]
    this.#doc = this.#hydrate(stored)
    before.destroy()
    before.on('update', (bytes: Uint8Array, origin: unknown) => guarded(() => this.#save(bytes, origin, ended)))
    this.#branch = stored.record.branch
    this.#replaced?.emit()
    this.changed.emit()
  }

  /** The id is new for each life of the document in memory and never stored: two that share one lose values. */
  #hydrate(stored: StoredDocument | undefined): Y.Doc {
    const doc = new Y.Doc({ guid: this.name, gc: true })
    doc.clientID = randomClientId(this.#options.random)
    guardListeners(doc)
    keepFormattingMarks(doc)
    if (stored !== undefined) {
      applyStored(doc, stored, origins.loaded)
      this.#includes(stored.record.revision)
    }
    const branch = stored?.record.branch ?? 0
    // From here on: Yjs encodes each transaction again for whoever listens, and what was just read is stored already.
    doc.on('update', (bytes: Uint8Array, origin: unknown) =>
      guarded(() => {
        this.#save(bytes, origin, branch)
        this.changed.emit()
      }),
    )
    return doc
  }

  /** Whether memory includes every revision that was heard of, and nothing that is not stored. */
  get isCurrent(): boolean {
    return this.#known === this.#newest && this.#unsaved === 0
  }

  /** Brings in updates that were stored at `revision`; false when an earlier revision is missing here. */
  include(updates: readonly StoredUpdate[], revision: number): boolean {
    Y.transact(
      this.doc,
      () => {
        for (const update of updates) Y.applyUpdate(this.doc, update.bytes, origins.stored)
      },
      origins.stored,
      false,
    )
    return this.saw(revision)
  }

  /** Notes that memory includes what was stored at `revision`. */
  saw(revision: number): boolean {
    this.#newest = Math.max(this.#newest, revision)
    if (revision > this.#known + 1) return false
    this.#known = Math.max(this.#known, revision)
    return true
  }

  /** Runs `write` and gives the promises of what it stored, also within writes inside of it; `[]` when it changed nothing. */
  collect(write: () => void): Promise<StoredAt>[] {
    const outer = this.#collecting
    const collected: Promise<StoredAt>[] = []
    this.#collecting = collected
    try {
      write()
    } finally {
      this.#collecting = outer
      outer?.push(...collected)
    }
    return collected
  }

  close(): void {
    this.doc.destroy()
  }

  #save(bytes: Uint8Array, origin: unknown, branch: number): void {
    if (origin === origins.loaded || origin === origins.stored) return
    const stored = this.#options.save(this, bytes, branch)
    this.#unsaved++
    this.#saved = stored
      .catch(() => undefined)
      .then(() => {
        this.#unsaved--
      })
    this.#collecting?.push(stored)
  }
}
