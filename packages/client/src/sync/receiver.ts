/**
 * Stores what the relay sends, with the cursor, in one transaction; only then do open documents hear of it.
 *
 * Invariants
 * 1. The cursor never moves past something that is not stored.
 * 2. Frames are stored in the order in which they came; those that wait while one is stored go together.
 * 3. Credit is given back for what is stored, so a slow disk slows the relay down instead of filling memory.
 */
import { type Clock, type TidemarkError, toTidemarkError } from '@tidemark/base'
import type { Changes, Cursor } from '@tidemark/protocol'
import type { Batch, DocPatch, LocalStore, StoredUpdate } from '@tidemark/store'
import type { StoredDocuments } from '../stored.ts'
import { advanced, cursorJson, regranted } from './replica.ts'

/** One update of a frame, its document by name. */
export interface NamedChange {
  readonly name: string
  readonly bytes: Uint8Array
}

/** What moves the cursor: changes, or grants that became other ones. */
interface Frame {
  readonly changes: Changes | null
  readonly grants: string | null
  /** Documents that changed up to `seq` and were not repeated. */
  readonly stale: { readonly names: readonly string[]; readonly seq: number } | null
  /** Documents that were erased for good. */
  readonly purged: readonly string[]
  readonly named: readonly NamedChange[]
  readonly frameBytes: number
}

export interface ReceiverOptions {
  readonly store: LocalStore
  readonly clock: Clock
  /** Gives the key of the next stored update: this tab's writer and its next number. */
  readonly nextKey: () => { readonly writer: string; readonly n: number }
  /** Whether the relay only repeats what this replica pushed. */
  readonly isEcho: (change: NamedChange) => boolean
  /** Whether what was before this change of a document is not here. */
  readonly lacks: (name: string) => boolean
  readonly stored: (stored: StoredDocuments) => void
  /** Erases these documents here; what it throws is tried again. */
  readonly erase: (names: readonly string[]) => Promise<void>
  /** These documents are behind now. */
  readonly behind: (names: readonly string[]) => void
  readonly moved: (cursor: Cursor, creditBytes: number) => void
  /** The cursor stands elsewhere, or the frames do not follow it: the connection is of no use any more. */
  readonly failed: (error: TidemarkError) => void
}

/** Frames stored in one transaction at most. */
const maxFramesTogether = 64
const retryMs = 1_000

const nothingStored = { revisions: new Map<string, number>() }
const isSameCursor = (a: Cursor, b: Cursor): boolean => JSON.stringify(cursorJson(a)) === JSON.stringify(cursorJson(b))

const readInOrder: ReadonlySet<string> = new Set(['changes', 'stale', 'purged', 'access'])

/** Whether a message has its place in what is read: one of them that is passed over is never told again, since the cursor moves past it. */
export const isReadInOrder = (message: { readonly type: string }): boolean => readInOrder.has(message.type)

export class Receiver {
  readonly #options: ReceiverOptions
  readonly #frames: Frame[] = []
  #cursor: Cursor
  #running: Promise<void> | null = null
  #isClosed = false
  #cancelRetry: () => void = () => {}

  constructor(cursor: Cursor, options: ReceiverOptions) {
    this.#cursor = cursor
    this.#options = options
  }

  receive(changes: Changes, named: readonly NamedChange[]): void {
    if (this.#isClosed) return
    const frameBytes = named.reduce((sum, change) => sum + change.bytes.length, 0)
    this.#frames.push({ changes, grants: null, stale: null, purged: [], named, frameBytes })
    this.#start()
  }

  /** What the cursor calls its grants from here on. */
  regrant(grants: string): void {
    if (this.#isClosed) return
    this.#frames.push({ changes: null, grants, stale: null, purged: [], named: [], frameBytes: 0 })
    this.#start()
  }

  /** What follows passes changes of these documents that are to be asked for. */
  stale(names: readonly string[], seq: number): void {
    if (this.#isClosed) return
    this.#frames.push({ changes: null, grants: null, stale: { names, seq }, purged: [], named: [], frameBytes: 0 })
    this.#start()
  }

  /** These were erased for good before what follows. */
  purged(names: readonly string[]): void {
    if (this.#isClosed) return
    this.#frames.push({ changes: null, grants: null, stale: null, purged: names, named: [], frameBytes: 0 })
    this.#start()
  }

  /** Resolves when the transaction that runs now is complete. */
  get settled(): Promise<void> {
    return this.#running ?? Promise.resolve()
  }

  close(): void {
    this.#isClosed = true
    this.#cancelRetry()
  }

  #start(): void {
    this.#running ??= this.#run()
  }

  async #run(): Promise<void> {
    // The frames of one turn go together; and what runs is known as running before it can end.
    await null
    try {
      while (this.#frames.length > 0 && !this.#isClosed) await this.#storeNext()
    } catch (error) {
      const failure = toTidemarkError(error, 'store/failed')
      if (failure.code === 'protocol/malformed' || failure.code === 'store/cursor-moved' || failure.code === 'store/closed')
        this.#options.failed(failure)
      else if (!this.#isClosed) this.#cancelRetry = this.#options.clock.schedule(retryMs, () => this.#start())
    } finally {
      this.#running = null
    }
  }

  /** What came before a purge is stored before it, and what follows after it, so that nothing brings back what was erased. */
  async #storeNext(): Promise<void> {
    const [first] = this.#frames
    if (first !== undefined && first.purged.length > 0) {
      await this.#options.erase(first.purged)
      this.#frames.shift()
      return
    }
    const next = this.#frames.slice(0, maxFramesTogether)
    const end = next.findIndex(({ purged }) => purged.length > 0)
    await this.#store(end < 0 ? next : next.slice(0, end))
  }

  async #store(frames: readonly Frame[]): Promise<void> {
    const { batch, updates, next } = this.#batch(frames)
    // A sign-in that was renewed and shows what the one before did moves nothing.
    const isMoved = frames.some(({ changes, stale }) => changes !== null || stale !== null) || !isSameCursor(next, this.#cursor)
    const { revisions } = isMoved ? await this.#options.store.commit(batch) : nothingStored
    this.#frames.splice(0, frames.length)
    this.#cursor = next
    if (updates.length > 0) this.#options.stored({ updates, revisions })
    const stale = frames.flatMap((frame) => frame.stale?.names ?? [])
    if (stale.length > 0) this.#options.behind(stale)
    this.#options.moved(
      next,
      frames.reduce((sum, frame) => sum + frame.frameBytes, 0),
    )
  }

  #batch(frames: readonly Frame[]): { batch: Batch; updates: StoredUpdate[]; next: Cursor } {
    const updates: StoredUpdate[] = []
    const lastSeqs = new Map<string, number>()
    let next = this.#cursor
    const behind = new Map<string, number>()
    for (const { changes, grants, stale, named } of frames) {
      for (const name of stale?.names ?? []) behind.set(name, stale?.seq ?? 0)
      if (grants !== null) next = regranted(next, grants)
      if (changes === null) continue
      next = advanced(next, changes)
      const seq = changes.mode === 'live' ? changes.seq : changes.to
      for (const change of named) {
        lastSeqs.set(change.name, seq)
        if (!this.#options.isEcho(change))
          updates.push({ ...this.#options.nextKey(), name: change.name, bytes: change.bytes, origin: 'remote' })
      }
    }
    const { lacks } = this.#options
    const docs: DocPatch[] = [...lastSeqs].map(([name, lastSeq]) => ({ name, lastSeq, ...(lacks(name) ? { behind: 1 } : {}) }))
    for (const [name, seq] of behind) docs.push({ name, behind: seq })
    return { batch: { updates, docs, cursor: { follows: cursorJson(this.#cursor), next: cursorJson(next) } }, updates, next }
  }
}
