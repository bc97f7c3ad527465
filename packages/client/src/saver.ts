/**
 * Puts this tab's own edits into the database.
 *
 * What is written while a transaction runs goes into the next one, updates of one document merged, so a
 * burst of edits costs few transactions. A failed commit is tried again before anything later.
 *
 * Invariants
 * 1. `saved` settles only when the transaction is complete.
 * 2. The order of a document's updates is kept; a later one is never stored without an earlier one.
 * 3. Nothing is dropped: while the database refuses, edits wait here, and `isSaving` says so.
 */
import { type Clock, createObservable, guarded, type Observable, reportUncaught, TidemarkError } from '@tidemark/base'
import type { LocalStore, Row, RowWrite, StoredUpdate } from '@tidemark/store'
import { mergeGrouped } from '@tidemark/updates'
import type { StoredDocuments } from './stored.ts'

/** Where a write was stored: the key by which its acknowledgement is known. */
export interface StoredAt {
  readonly name: string
  readonly n: number
}

/** What a document gives the saver. */
export interface SavedDocument {
  readonly name: string
  /** The revision that the document in memory includes. */
  readonly known: number
  /** The projection as it is now; null when no entity of the space has this type. */
  row(): Row | null
}

export interface SaverOptions {
  readonly store: LocalStore
  readonly clock: Clock
  readonly nextKey: () => { readonly writer: string; readonly n: number }
  /** Whether this device has chosen documents only: then a new one may be there already, at the relay, and this device passed over it. */
  readonly isChosen: boolean
  readonly stored: (stored: StoredDocuments, rows: readonly Row[]) => void
}

interface Waiting {
  readonly document: SavedDocument
  readonly updates: Uint8Array[]
  readonly settle: { resolve(at: StoredAt): void; reject(error: TidemarkError): void }[]
}

const retryMs = 1_000
/** Documents in one transaction at most. */
const maxDocumentsTogether = 256

export class Saver {
  readonly #options: SaverOptions
  readonly #saving = createObservable(false)
  #waiting = new Map<string, Waiting>()
  #running: Promise<void> | null = null
  #cancelRetry: () => void = () => {}
  #isClosed = false

  constructor(options: SaverOptions) {
    this.#options = options
  }

  get isSaving(): Observable<boolean> {
    return this.#saving
  }

  /** Stores one local update; resolves with its key once it is in the database. */
  add(document: SavedDocument, bytes: Uint8Array): Promise<StoredAt> {
    if (this.#isClosed) return Promise.reject(new TidemarkError('client/closed', 'the space was closed before this edit'))
    const waiting = this.#waiting.get(document.name) ?? { document, updates: [], settle: [] }
    this.#waiting.set(document.name, waiting)
    waiting.updates.push(bytes)
    this.#saving.set(true)
    this.#start()
    return new Promise((resolve, reject) => waiting.settle.push({ resolve, reject }))
  }

  /** Resolves when everything that waits now has been tried. */
  async flush(): Promise<void> {
    while (this.#running !== null) await this.#running
  }

  /** Stores what waits, then takes no more; what even now cannot be stored is rejected. */
  async close(): Promise<void> {
    if (this.#waiting.size > 0) this.#start()
    await this.flush()
    this.#isClosed = true
    this.#cancelRetry()
    const error = new TidemarkError('store/closed', 'the space was closed while the database did not take this edit')
    for (const { settle } of this.#waiting.values()) for (const one of settle) one.reject(error)
    this.#waiting.clear()
  }

  #start(): void {
    if (this.#running !== null || this.#isClosed) return
    this.#cancelRetry()
    // The microtask lets all edits of one event handler go into one transaction.
    this.#running = Promise.resolve().then(() => this.#run())
  }

  async #run(): Promise<void> {
    let failed = false
    while (this.#waiting.size > 0 && !failed) {
      const group = [...this.#waiting.values()].slice(0, maxDocumentsTogether)
      for (const one of group) this.#waiting.delete(one.document.name)
      try {
        failed = !(await this.#commit(group))
      } catch (error) {
        // A fault of ours must not end the saving of everything for good: it is reported, and the edits are tried again.
        reportUncaught(error)
        this.#putBack(group)
        failed = true
      }
    }
    this.#running = null
    this.#saving.set(this.#waiting.size > 0)
    if (failed) this.#cancelRetry = this.#options.clock.schedule(retryMs, () => this.#start())
  }

  async #commit(group: readonly Waiting[]): Promise<boolean> {
    const updates = group.map(({ document, updates }): StoredUpdate => {
      return { ...this.#options.nextKey(), name: document.name, bytes: mergeGrouped(updates), origin: 'local' }
    })
    const rows = group.flatMap(({ document }): RowWrite[] => {
      let row: Row | null = null
      // A projection that throws must not keep the edit from being stored; the row is then behind, and shown so.
      guarded(() => {
        row = document.row()
      })
      return row === null ? [] : [{ ...(row as Row), name: document.name, reflects: document.known }]
    })
    const docs = this.#options.isChosen
      ? group.flatMap(({ document }) => (document.known === 0 ? [{ name: document.name, behind: 1 }] : []))
      : []
    const committed = await this.#options.store.commit({ updates, rows, docs }).catch(() => null)
    if (committed === null) {
      // The store shows why in its status; the edits are tried again.
      this.#putBack(group)
      return false
    }
    guarded(() => this.#options.stored({ updates, revisions: committed.revisions }, rows))
    group.forEach((one, index) => {
      for (const settle of one.settle) settle.resolve({ name: one.document.name, n: (updates[index] as StoredUpdate).n })
    })
    return true
  }

  /** What was not stored goes in front of what was written meanwhile. */
  #putBack(group: readonly Waiting[]): void {
    const later = this.#waiting
    this.#waiting = new Map(group.map((one) => [one.document.name, one]))
    for (const [name, one] of later) {
      const earlier = this.#waiting.get(name)
      if (earlier === undefined) this.#waiting.set(name, one)
      else {
        earlier.updates.push(...one.updates)
        earlier.settle.push(...one.settle)
      }
    }
  }
}
