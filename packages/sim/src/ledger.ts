/**
 * What people wrote, and what they were told about it: the truth that oracles hold the replicas against.
 *
 * Every local transaction of every open document is one write, with its struct and delete ranges. It may be
 * lost only where that is documented: not yet saved when its tab died, not yet flushed at a power cut, and so
 * on; then it is excused, which means that it may be gone and may be there.
 */
import { type Entity, type Space, TidemarkError } from '@tidemark/client'
import type { Json } from '@tidemark/store'
import * as Y from 'yjs'
import { type Decoded, type Ranges, rangesIn } from './contents.ts'
import type { Tab } from './device.ts'

type Receipt = ReturnType<Entity['set']>

export interface WriteRecord {
  readonly id: number
  readonly device: string
  readonly tab: Tab
  /** Document name. */
  readonly document: string
  readonly ranges: Ranges
  readonly atMs: number
  /** What the document held before: state vector. */
  readonly seen: ReadonlyMap<number, number>
  /** Register fields that it set; null when that is not known. */
  fields: Readonly<Record<string, Json>> | null
  /** The entries that it appended. */
  readonly appended: readonly Appended[]
  /** An undo or redo: what it set is not known. */
  isStep: boolean
  /** Somebody was told that it is in the device's database. */
  isSaved: boolean
  /** Somebody was told that the relay has it. */
  isConfirmed: boolean
  /** Every place that had it has lost it in a documented way. */
  isExcused: boolean
  isRefused: boolean
}

/** An entry as it stands in the update that brought it. */
export interface Appended {
  readonly i: Dot
  readonly f: string
  /** Absent on plain writes. */
  readonly k?: string
  readonly v?: Json
  readonly by: string
  /** What it supersedes. */
  readonly o: readonly Dot[]
  /** On a refusal, the reason. */
  readonly why?: string
}

/** Client id and clock of the struct that an entry stands in. */
export type Dot = readonly [client: number, clock: number]

export interface LedgerEvents {
  wrote(write: WriteRecord): void
  saved(write: WriteRecord, how: string): void
  confirmed(write: WriteRecord, how: string): void
  refused(write: WriteRecord, error: TidemarkError): void
}

/** The entries in an update. */
export function entriesIn({ structs }: Decoded): Appended[] {
  return structs.flatMap((struct) => {
    if (!(struct instanceof Y.Item) || !(struct.content instanceof Y.ContentAny)) return []
    return struct.content.arr.filter((one: Appended | null): one is Appended => typeof one?.f === 'string' && 'i' in one)
  })
}

export class Ledger {
  readonly #writes: WriteRecord[] = []
  /** Writes that their tab's status did not claim as confirmed yet. */
  readonly #openByTab = new Map<Tab, WriteRecord[]>()
  readonly #observed = new WeakSet<Y.Doc>()
  readonly #events: LedgerEvents
  readonly #nowMs: () => number

  constructor(nowMs: () => number, events: LedgerEvents) {
    this.#nowMs = nowMs
    this.#events = events
  }

  get writes(): readonly WriteRecord[] {
    return this.#writes
  }

  /** Notes every later local transaction of the entity's document, and of those that take its place. */
  observe(tab: Tab, entity: Pick<Entity, 'doc' | 'branch'>): void {
    this.#observe(tab, entity)
    entity.branch.subscribe(() => this.#observe(tab, entity))
  }

  #observe(tab: Tab, { doc }: Pick<Entity, 'doc'>): void {
    if (this.#observed.has(doc)) return
    this.#observed.add(doc)
    doc.on('update', (bytes: Uint8Array, _origin: unknown, _doc: Y.Doc, transaction: Y.Transaction) => {
      if (transaction.local) this.#note(tab, doc.guid, bytes, transaction.beforeState)
    })
  }

  write(id: number): WriteRecord {
    return this.#writes[id] as WriteRecord
  }

  /** Says which register fields a write set. */
  setFields(id: number, fields: Readonly<Record<string, Json>>): void {
    this.write(id).fields = fields
  }

  /** Notes what `create` wrote before anybody could observe it. */
  created(tab: Tab, entity: Pick<Entity, 'doc' | 'branch' | 'created'>, fields: Readonly<Record<string, Json>>): WriteRecord {
    const { doc } = entity
    const write = this.#note(tab, doc.guid, Y.encodeStateAsUpdate(doc), new Map())
    write.fields = fields
    this.observe(tab, entity)
    this.#follow([write], entity.created)
    return write
  }

  /** Runs a write that gives a receipt, follows what the receipt says, and gives what was written. */
  receipt(write: () => Receipt): readonly WriteRecord[] {
    const first = this.#writes.length
    const receipt = write()
    const made = this.#writes.slice(first)
    this.#follow(made, receipt)
    return made
  }

  /** What a status claims about the tab's own writes. */
  claimed(tab: Tab, status: ReturnType<Space['status']['get']>): void {
    if (status.saving) return
    const open = this.#openByTab.get(tab)
    if (open === undefined || open.length === 0) return
    for (const write of open) this.#saved(write, 'status')
    // What was refused waits no longer, and was not confirmed.
    if (status.pending.documents > 0 || status.refused > 0 || status.phase === 'local') return
    for (const write of open.splice(0)) this.#confirmed(write, 'status')
  }

  #note(tab: Tab, document: string, bytes: Uint8Array, seen: ReadonlyMap<number, number>): WriteRecord {
    const decoded = Y.decodeUpdate(bytes)
    const write: WriteRecord = {
      id: this.#writes.length,
      device: tab.device.name,
      tab,
      document,
      ranges: rangesIn(decoded),
      appended: entriesIn(decoded),
      isStep: false,
      atMs: this.#nowMs(),
      seen,
      fields: null,
      isSaved: false,
      isConfirmed: false,
      isExcused: false,
      isRefused: false,
    }
    this.#writes.push(write)
    const open = this.#openByTab.get(tab) ?? []
    this.#openByTab.set(tab, open)
    open.push(write)
    this.#events.wrote(write)
    return write
  }

  #follow(writes: readonly WriteRecord[], receipt: Receipt): void {
    receipt.saved.then(
      () => writes.forEach((write) => void this.#saved(write, 'receipt')),
      () => undefined, // reason: rejected when the space closed first; then nothing was promised
    )
    receipt.confirmed.then(
      () => writes.forEach((write) => void this.#confirmed(write, 'receipt')),
      (error: unknown) => {
        // A space that closes first refuses nothing.
        if (!(error instanceof TidemarkError) || !error.code.startsWith('relay/')) return
        for (const write of writes) {
          write.isRefused = true
          this.#events.refused(write, error)
        }
      },
    )
  }

  #saved(write: WriteRecord, how: string): void {
    if (write.isSaved) return
    write.isSaved = true
    this.#events.saved(write, how)
  }

  #confirmed(write: WriteRecord, how: string): void {
    if (write.isConfirmed) return
    write.isConfirmed = true
    this.#events.confirmed(write, how)
  }
}
