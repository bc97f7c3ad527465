/**
 * A device's disk: the database of the shipped memory store, with the ways in which a real one lets down.
 *
 * Every committed transaction is kept in a journal. A power cut keeps a prefix of it (browsers flush
 * lazily), eviction nothing, a restored device an older prefix. A transaction is in the journal whole or
 * not at all.
 */
import { TidemarkError } from '@tidemark/base'
import { createMemoryDatabase, type DocRecord, type LocalStore, type MemoryDatabase, memoryStore, type OpenStore } from '@tidemark/store'
import * as Y from 'yjs'
import { Contents, type Ranges, rangesOf } from './contents.ts'
import { type DelayedStoreOptions, delayedStore } from './delayed-store.ts'
import type { Dice } from './dice.ts'
import type { Life } from './life.ts'
import { Mirror } from './mirror.ts'
import type { FaultName } from './profile.ts'
import type { SealedDisk } from './sealed-disk.ts'
import type { VirtualTime } from './virtual-time.ts'

export type Tables = ReturnType<MemoryDatabase['tables']>
export type Write = Parameters<Tables['apply']>[0][number]

/** How the disk behaves at the moment; changed by faults. */
export interface DiskState {
  minDelayMs: number
  maxDelayMs: number
  /** Probability that a commit fails. */
  failure: number
  /** So many commits fail next. */
  failNext: number
  isFull: boolean
}

interface Transaction {
  readonly atMs: number
  readonly writes: readonly Write[]
}

export interface DeviceDiskOptions {
  readonly time: VirtualTime
  readonly dice: Dice
  /** Shows each update that came from the relay, as it is stored. */
  readonly received: (name: string, ranges: Ranges) => void
  /** Shows each transaction, and as it stands on a sealed disk. */
  readonly stored: (transaction: readonly Write[], sealed: readonly Write[] | null) => void
  /** Null for a disk in the clear. */
  readonly seal: SealedDisk | null
  /** Called when a fault changes what happens to this disk. */
  readonly bit: (fault: FaultName) => void
}

/** A transaction that takes longer than this is slow. */
const slowMs = 10

/** A power cut takes nothing that is older than this. */
export const flushedAfterMs = 3_000

export class DeviceDisk {
  readonly state: DiskState
  readonly #options: DeviceDiskOptions
  #journal: Transaction[] = []
  #tables: Tables
  #contents = new Contents()
  /** Commits under way: their transaction may still complete when their tab dies. */
  readonly #underWay = new Map<Life, Set<() => void>>()

  constructor(options: DeviceDiskOptions, state: DiskState) {
    this.#options = options
    this.state = state
    this.#tables = this.#journaled(newTables())
  }

  /** What is stored. */
  get contents(): Contents {
    return this.#contents
  }

  /** The record of each document, by the name that people know it by. */
  get records(): readonly DocRecord[] {
    const { seal } = this.#options
    const records = [...this.#tables.records.values()]
    return seal === null ? records : records.map((record) => ({ ...record, name: seal.name(record.name) }))
  }

  record(document: string): DocRecord | undefined {
    return this.#options.seal === null ? this.#tables.records.get(document) : this.records.find(({ name }) => name === document)
  }

  get transactions(): number {
    return this.#journal.length
  }

  /** What was refused and is kept aside. */
  get refused(): Tables['refused'] {
    return refusedIn(this.#tables, this.#options.seal)
  }

  /** The `OpenStore` of one tab. */
  open(life: Life, wrap: (store: LocalStore) => LocalStore): OpenStore {
    const faults = { beforeCommit: () => this.#beforeCommit(life) }
    const clock = life.clock(() => 0)
    const { seal } = this.#options
    const open = memoryStore({ database: { tables: () => this.#tables }, faults, clock, ...(seal === null ? {} : { codec: seal.codec }) })
    const delays: DelayedStoreOptions = { life, delayMs: () => this.#delayMs(), isAnswerLate: () => this.#options.dice.chance(0.5) }
    return async (where) => wrap(delayedStore(await open(where), delays))
  }

  /** The tab died: each of its transactions under way completes or not. */
  tabDied(life: Life): void {
    for (const complete of this.#underWay.get(life) ?? []) if (this.#options.dice.chance(0.5)) complete()
    this.#underWay.delete(life)
  }

  /** Keeps the first `count` transactions. */
  rewind(count: number): void {
    const kept = this.#journal.slice(0, count)
    const tables = newTables()
    for (const { writes } of kept) tables.apply(writes)
    this.#journal = kept
    this.#contents = contentsOf(tables, this.#options.seal)
    this.#tables = this.#journaled(tables)
  }

  /** How many transactions a power cut leaves. */
  afterPowerCut(): number {
    const { time, dice } = this.#options
    const flushed = this.#journal.filter(({ atMs }) => atMs <= time.nowMs - flushedAfterMs).length
    return dice.between(flushed, this.#journal.length)
  }

  /** Reads the disk anew, so that what snapshots and removals did shows. */
  read(): Mirror {
    return mirrorOf(this.#tables, this.#options.seal)
  }

  readContents(): Contents {
    return contentsOf(this.#tables, this.#options.seal)
  }

  #delayMs(): number {
    const { minDelayMs, maxDelayMs } = this.state
    const delayMs = this.#options.dice.between(minDelayMs, maxDelayMs)
    if (delayMs > slowMs) this.#options.bit('slow-disk')
    return delayMs
  }

  async #beforeCommit(life: Life): Promise<void> {
    await new Promise<void>((resolve) => {
      const mine = this.#underWay.get(life) ?? new Set()
      this.#underWay.set(life, mine)
      const complete = (): void => {
        mine.delete(complete)
        resolve()
      }
      mine.add(complete)
      life.schedule(this.#delayMs(), complete)
    })
    const { state } = this
    if (state.isFull) this.#refuse('disk-full', 'store/full', 'the simulated disk is full')
    if (state.failNext > 0) {
      state.failNext--
      this.#refuse('disk-fails', 'store/failed', 'the simulated disk failed')
    }
    if (this.#options.dice.chance(state.failure)) this.#refuse('flaky-disk', 'store/failed', 'the simulated disk failed')
  }

  #refuse(fault: FaultName, code: 'store/full' | 'store/failed', message: string): never {
    this.#options.bit(fault)
    throw new TidemarkError(code, message)
  }

  /** The tables with a journal; of tables that were given up nothing counts any more. */
  #journaled(inner: Tables): Tables {
    const apply = (writes: readonly Write[]): void => {
      inner.apply(writes)
      if (this.#tables !== journaled) return
      this.#journal.push({ atMs: this.#options.time.nowMs, writes })
      const { seal } = this.#options
      const plain = seal === null ? writes : writes.map((write) => seal.plain(write))
      if (seal !== null) this.#options.bit('sealed')
      for (const write of plain) {
        if (write.type === 'refused') this.#contents.addRanges(write.update.name, rangesOf(write.update.bytes))
        if (write.type !== 'update') continue
        const { name, bytes, origin } = write.update
        const ranges = rangesOf(bytes)
        if (origin === 'remote') this.#options.received(name, ranges)
        this.#contents.addRanges(name, ranges)
      }
      this.#options.stored(plain, seal === null ? null : writes)
    }
    const journaled: Tables = {
      get cursor() {
        return inner.cursor
      },
      get cursorValue() {
        return inner.cursorValue
      },
      get pendingBytes() {
        return inner.pendingBytes
      },
      get refused() {
        return inner.refused
      },
      get quarantined() {
        return inner.quarantined
      },
      get records() {
        return inner.records
      },
      get values() {
        return inner.values
      },
      record: (name) => inner.record(name),
      pendingUpdates: (name) => inner.pendingUpdates(name),
      snapshot: (name) => inner.snapshot(name),
      updates: (name) => inner.updates(name),
      rows: (type) => inner.rows(type),
      apply,
    }
    return journaled
  }
}

const newTables = (): Tables => createMemoryDatabase().tables({ space: 'sim', user: 'sim' })

function mirrorOf(tables: Tables, seal: SealedDisk | null): Mirror {
  const mirror = new Mirror()
  for (const key of tables.records.keys()) eachUpdate(tables, key, seal, (name, bytes) => mirror.add(name, bytes))
  return mirror
}

/** What was refused is kept too. */
function contentsOf(tables: Tables, seal: SealedDisk | null): Contents {
  const contents = new Contents()
  for (const key of tables.records.keys()) eachUpdate(tables, key, seal, (name, bytes) => contents.add(name, bytes))
  for (const { name, bytes } of refusedIn(tables, seal)) contents.add(name, bytes)
  return contents
}

const refusedIn = (tables: Tables, seal: SealedDisk | null): Tables['refused'] =>
  seal === null ? tables.refused : tables.refused.map((update) => seal.update(update))

function eachUpdate(tables: Tables, key: string, seal: SealedDisk | null, add: (name: string, bytes: Uint8Array) => void): void {
  const name = seal === null ? key : seal.name(key)
  const snapshot = tables.snapshot(key)
  if (snapshot !== null) {
    const bytes = seal === null ? snapshot.bytes : seal.snapshot(key, snapshot.bytes)
    add(name, snapshot.format === 'v1' ? bytes : Y.convertUpdateFormatV2ToV1(bytes))
  }
  for (const update of tables.updates(key)) add(name, seal === null ? update.bytes : seal.update(update).bytes)
}
