/**
 * Stores batches, many in one transaction: those that wait while one runs make up the next.
 *
 * Why it exists: a transaction costs about the same whether it holds one batch or a hundred.
 *
 * Invariants
 * 1. Batches are stored in the order of the calls.
 * 2. Each batch is stored whole or not at all, whatever becomes of the others in its transaction.
 * 3. A batch's promise resolves after the transaction's `complete`, never earlier.
 */
import { type Clock, type TidemarkError, toTidemarkError } from '@tidemark/base'
import { type DatabaseView, namesOf, planBatch, type UpdateKey, type Write } from './batch-plan.ts'
import type { Connection } from './idb-connection.ts'
import { cursorKey, type DocRow, type StateRow, toDocRecord, toDocRow, valueKey } from './idb-layout.ts'
import { resultOf } from './idb-request.ts'
import type { Batch, Committed, DocRecord, Json, StoredUpdate } from './local-store.ts'

/** Most that goes into one transaction; a single larger batch still goes alone. */
const groupLimits = { maxBatches: 256, maxBytes: 8 * 2 ** 20 } as const

export interface Writer {
  commit(batch: Batch): Promise<Committed>
  /** Resolves when nothing waits or runs. */
  idle(): Promise<void>
}

export interface WriterOptions {
  readonly connection: Connection
  readonly clock: Clock
  /** Told after each attempt: null when something was stored. A cursor that moved is not a problem. */
  onOutcome(problem: TidemarkError | null): void
}

export function createWriter(options: WriterOptions): Writer {
  return new GroupWriter(options)
}

interface Waiting {
  readonly batch: Batch
  readonly nowMs: number
  readonly resolve: (committed: Committed) => void
  readonly reject: (error: TidemarkError) => void
}

type Outcome = { readonly type: 'stored'; readonly committed: Committed } | { readonly type: 'refused'; readonly error: TidemarkError }

class GroupWriter implements Writer {
  readonly #options: WriterOptions
  readonly #waiting: Waiting[] = []
  #draining: Promise<void> | null = null

  constructor(options: WriterOptions) {
    this.#options = options
  }

  commit(batch: Batch): Promise<Committed> {
    const { promise, resolve, reject } = Promise.withResolvers<Committed>()
    this.#waiting.push({ batch, nowMs: this.#options.clock.now(), resolve, reject })
    this.#draining ??= this.#drain()
    return promise
  }

  async idle(): Promise<void> {
    await this.#draining
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) await this.#store(this.#waiting.splice(0, groupSize(this.#waiting)))
    this.#draining = null
  }

  /** When a group fails, each of its batches is tried alone, so that one that does not fit stops no other. */
  async #store(group: readonly Waiting[]): Promise<void> {
    let outcomes: readonly Outcome[]
    try {
      outcomes = await this.#options.connection.run('readwrite', (transaction) => writeGroup(transaction, group))
    } catch (error) {
      if (group.length > 1) for (const one of group) await this.#store([one])
      else this.#fail(group[0] as Waiting, toTidemarkError(error, 'store/failed'))
      return
    }
    if (outcomes.some(({ type }) => type === 'stored')) this.#options.onOutcome(null)
    for (const [i, outcome] of outcomes.entries()) {
      if (outcome.type === 'stored') group[i]?.resolve(outcome.committed)
      else group[i]?.reject(outcome.error)
    }
  }

  #fail(waiting: Waiting, problem: TidemarkError): void {
    this.#options.onOutcome(problem)
    waiting.reject(problem)
  }
}

function groupSize(waiting: readonly Waiting[]): number {
  let bytes = 0
  const end = waiting.slice(0, groupLimits.maxBatches).findIndex(({ batch }, i) => {
    bytes += bytesOf(batch)
    return i > 0 && bytes > groupLimits.maxBytes
  })
  return end === -1 ? groupLimits.maxBatches : end
}

const bytesOf = ({ updates = [], snapshots = [] }: Batch): number =>
  [...updates, ...snapshots].reduce((sum, { bytes }) => sum + bytes.byteLength, 0)

async function writeGroup(transaction: IDBTransaction, group: readonly Waiting[]): Promise<readonly Outcome[]> {
  const view = await readView(
    transaction,
    group.map(({ batch }) => batch),
  )
  return group.map(({ batch, nowMs }): Outcome => {
    const plan = planned(view, batch, nowMs)
    if (plan.type === 'refused') return plan
    for (const write of plan.writes) {
      view.note(write)
      put(transaction, write)
    }
    return plan
  })
}

function planned(
  view: DatabaseView,
  batch: Batch,
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
function put(transaction: IDBTransaction, write: Write): void {
  switch (write.type) {
    case 'record':
      transaction.objectStore('docs').put(toDocRow(write.record))
      break
    case 'update':
      transaction.objectStore('updates').put(write.update)
      break
    case 'remove-update':
      transaction.objectStore('updates').delete([write.key.name, write.key.writer, write.key.n])
      break
    case 'snapshot':
      transaction.objectStore('snapshots').put({ name: write.name, bytes: write.bytes })
      break
    case 'row':
      transaction.objectStore('rows').put(write.row)
      break
    case 'value':
      transaction.objectStore('state').put({ key: valueKey(write.key), value: write.value })
      break
    case 'cursor':
      transaction.objectStore('state').put({ key: cursorKey, value: write.cursor })
  }
}

/** What the group reads, and on top of it what the batches before in the same transaction write. */
class GroupView implements DatabaseView {
  cursor: Json
  readonly #records: Map<string, DocRecord>
  readonly #origins: Map<string, StoredUpdate['origin']>

  constructor(cursor: Json, records: Map<string, DocRecord>, origins: Map<string, StoredUpdate['origin']>) {
    this.cursor = cursor
    this.#records = records
    this.#origins = origins
  }

  record(name: string): DocRecord | undefined {
    return this.#records.get(name)
  }

  origin(key: UpdateKey): StoredUpdate['origin'] | undefined {
    return this.#origins.get(idOf(key))
  }

  note(write: Write): void {
    if (write.type === 'record') this.#records.set(write.record.name, write.record)
    else if (write.type === 'update') this.#origins.set(idOf(write.update), write.update.origin)
    else if (write.type === 'cursor') this.cursor = write.cursor
  }
}

async function readView(transaction: IDBTransaction, batches: readonly Batch[]): Promise<GroupView> {
  const names = new Set(batches.flatMap((batch) => [...namesOf(batch)]))
  const docs = transaction.objectStore('docs')
  const [cursor, ...rows] = await Promise.all([
    resultOf<StateRow | undefined>(transaction.objectStore('state').get(cursorKey)),
    ...[...names].map((name) => resultOf<DocRow | undefined>(docs.get(name))),
  ])
  const records = new Map(rows.flatMap((row) => (row === undefined ? [] : [[row.name, toDocRecord(row)] as const])))
  return new GroupView(cursor?.value ?? null, records, await readOrigins(transaction, batches, records))
}

/** Origins of the updates that snapshots are to replace, as far as they may lie within a pending mark. */
async function readOrigins(transaction: IDBTransaction, batches: readonly Batch[], records: ReadonlyMap<string, DocRecord>) {
  const keys = batches.flatMap((batch) =>
    (batch.snapshots ?? []).flatMap(({ name, replaces }) => {
      const pending = records.get(name)?.pending ?? {}
      return replaces
        .filter(({ writer, n }) => n >= (pending[writer]?.from ?? Number.POSITIVE_INFINITY))
        .map(({ writer, n }) => ({ name, writer, n }))
    }),
  )
  const updates = transaction.objectStore('updates')
  const found = await Promise.all(keys.map(({ name, writer, n }) => resultOf<StoredUpdate | undefined>(updates.get([name, writer, n]))))
  return new Map(found.flatMap((update) => (update === undefined ? [] : [[idOf(update), update.origin] as const])))
}

const idOf = ({ name, writer, n }: UpdateKey): string => JSON.stringify([name, writer, n])
