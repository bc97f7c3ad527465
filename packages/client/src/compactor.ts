/**
 * Keeps documents short on the disk: what the relay has acknowledged becomes one state, re-encoded by a
 * document that drops what was deleted, and a long backlog of pending updates is folded in groups.
 *
 * Invariants
 * 1. One tab at a time compacts, under a Web Lock; where there are none the store leaves the slower one out.
 * 2. What is pending stays V1 beside the state, as it was committed or folded, so that it can be pushed and refused.
 *    Only a space without a relay puts everything into the state, and marks the document to be carried: a relay
 *    that comes later gets it whole.
 * 3. Each document is one commit: a crash leaves it as it was or compacted.
 */
import { toTidemarkError } from '@tidemark/base'
import {
  type Acknowledged,
  type Batch,
  type DocRecord,
  type FoldWrite,
  isLongLog,
  isPendingUpdate,
  type LocalStore,
  type StoredDocument,
  type StoredUpdate,
} from '@tidemark/store'
import { compactState, mergeGrouped } from '@tidemark/updates'
import { withoutDamage } from './damage.ts'
import type { Locks, Platform } from './platform.ts'

export const compactionLimits = {
  /** Documents looked for at once. */
  documents: 8,
  /** Fewer settled updates than this are left for the next time, unless their bytes are many. */
  settledUpdates: 250,
  settledBytes: 32 << 10,
  /** Pending updates of a document above which the oldest are folded. */
  pendingUpdates: 1_000,
  /** How many pending updates one fold merges: a refusal then holds back that many. */
  fold: 64,
  /** How long it waits for a quiet moment at most. */
  idleAtMostMs: 30_000,
} as const

export interface CompactorOptions {
  readonly store: LocalStore
  readonly locks: Locks
  /** Name of the lock: one per space and user. */
  readonly lock: string
  /** Whether a relay is to be told of changes, so that what is pending stays as it is. */
  readonly hasRelay: boolean
  /** Resolves when there is time for work that may take a while: nobody types. */
  readonly idle: () => Promise<void>
}

/** The compactor of a space on its platform. */
export function createCompactor(store: LocalStore, platform: Platform, how: Pick<CompactorOptions, 'lock' | 'hasRelay'>): Compactor {
  const idle = (): Promise<void> =>
    new Promise((resolve) => {
      if (platform.whenIdle === undefined) platform.clock.schedule(0, resolve)
      else platform.whenIdle(resolve, compactionLimits.idleAtMostMs)
    })
  return new Compactor({ store, locks: platform.locks, idle, ...how })
}

export class Compactor {
  readonly #options: CompactorOptions
  /** Documents whose log was long when there was nothing to do about it, as they were, so that they are not read again and again. */
  readonly #left = new Map<string, DocRecord>()
  readonly #closing = new AbortController()

  constructor(options: CompactorOptions) {
    this.#options = options
  }

  /** Compacts what is long, until nothing is or the space closes; rejects when the database does not take it. */
  async run(): Promise<void> {
    if (this.#closing.signal.aborted || (await this.#next()).length === 0) return
    const { locks, lock } = this.#options
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const { signal } = this.#closing
    // Closing gives up waiting for the lock.
    const giveUp = (): void => resolve()
    signal.addEventListener('abort', giveUp)
    locks.hold(lock, () => this.#compactAll().then(resolve, reject), signal)
    await promise.finally(() => signal.removeEventListener('abort', giveUp))
  }

  close(): void {
    this.#closing.abort()
  }

  async #compactAll(): Promise<void> {
    for (;;) {
      const names = await this.#next()
      if (names.length === 0) return
      for (const name of names) {
        await this.#options.idle()
        if (this.#closing.signal.aborted) return
        const stored = (await this.#options.store.load([name])).get(name)
        if (stored !== undefined) await this.#compact(stored)
      }
    }
  }

  async #next(): Promise<readonly string[]> {
    const { store } = this.#options
    const names = await store.longLogs(this.#left.size + compactionLimits.documents)
    if (this.#left.size === 0 || names.length === 0) return names
    const known = await store.load(names.filter((name) => this.#left.has(name)))
    return names.filter((name) => {
      const [before, now] = [this.#left.get(name), known.get(name)?.record]
      return before === undefined || (now !== undefined && hasGrown(before, now))
    })
  }

  async #compact(stored: StoredDocument): Promise<void> {
    const { name } = stored.record
    this.#left.delete(name)
    const batch = this.#attempt(stored)
    if (batch === 'damaged') {
      if ((await withoutDamage(this.#options.store, stored)) === null) this.#leave(stored)
      return
    }
    if (batch === null) return this.#leave(stored)
    await this.#options.store.commit(batch)
    // What is long even so is pending.
    const after = (await this.#options.store.load([name])).get(name)
    if (after !== undefined && isLongLog(after.record)) this.#leave(after)
  }

  #leave({ record }: StoredDocument): void {
    this.#left.set(record.name, record)
  }

  /** What to commit; null when there is nothing to do yet, or the document waits for something that is not here. */
  #attempt(stored: StoredDocument): Batch | 'damaged' | null {
    try {
      return compaction(stored, this.#options.hasRelay)
    } catch (error) {
      return toTidemarkError(error, 'updates/invalid').code === 'updates/gap' ? null : 'damaged'
    }
  }
}

/** Whether so much came to a log that was left as it was that there may be something to do by now. */
const hasGrown = (before: DocRecord, now: DocRecord): boolean =>
  now.logUpdates >= before.logUpdates + compactionLimits.settledUpdates || now.logBytes >= before.logBytes + compactionLimits.settledBytes

/** The commit that makes a stored document shorter; null when none would. */
export function compaction(stored: StoredDocument, hasRelay: boolean): Batch | null {
  const { record, snapshot, updates } = stored
  const isPending = isPendingUpdate(record)
  const settled = hasRelay ? updates.filter((update) => !isPending(update)) : updates
  const folds = hasRelay ? foldsOf(record.name, updates.filter(isPending)) : []
  const bytes = settled.reduce((sum, update) => sum + update.bytes.length, 0)
  if (settled.length < compactionLimits.settledUpdates && bytes < compactionLimits.settledBytes)
    return folds.length === 0 ? null : { folds }
  const state = compactState(
    snapshot,
    settled.map((update) => update.bytes),
  )
  const replaces = settled.map(({ writer, n, bytes }) => ({ writer, n, size: bytes.length }))
  return {
    snapshots: [{ name: record.name, ...state, follows: record.snapshotRevision, replaces }],
    folds,
    ...(hasRelay ? {} : settle(stored)),
  }
}

/** Nothing waits for a relay any more; one that comes later is to be given the whole document. */
function settle({ record }: StoredDocument): Batch {
  const acknowledged = Object.entries(record.pending).map(
    ([writer, { to }]): Acknowledged => ({ name: record.name, writer, upTo: to, seq: 0 }),
  )
  return acknowledged.length === 0 ? {} : { acknowledged, docs: [{ name: record.name, carry: true }] }
}

/** The oldest of a backlog, in groups, until it is short enough. */
function foldsOf(name: string, pending: readonly StoredUpdate[]): FoldWrite[] {
  let over = pending.length - compactionLimits.pendingUpdates
  const folds: FoldWrite[] = []
  for (const [writer, updates] of Map.groupBy(pending, (update) => update.writer)) {
    updates.sort((a, b) => a.n - b.n)
    for (let i = 0; over > 0 && i + 1 < updates.length; i += compactionLimits.fold) {
      const group = updates.slice(i, i + compactionLimits.fold)
      folds.push({ name, writer, replaces: group.map(({ n }) => n), bytes: mergeGrouped(group.map(({ bytes }) => bytes)) })
      over -= group.length - 1
    }
  }
  return folds
}
