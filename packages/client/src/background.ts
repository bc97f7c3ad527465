/**
 * What the leading tab does when nobody waits: rows of documents that changed elsewhere are projected
 * anew, those on the screen first and then those that changed last, and long logs are compacted.
 *
 * It works in slices with a turn of the event loop between them, and on one document's bytes at a time,
 * so that typing is never held up by a large catch-up.
 */
import { type Clock, guarded, toTidemarkError } from '@tidemark/base'
import type { LocalStore, Row, RowWrite, StoredDocument } from '@tidemark/store'
import * as Y from 'yjs'
import type { Compactor } from './compactor.ts'
import { applyStored, withoutDamage } from './damage.ts'
import type { Documents } from './documents.ts'
import type { OpenDocument } from './open-document.ts'
import type { RowAt } from './tabs.ts'

export interface BackgroundOptions {
  readonly store: LocalStore
  readonly clock: Clock
  readonly documents: Documents
  readonly compactor: Compactor
  /** Names of the documents whose rows somebody looks at. */
  readonly onScreen: () => readonly string[]
  readonly project: (name: string, doc: Y.Doc) => Row | null
  readonly refreshed: (rows: readonly RowAt[]) => void
}

export const backgroundLimits = {
  /** Documents whose rows are projected before others get a turn, and for how long at most. */
  slice: 16,
  sliceMs: 8,
  /** Documents on the screen that are looked after first. */
  onScreen: 256,
  /** Pause before rows are projected, so that a burst of changes is projected once. */
  delayMs: 100,
  retryMs: 5_000,
} as const

export class Background {
  readonly #options: BackgroundOptions
  /** Documents that give no row: this build has no entity for them, or they are damaged. They are looked at again when they change. */
  readonly #unknown = new Set<string>()
  /** By document the revision at which it was last projected from memory: whose row is behind even so, memory has missed something. */
  readonly #fromMemory = new Map<string, number>()
  /** Documents whose stored rows nobody was told of. */
  readonly #untold = new Set<string>()
  /** Whether rows on the screen may be behind; asking costs a look at each of them. */
  #isScreenDue = true
  #cancel: () => void = () => {}
  #isWaiting = false
  #isRunning = false
  #isCompacting = false
  #isClosed = false

  constructor(options: BackgroundOptions) {
    this.#options = options
  }

  /** The documents changed, so their rows are behind. */
  changed(names: Iterable<string>): void {
    for (const name of names) this.#unknown.delete(name)
    this.wake()
  }

  /** Tells of the rows of these, also where they are stored already. */
  tell(names: Iterable<string>): void {
    for (const name of names) this.#untold.add(name)
    this.wake()
  }

  /** Rows may be behind. */
  wake(delayMs: number = backgroundLimits.delayMs): void {
    this.#isScreenDue = true
    this.#schedule(delayMs)
  }

  #schedule(delayMs: number): void {
    if (this.#isWaiting || this.#isClosed) return
    this.#isWaiting = true
    this.#cancel = this.#options.clock.schedule(delayMs, () => {
      this.#isWaiting = false
      void this.#run()
    })
  }

  close(): void {
    this.#isClosed = true
    this.#options.compactor.close()
    this.#cancel()
  }

  async #run(): Promise<void> {
    if (this.#isRunning) return this.wake()
    this.#isRunning = true
    try {
      const isMore = (await this.#refresh()) || (!this.#isClosed && (await this.#options.store.tidy?.()) === true)
      if (isMore) this.#schedule(0)
      else this.#compact()
    } catch (error) {
      // The store's status shows it; rows stay marked as behind until this succeeds.
      if (toTidemarkError(error, 'store/failed').code !== 'store/closed') this.wake(backgroundLimits.retryMs)
    } finally {
      this.#isRunning = false
    }
  }

  /** Goes on beside the rows, which are not to wait for a quiet moment. */
  #compact(): void {
    if (this.#isCompacting || this.#isClosed) return
    this.#isCompacting = true
    this.#options.compactor
      .run()
      .catch((error: unknown) => {
        if (toTidemarkError(error, 'store/failed').code !== 'store/closed') this.wake(backgroundLimits.retryMs)
      })
      .finally(() => {
        this.#isCompacting = false
      })
  }

  /** Projects one slice; true when there is more. */
  async #refresh(): Promise<boolean> {
    const { store, documents, clock } = this.#options
    const behind = await this.#nextBehind()
    if (behind.length === 0 || this.#isClosed) {
      this.#fromMemory.clear()
      return false
    }
    const stored = await store.load(behind.filter((name) => !this.#isCurrent(name)))
    const rows: RowWrite[] = []
    const untilMs = clock.monotonic() + backgroundLimits.sliceMs
    for (const name of behind) {
      // What does not fit comes with the next slice.
      if (rows.length > 0 && clock.monotonic() > untilMs) break
      const document = documents.get(name)
      const bytes = stored.get(name)
      // Closed while others were read: what memory held is in the store, which is asked next time.
      if (bytes === undefined && document === undefined) {
        this.#untold.delete(name)
        continue
      }
      if (bytes === undefined) this.#fromMemory.set(name, document?.known ?? 0)
      else if (document !== undefined && document.known < bytes.record.revision) documents.reload(document)
      const row = bytes === undefined ? rowOf(document) : await this.#project(bytes)
      this.#untold.delete(name)
      if (row === null) this.#unknown.add(name)
      else rows.push({ ...row, name, reflects: bytes?.record.revision ?? document?.known ?? 0 })
    }
    if (this.#isClosed) return false
    if (rows.length > 0) await store.commit({ rows })
    this.#options.refreshed(rows.map(({ type, id, value, reflects }) => ({ row: { type, id, value }, revision: reflects })))
    return true
  }

  async #nextBehind(): Promise<readonly string[]> {
    const { store, onScreen } = this.#options
    const isKnown = (name: string): boolean => !this.#unknown.has(name)
    const untold = [...this.#untold].filter(isKnown).slice(0, backgroundLimits.slice)
    if (untold.length > 0) return untold
    const seen = this.#isScreenDue ? onScreen().filter(isKnown).slice(0, backgroundLimits.onScreen) : []
    this.#isScreenDue = false
    const first = seen.length === 0 ? [] : await store.rowsBehind(backgroundLimits.slice, seen)
    if (first.length > 0) {
      this.#isScreenDue = true
      return first
    }
    return (await store.rowsBehind(this.#unknown.size + backgroundLimits.slice)).filter(isKnown)
  }

  /** A document that is open and not waiting for anything is projected from memory, once for each revision; then the store is asked. */
  #isCurrent(name: string): boolean {
    const document = this.#options.documents.get(name)
    return document?.isCurrent === true && document.known > (this.#fromMemory.get(name) ?? -1)
  }

  /** The row that the bytes give; null for a type that this build does not know, or while its damage is taken out. */
  async #project(stored: StoredDocument): Promise<Row | null> {
    const { name } = stored.record
    const doc = new Y.Doc({ guid: name, gc: true })
    try {
      applyStored(doc, stored, null)
    } catch {
      const rest = await withoutDamage(this.#options.store, stored)
      return rest === null ? null : await this.#project(rest)
    } finally {
      doc.destroy()
    }
    return guardedRow(() => this.#options.project(name, doc))
  }
}

const rowOf = (document: OpenDocument | undefined): Row | null => (document === undefined ? null : guardedRow(() => document.row()))

/** A projection that throws leaves its own row behind, and no other. */
function guardedRow(project: () => Row | null): Row | null {
  let row: Row | null = null
  guarded(() => {
    row = project()
  })
  return row
}
