/**
 * Stores batches, many in one transaction: those that wait while one runs make up the next.
 *
 * Why it exists: a transaction costs about the same whether it holds one batch or a hundred.
 *
 * Invariants
 * 1. Batches are stored in the order of the calls, however long encoding one of them takes.
 * 2. Each batch is stored whole or not at all, whatever becomes of the others in its transaction.
 * 3. A batch's promise resolves after the transaction's `complete`, never earlier.
 */
import { type Clock, TidemarkError, toTidemarkError } from '@tidemark/base'
import type { Committed } from './batch.ts'
import { planBatch, type Write } from './batch-plan.ts'
import type { EncodedBatch } from './encoded.ts'
import type { Awaitable } from './idb-codec.ts'
import type { Connection } from './idb-connection.ts'
import { cursorKey, pendingBytesKey, toDocRow, valueKey } from './idb-layout.ts'
import { type GroupView, readView } from './idb-view.ts'

/** A batch that meets another new key each time is given up, as no honest tab makes it happen. */
const maxMoves = 3

/** Most that goes into one transaction; a single larger batch still goes alone. */
const groupLimits = { maxBatches: 256, maxBytes: 8 * 2 ** 20 } as const

export interface Writer {
  /**
   * Stores what `encode` gives. It is called at once, and again in the same turn of the queue when the key that sealed
   * the batch was replaced meanwhile.
   */
  commit(encode: () => Awaitable<EncodedBatch>): Promise<Committed>
  /** Resolves when nothing waits or runs. */
  idle(): Promise<void>
}

/** What came of an attempt: the problem, or how many damaged records were quarantined. */
export type WriteOutcome = { readonly problem: TidemarkError } | { readonly problem: null; readonly quarantined: number }

export interface WriterOptions {
  readonly connection: Connection
  readonly clock: Clock
  /** Told after each attempt. A cursor that moved is not a problem. */
  onOutcome(outcome: WriteOutcome): void
}

export function createWriter(options: WriterOptions): Writer {
  return new GroupWriter(options)
}

interface Waiting {
  readonly encode: () => Awaitable<EncodedBatch>
  readonly batch: Awaitable<EncodedBatch>
  /** How often it was sealed by a key that was replaced before it was stored. */
  readonly moves: number
  readonly nowMs: number
  readonly resolve: (committed: Committed) => void
  readonly reject: (error: TidemarkError) => void
}

interface Encoded extends Waiting {
  readonly batch: EncodedBatch
}

type Outcome =
  | { readonly type: 'stored'; readonly committed: Committed }
  | { readonly type: 'refused'; readonly error: TidemarkError }
  /** It comes after a batch that has to be sealed anew. */
  | { readonly type: 'deferred' }

interface GroupOutcome {
  readonly outcomes: readonly Outcome[]
  readonly quarantined: number
}

class GroupWriter implements Writer {
  readonly #options: WriterOptions
  readonly #waiting: Waiting[] = []
  #draining: Promise<void> | null = null

  constructor(options: WriterOptions) {
    this.#options = options
  }

  commit(encode: () => Awaitable<EncodedBatch>): Promise<Committed> {
    const { promise, resolve, reject } = Promise.withResolvers<Committed>()
    this.#waiting.push({ encode, batch: begun(encode), moves: 0, nowMs: this.#options.clock.now(), resolve, reject })
    this.#draining ??= this.#drain()
    return promise
  }

  async idle(): Promise<void> {
    await this.#draining
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      const group = await this.#encoded()
      if (group.length > 0) await this.#store(group)
    }
    this.#draining = null
  }

  /** The next group, as much as fits into one transaction. */
  async #encoded(): Promise<Encoded[]> {
    const group: Encoded[] = []
    let bytes = 0
    while (group.length < groupLimits.maxBatches) {
      const next = this.#waiting[0]
      if (next === undefined) break
      const batch = next.batch instanceof Promise ? await this.#awaited(next, next.batch) : next.batch
      bytes += batch === null ? 0 : bytesOf(batch)
      if (group.length > 0 && bytes > groupLimits.maxBytes) break
      this.#waiting.shift()
      if (batch !== null) group.push({ ...next, batch })
    }
    return group
  }

  async #awaited(waiting: Waiting, encoding: Promise<EncodedBatch>): Promise<EncodedBatch | null> {
    try {
      return await encoding
    } catch (error) {
      this.#fail(waiting, toTidemarkError(error, 'store/failed'))
      return null
    }
  }

  /** When a group fails, each of its batches is tried alone, so that one that does not fit stops no other. */
  async #store(group: readonly Encoded[]): Promise<void> {
    let stored: GroupOutcome
    try {
      stored = await this.#options.connection.run('readwrite', (transaction) => writeGroup(transaction, group))
    } catch (error) {
      if (group.length > 1) for (const one of group) await this.#store([one])
      else this.#fail(group[0] as Encoded, toTidemarkError(error, 'store/failed'))
      return
    }
    const { outcomes, quarantined } = stored
    if (outcomes.some(({ type }) => type === 'stored')) this.#options.onOutcome({ problem: null, quarantined })
    const moved: Waiting[] = []
    for (const [i, outcome] of outcomes.entries()) {
      const one = group[i] as Encoded
      if (outcome.type === 'stored') one.resolve(outcome.committed)
      else if (outcome.type === 'deferred') moved.push(one)
      else if (outcome.error.code === 'store/key-moved' && one.moves < maxMoves) moved.push({ ...one, moves: one.moves + 1 })
      else one.reject(outcome.error)
    }
    // What was sealed by the old key goes first, as it was called first, and then what was called after it.
    this.#waiting.unshift(...moved.map((one) => ({ ...one, batch: begun(one.encode) })))
  }

  #fail(waiting: Waiting, problem: TidemarkError): void {
    this.#options.onOutcome({ problem })
    waiting.reject(problem)
  }
}

/** Encoding begins at the call, and its failure is seen when its turn comes. */
function begun(encode: () => Awaitable<EncodedBatch>): Awaitable<EncodedBatch> {
  try {
    const batch = encode()
    if (batch instanceof Promise) batch.catch(() => undefined) // reason: awaited when its turn comes
    return batch
  } catch (error) {
    const failed = Promise.reject(error)
    failed.catch(() => undefined) // reason: as above
    return failed
  }
}

const moved = (epoch: number, now: number | null): TidemarkError =>
  new TidemarkError('store/key-moved', `it was sealed in epoch ${epoch}, and ${now === null ? 'the keys are gone' : `now is ${now}`}`)

const bytesOf = ({ updates, snapshots }: EncodedBatch): number =>
  [...updates, ...snapshots].reduce((sum, { bytes }) => sum + bytes.byteLength, 0)

async function writeGroup(transaction: IDBTransaction, group: readonly Encoded[]): Promise<GroupOutcome> {
  const view = await readView(
    transaction,
    group.map(({ batch }) => batch),
  )
  let quarantined = 0
  let isMoved = false
  const outcomes = group.map(({ batch: given, nowMs }): Outcome => {
    // A damaged record is taken care of by the first batch that comes by.
    const batch = view.damaged.length === 0 ? given : { ...given, quarantine: [...view.damaged, ...given.quarantine] }
    if (isMoved) return { type: 'deferred' }
    if (batch.epoch !== null && batch.epoch !== view.epoch) {
      isMoved = true
      return { type: 'refused', error: moved(batch.epoch, view.epoch) }
    }
    const plan = planned(view, batch, nowMs)
    if (plan.type === 'refused') return plan
    view.damaged.length = 0
    for (const write of plan.writes) {
      if (write.type === 'quarantine') quarantined++
      view.note(write)
      put(transaction, write, view, batch)
    }
    return plan
  })
  return { outcomes, quarantined }
}

function planned(
  view: GroupView,
  batch: EncodedBatch,
  nowMs: number,
): (Outcome & { type: 'refused' }) | (Outcome & { writes: readonly Write[] }) {
  try {
    const { writes, committed } = planBatch(view, batch, nowMs)
    return { type: 'stored', committed, writes }
  } catch (error) {
    return { type: 'refused', error: toTidemarkError(error, 'store/failed') }
  }
}

/** Errors of these requests abort the transaction, whose completion is awaited. */
function put(transaction: IDBTransaction, write: Write, view: GroupView, { labels }: EncodedBatch): void {
  switch (write.type) {
    case 'record': {
      const { name } = write.record
      transaction.objectStore('docs').put(toDocRow(write.record, view.labels.get(name) ?? labels?.get(name)))
      break
    }
    case 'update':
      transaction.objectStore('updates').put(write.update)
      break
    case 'remove-update':
      transaction.objectStore('updates').delete([write.key.name, write.key.writer, write.key.n])
      break
    case 'snapshot':
      transaction.objectStore('snapshots').put({ name: write.name, bytes: write.bytes, format: write.format })
      break
    case 'remove-snapshot':
      transaction.objectStore('snapshots').delete(write.name)
      break
    case 'row': {
      const { type, id, name, body } = write.row
      const own = name === `${type}/${id}` ? {} : { name }
      transaction.objectStore('rows').put({ type, id, ...own, value: body })
      break
    }
    case 'remove-row':
      transaction.objectStore('rows').delete([write.key.type, write.key.id])
      break
    case 'refused':
      transaction.objectStore('refused').put(write.update)
      break
    case 'discard':
      transaction.objectStore('refused').delete([write.key.name, write.key.branch, write.key.writer, write.key.n])
      break
    case 'quarantine':
      transaction.objectStore('quarantine').add(write.record)
      break
    case 'value':
      transaction.objectStore('state').put({ key: valueKey(write.key), value: write.body })
      break
    case 'cursor':
      transaction.objectStore('state').put({ key: cursorKey, value: write.body, tag: write.tag })
      break
    case 'pending-bytes':
      transaction.objectStore('state').put({ key: pendingBytesKey, value: write.bytes })
  }
}
