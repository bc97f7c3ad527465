/**
 * Asks the relay for single documents, whatever the cursor: those that are behind, those that somebody opens here for the
 * first time, and now and then one of which it asks whether the relay has all of it.
 *
 * Invariants
 * 1. What is asked with is the stored state, never memory's, so the answer fits what is stored.
 * 2. A document is behind until its whole state is stored; one that the relay refuses waits for the next connection.
 * 3. Where documents are chosen, what comes of one before its state is stored leaves it behind.
 * 4. A few requests are under way at a time; each answer's bytes are given back as credit once they are stored.
 */
import { fraction, type Random, TidemarkError, toTidemarkError } from '@tidemark/base'
import type { ClientMessage, Refuse, State } from '@tidemark/protocol'
import { isPendingUpdate, type LocalStore, type StoredDocument } from '@tidemark/store'
import { decodeStateVector, emptyUpdate, mergeGrouped, stateAsV1 } from '@tidemark/updates'
import * as Y from 'yjs'
import type { StoredDocuments } from '../stored.ts'

export interface FetcherOptions {
  readonly store: LocalStore
  readonly nextKey: () => { readonly writer: string; readonly n: number }
  readonly send: (messages: readonly ClientMessage[]) => void
  readonly stored: (stored: StoredDocuments) => void
  /** Something is to be carried. */
  readonly carries: () => void
  readonly failed: (error: TidemarkError) => void
  /** The documents that were chosen when the connection began; null where the relay sends all. */
  readonly followed: readonly string[] | null
}

const requestsAtOnce = 8

export class Fetcher {
  readonly #options: FetcherOptions
  /** By document, who waits for it; empty where it is only behind. */
  readonly #asked = new Map<string, PromiseWithResolvers<boolean>[]>()
  /** Whose answers are not stored, or were none. */
  readonly #unsettled = new Set<string>()
  /** Asked for and not to be asked again in this connection, unless somebody wants it. */
  readonly #done = new Set<string>()
  /** The documents that the relay sends; null where it sends all. */
  readonly #followed: Set<string> | null
  #settling: Promise<void> = Promise.resolve()
  #isRunning = false
  #isAskedAgain = false
  #isClosed = false

  constructor(options: FetcherOptions) {
    this.#options = options
    this.#followed = options.followed === null ? null : new Set(options.followed)
  }

  /** Resolves when every answer that came so far is stored. */
  get settled(): Promise<void> {
    return this.#settling
  }

  /** Looks for documents that are behind; cheap when there are none. */
  wake(): void {
    this.#isAskedAgain = true
    if (this.#isRunning || this.#isClosed) return
    this.#isRunning = true
    this.#run()
      .catch((error: unknown) => {
        if (!this.#isClosed) this.#options.failed(toTidemarkError(error, 'store/failed'))
      })
      .finally(() => {
        this.#isRunning = false
      })
  }

  /** Something of this document was announced: it may be asked for again. */
  announced(names: readonly string[]): void {
    for (const name of names) this.#done.delete(name)
    this.wake()
  }

  /** Gets a document onto this device; false when the relay has none of that name. @throws {TidemarkError} what the relay says. */
  async fetch(name: string): Promise<boolean> {
    const waiting = Promise.withResolvers<boolean>()
    const asked = this.#asked.get(name)
    if (asked !== undefined) asked.push(waiting)
    else {
      this.#asked.set(name, [waiting])
      // Not awaited: the connection may end meanwhile, and whoever asks has to hear of it.
      this.#ask([name]).catch((error: unknown) => this.#notAsked(name, error))
    }
    return waiting.promise
  }

  /** The database did not say what is here: whoever wants the document is told, and may ask again. */
  #notAsked(name: string, error: unknown): void {
    const waiting = this.#asked.get(name) ?? []
    this.#asked.delete(name)
    for (const one of waiting) one.reject(error)
  }

  /** Whether a document was chosen just now, and its state is not stored: changes that come of it are not all of it. */
  lacks(name: string): boolean {
    return this.#followed !== null && (this.#asked.has(name) || this.#unsettled.has(name))
  }

  /** Where documents are chosen, these are from now on. */
  follow(names: readonly string[]): void {
    const followed = this.#followed
    const missing = followed === null ? [] : names.filter((name) => !followed.has(name) && !this.#asked.has(name))
    if (missing.length === 0) return
    for (const name of missing) this.#asked.set(name, [])
    this.#ask(missing).catch((error: unknown) => {
      if (!this.#isClosed) this.#options.failed(toTidemarkError(error, 'store/failed'))
    })
  }

  /** Asks whether the relay has all of this document; what it lacks is carried. */
  async audit(name: string): Promise<void> {
    const stored = (await this.#options.store.load([name])).get(name)
    if (stored === undefined || stored.record.pendingSinceMs !== null || stored.record.carry || this.#isClosed) return
    const state = bytesOf(stored)
    if (state === null) return
    const stateVector = Y.encodeStateVectorFromUpdate(state)
    this.#options.send([{ type: 'audit', document: name, stateVector, deletes: Y.diffUpdate(state, stateVector) }])
  }

  /** Asks about one document that the relay is known to have, drawn by chance: over many connections, about all. */
  auditAny(random: Random): void {
    this.#options.store
      .changedAfter(0)
      .then((names) => {
        const name = names[Math.floor(fraction(random) * names.length)]
        return name === undefined ? undefined : this.audit(name)
      })
      .catch(() => undefined) // reason: an audit only looks; what is wrong with the database is shown by whoever needs it
  }

  /** The relay lacks something of this document that is stored here. */
  carry(name: string): void {
    this.#settling = this.#settling.then(async () => {
      try {
        await this.#options.store.commit({ docs: [{ name, carry: true }] })
        this.#options.carries()
      } catch (error) {
        if (!this.#isClosed) this.#options.failed(toTidemarkError(error, 'store/failed'))
      }
    })
  }

  state(answer: State): void {
    const { document: name, seq, update } = answer
    this.#settle(name, async () => {
      const { store, nextKey, stored, carries, send } = this.#options
      const before = (await store.load([name])).get(name)
      const isNew = seq > 0 && update.length > emptyUpdate.length
      const updates = isNew ? [{ ...nextKey(), name, bytes: update, origin: 'remote' as const }] : []
      const isCarried = before !== undefined && reachesBeyond(before, answer.stateVector)
      if (before !== undefined || isNew) {
        // What the relay does not have it cannot be asked for.
        const reached = seq === 0 ? (before?.record.behind ?? 0) : seq
        const docs = [{ name, state: reached, ...(seq > 0 ? { lastSeq: seq } : {}), ...(isCarried ? { carry: true } : {}) }]
        const { revisions } = await store.commit({ updates, docs })
        if (updates.length > 0) stored({ updates, revisions })
      }
      if (update.length > 0) send([{ type: 'credit', bytes: update.length }])
      if (isCarried) carries()
      return seq > 0 || before !== undefined
    })
  }

  /** Whether this was about something asked here. */
  refused({ document, code, detail }: Refuse): boolean {
    if (!this.#asked.has(document)) return false
    this.#settle(document, () => Promise.reject(new TidemarkError(code, detail)))
    return true
  }

  /** The relay erased it for good. */
  purged(name: string): void {
    if (this.#asked.has(name)) this.#settle(name, () => Promise.reject(new TidemarkError('relay/purged', `${name} was erased for good`)))
  }

  close(): void {
    this.#isClosed = true
    for (const waiting of [...this.#asked.values()].flat()) waiting.reject(new TidemarkError('relay/unreachable', 'the connection ended'))
    this.#asked.clear()
  }

  #settle(name: string, run: () => Promise<boolean>): void {
    this.#settling = this.#settling.then(async () => {
      const waiting = this.#asked.get(name) ?? []
      this.#asked.delete(name)
      this.#done.add(name)
      this.#unsettled.add(name)
      try {
        const isHere = await run()
        this.#unsettled.delete(name)
        for (const one of waiting) one.resolve(isHere)
      } catch (cause) {
        const error = toTidemarkError(cause, 'store/failed')
        for (const one of waiting) one.reject(error)
        if (error.code.startsWith('store/') && !this.#isClosed) this.#options.failed(error)
      }
      this.wake()
    })
  }

  async #run(): Promise<void> {
    while (this.#isAskedAgain && !this.#isClosed) {
      this.#isAskedAgain = false
      const room = requestsAtOnce - this.#asked.size
      if (room <= 0) return
      const behind = await this.#options.store.behind(this.#asked.size + this.#done.size + room)
      const names = behind.filter((name) => !this.#asked.has(name) && !this.#done.has(name)).slice(0, room)
      for (const name of names) this.#asked.set(name, [])
      if (names.length > 0) await this.#ask(names)
    }
  }

  async #ask(names: readonly string[]): Promise<void> {
    const documents = await this.#options.store.load(names)
    if (this.#isClosed) return
    for (const name of names) this.#followed?.add(name)
    this.#options.send(
      names.map((document) => {
        const stored = documents.get(document)
        const state = stored === undefined ? null : bytesOf(stored)
        const stateVector = state === null ? new Uint8Array() : Y.encodeStateVectorFromUpdate(state)
        return { type: 'subscribe', document, stateVector, lastSeq: 0 }
      }),
    )
  }
}

/** All that is stored of a document; null where there is nothing, or nothing that can be merged. */
function bytesOf({ snapshot, updates }: StoredDocument): Uint8Array | null {
  const all = updates.map(({ bytes }) => bytes)
  if (snapshot === null && all.length === 0) return null
  try {
    return mergeGrouped(snapshot === null ? all : [stateAsV1(snapshot), ...all])
  } catch {
    // reason: damaged bytes are quarantined when the document is read; until then all of it is asked for.
    return null
  }
}

/** Whether something is stored here, and not pending, that a relay of this state vector lacks. */
function reachesBeyond(stored: StoredDocument, stateVector: Uint8Array): boolean {
  const { record, snapshot } = stored
  const isPending = isPendingUpdate(record)
  const updates = stored.updates.filter((update) => !isPending(update))
  const state = bytesOf({ record, snapshot, updates })
  if (state === null) return false
  const relays = decodeStateVector(stateVector)
  return [...decodeStateVector(Y.encodeStateVectorFromUpdate(state))].some(([client, clock]) => clock > (relays.get(client) ?? 0))
}
