/**
 * Group commit: the batch that forms while the last append runs is the next one.
 *
 * Why it exists: an fsync costs the same for one update and for a thousand. There is no timer, so an
 * idle relay answers after one fsync, and a busy one puts more into each.
 *
 * Invariants
 * 1. One append runs at a time, over all documents and spaces; entries keep their order. It begins before the one ahead of it is
 *    told of, so that the disk does not wait for the readers.
 * 2. `onCommitted` and `committed` are called only for what is durable, in order.
 * 3. After a failed append everything that waits for one of its spaces fails too, since it builds on it.
 */
import { TidemarkError, toTidemarkError } from '@tidemark/base'
import type { RelayBounds } from './limits.ts'
import type { Log, LogEntry, Place } from './log.ts'

export interface Commit {
  readonly entry: LogEntry
  /** The session it came from, so that it is not sent its own bytes. */
  readonly author: object
  committed(place: Place): void
  failed(error: TidemarkError): void
}

export interface Committed {
  readonly commit: Commit
  readonly place: Place
}

export interface CommitQueue {
  add(commit: Commit): void
}

export interface CommitQueueOptions {
  readonly log: Log
  readonly bounds: RelayBounds
  /** Told of each durable batch before its commits are. */
  readonly onCommitted: (batch: readonly Committed[]) => void
  /** Told of each failed batch before its commits are. */
  readonly onFailed: (spaces: ReadonlySet<string>, error: TidemarkError) => void
}

export function createCommitQueue(options: CommitQueueOptions): CommitQueue {
  return new Queue(options)
}

/** An append under way. */
interface Running {
  readonly batch: readonly Commit[]
  readonly outcome: Promise<readonly Place[] | TidemarkError>
}

class Queue implements CommitQueue {
  readonly #options: CommitQueueOptions
  #waiting: Commit[] = []
  #isRunning = false

  constructor(options: CommitQueueOptions) {
    this.#options = options
  }

  add(commit: Commit): void {
    this.#waiting.push(commit)
    if (this.#isRunning) return
    this.#isRunning = true
    void this.#run()
  }

  async #run(): Promise<void> {
    // What arrives in the same turn belongs into the first batch.
    await Promise.resolve()
    for (let running = this.#appendNext(); running !== null; ) {
      const { batch, outcome } = running
      const result = await outcome
      if (result instanceof TidemarkError) {
        this.#fail(batch, result)
        running = this.#appendNext()
      } else {
        // The disk is busy with the next batch while this one is told of.
        running = this.#appendNext()
        this.#commit(batch, result)
        running ??= this.#appendNext()
      }
    }
    this.#isRunning = false
  }

  /** Hands what waits to the log; null when nothing does. */
  #appendNext(): Running | null {
    if (this.#waiting.length === 0) return null
    const batch = this.#take()
    return { batch, outcome: this.#append(batch) }
  }

  /** Never rejects: what a log throws at the call fails the batch as well. */
  async #append(batch: readonly Commit[]): Promise<readonly Place[] | TidemarkError> {
    try {
      return await this.#options.log.append(batch.map((commit) => commit.entry))
    } catch (error) {
      return toTidemarkError(error, 'relay/log-failed')
    }
  }

  #commit(batch: readonly Commit[], places: readonly Place[]): void {
    const committed = batch.map((commit, i) => ({ commit, place: places[i] as Place }))
    this.#options.onCommitted(committed)
    for (const { commit, place } of committed) commit.committed(place)
  }

  #fail(batch: readonly Commit[], error: TidemarkError): void {
    const spaces = new Set(batch.map((commit) => commit.entry.space))
    const later = this.#waiting.filter((commit) => spaces.has(commit.entry.space))
    this.#waiting = this.#waiting.filter((commit) => !spaces.has(commit.entry.space))
    const failed = [...batch, ...later]
    this.#options.onFailed(spaces, error)
    for (const commit of failed) commit.failed(error)
  }

  #take(): readonly Commit[] {
    const { maxBatchItems, maxBatchBytes } = this.#options.bounds
    let count = 0
    let bytes = 0
    for (const { entry } of this.#waiting) {
      if (count > 0 && (count >= maxBatchItems || bytes + entry.update.length > maxBatchBytes)) break
      count++
      bytes += entry.update.length
    }
    return this.#waiting.splice(0, count)
  }
}
