/**
 * What the relay refused of this device's edits, kept beside the documents until a person says what becomes of it.
 *
 * Why it exists: a refused update can reach nobody, and neither can what builds on it. The document goes on without them from
 * what the relay accepted; they stay here, to be looked at, tried again, exported or discarded.
 *
 * Invariant: a refused change is in the list, or part of its document again, or was discarded by somebody; never nowhere.
 */
import {
  createObservable,
  type ErrorCode,
  isErrorCode,
  type Observable,
  type ObservableValue,
  reportUncaught,
  TidemarkError,
} from '@tidemark/base'
import { parseDocumentName } from '@tidemark/protocol'
import type { Discard, Json, LocalStore, RefusedChange as StoredChange, StoredUpdate } from '@tidemark/store'
import { mergeGrouped } from '@tidemark/updates'
import * as Y from 'yjs'
import { applyStored } from './damage.ts'
import type { Confirmations, Receipt } from './receipt.ts'
import type { StoredDocuments } from './stored.ts'

/** Edits of one document that the relay refused together, with those that build on them. */
export interface RefusedChange {
  /** Document name, `<type>/<id>`. */
  readonly name: string
  readonly type: string
  readonly id: string
  /** Which of the document's refused changes it is. */
  readonly branch: number
  /** Why. */
  readonly code: ErrorCode
  /** When the relay refused it, ms since 1970. */
  readonly sinceMs: number
  readonly bytes: number
  /** V1 bytes: they continue the document that they were written in. For export. */
  readonly update: Uint8Array
}

/** What a document's row says, `null` where nothing is left of it. */
export interface RefusedPreview {
  /** As the relay has it, with what is only waiting. */
  readonly accepted: Json | null
  /** As it would be with the refused change. */
  readonly refused: Json | null
}

/** `space.refused`; the list is the same in every tab of this browser. */
export interface RefusedChanges extends Observable<readonly RefusedChange[]> {
  /** Both sides, to be shown beside each other. @throws {TidemarkError} `client/not-found` when it is no longer in the list. */
  preview(change: RefusedChange): Promise<RefusedPreview>
  /**
   * Makes it part of its document again, as it was written, and sends it; where it is refused again, it comes back to the list.
   * The receipt says what became of it. Nothing happens when it is no longer in the list.
   *
   * @throws {TidemarkError} `relay/purged` where the document was erased for good, `store/…` when the database does not take it;
   *   it stays in the list then.
   */
  tryAgain(change: RefusedChange): Promise<Receipt>
  /** Forgets it for good, on this device, which is the only one that has it; not where more came to it since it was listed. */
  discard(change: RefusedChange): Promise<void>
}

export interface RefusedChangesOptions {
  readonly store: LocalStore
  readonly nextKey: () => { readonly writer: string; readonly n: number }
  readonly confirmations: Confirmations
  /** What the document's row says; null for a type that this build does not know. */
  readonly project: (name: string, doc: Y.Doc) => Json | null
  /** It is part of its document again. */
  readonly readmitted: (stored: StoredDocuments) => void
  /** Other tabs are to look at the list anew. */
  readonly changed: () => void
  /** @throws {TidemarkError} `client/closed` */
  readonly checkOpen: () => void
}

type ChangeKey = Pick<RefusedChange, 'name' | 'branch'>

export class RefusedList implements RefusedChanges {
  readonly get: () => readonly RefusedChange[]
  readonly subscribe: Observable<unknown>['subscribe']
  readonly #options: RefusedChangesOptions
  readonly #list: ObservableValue<readonly RefusedChange[]> = createObservable<readonly RefusedChange[]>([])
  #isClosed = false
  #readmitting: Promise<unknown> = Promise.resolve()
  #reading: Promise<void> = Promise.resolve()

  constructor(options: RefusedChangesOptions) {
    this.#options = options
    this.get = this.#list.get
    this.subscribe = this.#list.subscribe
  }

  /** Reads the list; resolves when it shows what the database had at the call. A database that cannot be read leaves it as it is. */
  refresh(): Promise<void> {
    this.#reading = this.#reading.then(async () => {
      if (this.#isClosed) return
      try {
        const changes = (await this.#options.store.refused()).map(listed)
        if (!isSame(changes, this.#list.get())) this.#list.set(changes)
      } catch (error) {
        // The store's status shows it.
        if (!this.#isClosed && !(error instanceof TidemarkError)) reportUncaught(error)
      }
    })
    return this.#reading
  }

  async preview({ name, branch }: ChangeKey): Promise<RefusedPreview> {
    this.#options.checkOpen()
    const change = await this.#find({ name, branch })
    if (change === null) throw new TidemarkError('client/not-found', `this change of ${name} is no longer refused`)
    const stored = (await this.#options.store.load([name])).get(name)
    const doc = new Y.Doc({ guid: name, gc: true })
    const project = (): Json | null => (doc.store.clients.size === 0 ? null : this.#options.project(name, doc))
    try {
      if (stored !== undefined) applyStored(doc, stored, null)
      const accepted = project()
      for (const { bytes } of change.updates) Y.applyUpdate(doc, bytes)
      return { accepted, refused: project() }
    } finally {
      doc.destroy()
    }
  }

  async tryAgain(change: ChangeKey): Promise<Receipt> {
    this.#options.checkOpen()
    return await this.#readmit(change)
  }

  /** Of all of them; rejects when the database does not take one. */
  async tryAllAgain(): Promise<void> {
    for (const change of await this.#options.store.refused()) {
      // What was erased for good takes nothing any more.
      await this.#readmit(change).catch((error: unknown) => {
        if (!(error instanceof TidemarkError) || error.code !== 'relay/purged') throw error
      })
    }
  }

  async discard(shown: RefusedChange): Promise<void> {
    this.#options.checkOpen()
    const change = await this.#find(shown)
    // What came to it since it was shown was not what the person meant.
    if (change !== null && bytesIn(change) === shown.bytes) await this.#options.store.commit({ discards: keysOf(change) })
    await this.#hasChanged()
  }

  close(): void {
    this.#isClosed = true
  }

  /** One at a time: twice at once would put it into its document twice. */
  #readmit(change: ChangeKey): Promise<Receipt> {
    const readmitted = this.#readmitting.then(() => this.#readmitOne(change))
    this.#readmitting = readmitted.catch(() => undefined) // reason: whoever asked hears of it
    return readmitted
  }

  async #readmitOne({ name, branch }: ChangeKey): Promise<Receipt> {
    const { store, nextKey, readmitted, confirmations } = this.#options
    const change = await this.#find({ name, branch })
    if (change === null) return confirmations.settled
    const record = (await store.load([name])).get(name)?.record
    if (record?.problem === 'relay/purged') throw new TidemarkError('relay/purged', `${name} was erased: the change can only be exported`)
    const current = record?.branch ?? 0
    const updates = change.updates.map(({ bytes }): StoredUpdate => ({ ...nextKey(), name, bytes, origin: 'local', branch: current }))
    // In one commit, so that it is never nowhere; where the document forked again meanwhile, it goes to that refused change.
    const docs = record?.problem == null ? [] : [{ name, problem: null }]
    const { revisions, aside } = await store.commit({ updates, docs, discards: keysOf(change) })
    // Before anybody can be told of its fate.
    const receipt = confirmations.receipt(updates.map(({ n }) => Promise.resolve({ name, n, isAside: aside.has(name) })))
    if (!aside.has(name)) readmitted({ updates, revisions })
    void this.#hasChanged()
    return receipt
  }

  async #find({ name, branch }: ChangeKey): Promise<StoredChange | null> {
    return (await this.#options.store.refused()).find((one) => one.name === name && one.branch === branch) ?? null
  }

  #hasChanged(): Promise<void> {
    this.#options.changed()
    return this.refresh()
  }
}

const keysOf = ({ name, branch, updates }: StoredChange): Discard[] => updates.map(({ writer, n }) => ({ name, branch, writer, n }))

const bytesIn = ({ updates }: StoredChange): number => updates.reduce((sum, { bytes }) => sum + bytes.length, 0)

function listed(change: StoredChange): RefusedChange {
  const { name, branch, code, sinceMs, updates } = change
  return {
    name,
    ...(parseDocumentName(name) ?? { type: '', id: name }),
    branch,
    // Null: only what was written later on the branch is left of it.
    code: code !== null && isErrorCode(code) ? code : 'relay/refused',
    sinceMs,
    bytes: bytesIn(change),
    update: mergeGrouped(updates.map(({ bytes }) => bytes)),
  }
}

const isSame = (a: readonly RefusedChange[], b: readonly RefusedChange[]): boolean =>
  a.length === b.length && a.every((one, i) => one.name === b[i]?.name && one.branch === b[i]?.branch && one.bytes === b[i]?.bytes)
