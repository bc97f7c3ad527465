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
  /** Whether it was kept aside, since it was made on a branch of the document that has ended. */
  readonly isAside: boolean
}

/** What a document gives the saver. */
export interface SavedDocument {
  readonly name: string
  /** The revision that the document in memory includes. */
  readonly known: number
  /** Its branch in memory. */
  readonly branch: number
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
  /** What was written in these documents was kept aside: they stand otherwise in the database than in memory. */
  readonly aside: (names: ReadonlySet<string>) => void
}

interface Waiting {
  readonly document: SavedDocument
  /** The branch of the document that it was written on. */
  readonly branch: number
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
  add(document: SavedDocument, bytes: Uint8Array, branch: number): Promise<StoredAt> {
    if (this.#isClosed) return Promise.reject(new TidemarkError('client/closed', 'the space was closed before this edit'))
    const waiting = this.#waiting.get(keyOf(document, branch)) ?? { document, branch, updates: [], settle: [] }
    this.#waiting.set(keyOf(document, branch), waiting)
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
      const group = this.#nextGroup()
      for (const one of group) this.#waiting.delete(keyOf(one.document, one.branch))
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

  /** One branch of a document at a time: what was written on the one that has ended is kept aside as a whole. */
  #nextGroup(): Waiting[] {
    const byName = new Map<string, Waiting>()
    for (const one of this.#waiting.values()) {
      if (byName.size >= maxDocumentsTogether) break
      if (!byName.has(one.document.name)) byName.set(one.document.name, one)
    }
    return [...byName.values()]
  }

  async #commit(group: readonly Waiting[]): Promise<boolean> {
    const updates = group.map(({ document, branch, updates }): StoredUpdate => {
      return { ...this.#options.nextKey(), name: document.name, bytes: mergeGrouped(updates), origin: 'local', branch }
    })
    const rows = group.flatMap(({ document, branch }): RowWrite[] => {
      if (branch !== document.branch) return []
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
    const { aside, revisions } = committed
    const isKept = ({ name }: { readonly name: string }): boolean => !aside.has(name)
    guarded(() => this.#options.stored({ updates: updates.filter(isKept), revisions }, rows.filter(isKept)))
    if (aside.size > 0) guarded(() => this.#options.aside(aside))
    group.forEach(({ document: { name }, settle }, index) => {
      for (const one of settle) one.resolve({ name, n: (updates[index] as StoredUpdate).n, isAside: aside.has(name) })
    })
    return true
  }

  /** What was not stored goes in front of what was written meanwhile. */
  #putBack(group: readonly Waiting[]): void {
    const later = this.#waiting
    this.#waiting = new Map(group.map((one) => [keyOf(one.document, one.branch), one]))
    for (const [key, one] of later) {
      const earlier = this.#waiting.get(key)
      if (earlier === undefined) this.#waiting.set(key, one)
      else {
        earlier.updates.push(...one.updates)
        earlier.settle.push(...one.settle)
      }
    }
  }
}

const keyOf = ({ name }: SavedDocument, branch: number): string => `${branch} ${name}`
