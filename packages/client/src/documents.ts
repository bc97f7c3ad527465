/**
 * The documents in memory: loaded from the store when first opened, shared by everybody who opens them,
 * dropped when nobody uses them and everything they hold is saved.
 */
import { type Clock, guarded, reportUncaught, TidemarkError, toTidemarkError } from '@tidemark/base'
import type { LocalStore, StoredDocument, StoredUpdate } from '@tidemark/store'
import { withoutDamage } from './damage.ts'
import { LoadQueue } from './load-queue.ts'
import { OpenDocument, type OpenDocumentOptions } from './open-document.ts'
import type { StoredDocuments } from './stored.ts'

export interface DocumentsOptions extends Omit<OpenDocumentOptions, 'name' | 'stored'> {
  readonly store: LocalStore
  readonly clock: Clock
}

/** How long after a failed read it is tried again. */
const reloadMs = 1_000

export class Documents {
  readonly #options: DocumentsOptions
  readonly #queue: LoadQueue
  readonly #open = new Map<string, OpenDocument>()
  readonly #loading = new Map<string, Promise<OpenDocument>>()
  /** Documents that stand otherwise in the store since they began to be loaded. */
  readonly #replaced = new Set<string>()
  /** What was stored while a document was being loaded; it may have missed the load. Gone where the document was erased meanwhile. */
  readonly #missed = new Map<string, { updates: readonly StoredUpdate[]; revision: number }[]>()

  constructor(options: DocumentsOptions) {
    this.#options = options
    this.#queue = new LoadQueue(options.store)
  }

  get(name: string): OpenDocument | undefined {
    return this.#open.get(name)
  }

  /** A new document; the caller uses it and releases it. */
  create(name: string): OpenDocument {
    const document = new OpenDocument({ ...this.#options, name })
    this.#open.set(name, document)
    document.users++
    return document
  }

  /** @throws {TidemarkError} `client/not-found` when neither memory nor the store has it, `relay/purged` when it was erased for good. */
  async open(name: string): Promise<OpenDocument> {
    for (;;) {
      const document = this.#open.get(name) ?? (await this.#load(name))
      // Somebody who opened it too may have closed it meanwhile: then it is dropped, and read again.
      if (this.#open.get(name) !== document) continue
      if (document.isEmpty) throw new TidemarkError('client/not-found', `nothing of ${name} is left: its creation was refused`)
      document.users++
      return document
    }
  }

  release(document: OpenDocument): void {
    document.users--
    this.#drop(document)
  }

  /** Brings in what another tab or the relay's feed stored. */
  stored({ updates, revisions }: StoredDocuments): void {
    const byName = Map.groupBy(updates, (update) => update.name)
    for (const [name, revision] of revisions) {
      const own = byName.get(name) ?? []
      this.#missed.get(name)?.push({ updates: own, revision })
      const document = this.#open.get(name)
      if (document !== undefined) guarded(() => document.include(own, revision) || this.reload(document))
    }
  }

  /** Reads open documents anew: they stand otherwise in the store than in memory. */
  replaced(names: Iterable<string>): void {
    for (const name of names) {
      const document = this.#open.get(name)
      if (document !== undefined) this.reload(document)
      // What is being read may be of before.
      else if (this.#loading.has(name)) this.#replaced.add(name)
    }
  }

  /** Brings every open document to what is stored: another tab may have ended before it could tell. */
  refresh(): void {
    for (const document of this.#open.values()) this.reload(document)
  }

  /** Closes a gap between memory and the store. */
  reload(document: OpenDocument): void {
    const isOpen = (): boolean => this.#open.get(document.name) === document
    this.#options.store.load([document.name]).then(
      (found) => {
        const stored = found.get(document.name)
        if (stored !== undefined && isOpen() && stored.record.revision > document.known) guarded(() => document.load(stored))
      },
      (error: unknown) => {
        if (isOpen() && toTidemarkError(error, 'store/failed').code !== 'store/closed') {
          this.#options.clock.schedule(reloadMs, () => isOpen() && this.reload(document))
        }
      },
    )
  }

  /** Lets go of a document of which nothing is left, also where somebody uses it or is about to. */
  erase(name: string): void {
    this.#missed.delete(name)
    const document = this.#open.get(name)
    this.#open.delete(name)
    document?.close()
  }

  all(): readonly OpenDocument[] {
    return [...this.#open.values()]
  }

  close(): void {
    for (const document of this.#open.values()) document.close()
    this.#open.clear()
  }

  /** Drops a document that nobody uses, once it is saved. */
  #drop(document: OpenDocument): void {
    if (document.users > 0 || this.#open.get(document.name) !== document) return
    if (document.unsaved > 0) {
      document.saved.then(() => this.#drop(document), reportUncaught)
      return
    }
    this.#open.delete(document.name)
    document.close()
  }

  /** What cannot be read of it is quarantined, and the rest opens. */
  async #hydrated(stored: StoredDocument): Promise<OpenDocument> {
    const { name } = stored.record
    try {
      return new OpenDocument({ ...this.#options, name, stored })
    } catch (error) {
      const rest = await withoutDamage(this.#options.store, stored)
      if (rest === null) throw toTidemarkError(error, 'updates/invalid')
      return await this.#hydrated(rest)
    }
  }

  #load(name: string): Promise<OpenDocument> {
    const loading = this.#loading.get(name) ?? this.#read(name).finally(() => this.#loading.delete(name))
    this.#loading.set(name, loading)
    return loading
  }

  async #read(name: string): Promise<OpenDocument> {
    const missed: { updates: readonly StoredUpdate[]; revision: number }[] = []
    this.#missed.set(name, missed)
    try {
      const stored = await this.#queue.load(name)
      const existing = this.#open.get(name)
      if (existing !== undefined) return existing
      if (stored === undefined) throw new TidemarkError('client/not-found', `no document ${name} on this device`)
      if (isErased(stored)) throw erased(name)
      if (isEmpty(stored)) throw new TidemarkError('client/not-found', `${name} is known here, but nothing of its content`)
      const document = await this.#hydrated(stored)
      if (this.#missed.get(name) !== missed) {
        document.close()
        throw erased(name)
      }
      const other = this.#open.get(name)
      if (other !== undefined) return other
      for (const { updates, revision } of missed) if (!document.include(updates, revision)) this.reload(document)
      this.#open.set(name, document)
      if (this.#replaced.has(name)) this.reload(document)
      return document
    } finally {
      this.#replaced.delete(name)
      this.#missed.delete(name)
    }
  }
}

const erased = (name: string): TidemarkError => new TidemarkError('relay/purged', `${name} was erased for good`)

/** Of what was erased for good there is nothing to show but what the relay never had. */
const isErased = ({ record }: StoredDocument): boolean => record.problem === 'relay/purged' && record.pendingSinceMs === null

/** What is written in a document of which nothing is here would be based on nothing: it was only announced, or its creation was refused. */
const isEmpty = ({ snapshot, updates }: StoredDocument): boolean => snapshot === null && updates.length === 0
