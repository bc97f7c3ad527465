/**
 * What the leading tab does when nobody waits: rows of documents that changed elsewhere are projected
 * anew, and long update logs are compacted.
 *
 * It works in slices with a turn of the event loop between them, and on one document's bytes at a time,
 * so that typing is never held up by a large catch-up.
 */
import { type Clock, guarded, toTidemarkError } from '@tidemark/base'
import type { LocalStore, Row, RowWrite, StoredDocument, StoredUpdate } from '@tidemark/store'
import { applyState, compactState } from '@tidemark/updates'
import * as Y from 'yjs'
import type { Documents } from './documents.ts'
import type { RowAt } from './tabs.ts'

export interface BackgroundOptions {
  readonly store: LocalStore
  readonly clock: Clock
  readonly documents: Documents
  readonly project: (name: string, doc: Y.Doc) => Row | null
  readonly refreshed: (rows: readonly RowAt[]) => void
}

export const backgroundLimits = {
  /** Documents whose rows are projected before others get a turn. */
  slice: 16,
  /** Pause before rows are projected, so that a burst of changes is projected once. */
  delayMs: 100,
  /** Stored updates of a document above which its acknowledged ones are compacted. */
  compactUpdates: 500,
  retryMs: 5_000,
} as const

export class Background {
  readonly #options: BackgroundOptions
  /** Documents that this build has no entity for; their rows stay behind. */
  readonly #unknown = new Set<string>()
  /** By document the revision at which it was last projected from memory: whose row is behind even so, memory has missed something. */
  readonly #fromMemory = new Map<string, number>()
  #cancel: () => void = () => {}
  #isWaiting = false
  #isRunning = false
  #isClosed = false

  constructor(options: BackgroundOptions) {
    this.#options = options
  }

  /** Rows may be behind. */
  wake(delayMs: number = backgroundLimits.delayMs): void {
    if (this.#isWaiting || this.#isClosed) return
    this.#isWaiting = true
    this.#cancel = this.#options.clock.schedule(delayMs, () => {
      this.#isWaiting = false
      void this.#run()
    })
  }

  close(): void {
    this.#isClosed = true
    this.#cancel()
  }

  async #run(): Promise<void> {
    if (this.#isRunning) return this.wake()
    this.#isRunning = true
    try {
      const isMore = (await this.#refresh()) || (!this.#isClosed && (await this.#options.store.tidy?.()) === true)
      if (isMore) this.wake(0)
    } catch (error) {
      // The store's status shows it; rows stay marked as behind until this succeeds.
      if (toTidemarkError(error, 'store/failed').code !== 'store/closed') this.wake(backgroundLimits.retryMs)
    } finally {
      this.#isRunning = false
    }
  }

  /** Projects one slice; true when there is more. */
  async #refresh(): Promise<boolean> {
    const { store, documents } = this.#options
    const behind = (await store.rowsBehind(this.#unknown.size + backgroundLimits.slice)).filter((name) => !this.#unknown.has(name))
    if (behind.length === 0 || this.#isClosed) {
      this.#fromMemory.clear()
      return false
    }
    const stored = await store.load(behind.filter((name) => !this.#isCurrent(name)))
    const rows: RowWrite[] = []
    for (const name of behind) {
      const document = documents.get(name)
      const bytes = stored.get(name)
      // Closed while others were read: what memory held is in the store, which is asked next time.
      if (bytes === undefined && document === undefined) continue
      if (bytes === undefined) this.#fromMemory.set(name, document?.known ?? 0)
      else if (document !== undefined && document.known < bytes.record.revision) documents.reload(document)
      const row = bytes === undefined ? (document?.row() ?? null) : this.#project(bytes)
      if (row === null) this.#unknown.add(name)
      else rows.push({ ...row, name, reflects: bytes?.record.revision ?? document?.known ?? 0 })
    }
    if (this.#isClosed) return false
    if (rows.length > 0) await store.commit({ rows })
    this.#options.refreshed(rows.map(({ type, id, value, reflects }) => ({ row: { type, id, value }, revision: reflects })))
    for (const one of stored.values()) await this.compactIfLong(one)
    return true
  }

  /** A document that is open and not waiting for anything is projected from memory, once for each revision; then the store is asked. */
  #isCurrent(name: string): boolean {
    const document = this.#options.documents.get(name)
    return document?.isCurrent === true && document.known > (this.#fromMemory.get(name) ?? -1)
  }

  #project({ record, snapshot, updates }: StoredDocument): Row | null {
    const doc = new Y.Doc({ guid: record.name, gc: true })
    let row: Row | null = null
    guarded(() => {
      Y.transact(doc, () => {
        if (snapshot !== null) applyState(doc, snapshot, null)
        for (const update of updates) Y.applyUpdate(doc, update.bytes)
      })
      row = this.#options.project(record.name, doc)
    })
    doc.destroy()
    return row
  }

  /** Folds what the relay has acknowledged into the snapshot; pending updates stay as they were committed. */
  async compactIfLong({ record, snapshot, updates }: StoredDocument): Promise<void> {
    if (updates.length < backgroundLimits.compactUpdates || record.carry || this.#isClosed) return
    const isPending = ({ writer, n, origin }: StoredUpdate): boolean =>
      origin === 'local' && n >= (record.pending[writer]?.from ?? Number.POSITIVE_INFINITY)
    const settled = updates.filter((update) => !isPending(update))
    if (settled.length < backgroundLimits.compactUpdates / 2) return
    const all = settled.map((update) => update.bytes)
    const state = compactState(snapshot, all)
    const replaces = settled.map(({ writer, n, bytes }) => ({ writer, n, size: bytes.byteLength }))
    await this.#options.store.commit({ snapshots: [{ name: record.name, ...state, follows: record.snapshotRevision, replaces }] })
  }
}
