/**
 * A log in memory, for tests and for the simulator.
 *
 * A `MemoryDisk` is what survives: several logs may be opened over one, one after the other, and
 * `structuredClone` of it is a backup. Faults are injected by hooks around the moment of commit.
 */
import { type Random, randomId, TidemarkError, toTidemarkError } from '@tidemark/base'
import type { Incarnation } from '@tidemark/protocol'
import { compact, mergeGrouped } from '@tidemark/updates'
import type {
  ChangedDocument,
  ChangedDocumentsPage,
  ChangesPage,
  LoadedDocument,
  Log,
  LogEntry,
  LoggedUpdate,
  Place,
  PurgedDocument,
  ReadLimits,
  SpaceHistory,
} from './log.ts'

interface StoredDocument {
  readonly number: number
  readonly name: string
  lastSeq: number
  isPurged: boolean
  snapshot: { readonly seq: number; readonly update: Uint8Array } | null
}

interface StoredSpace {
  head: number
  /** Places up to here may have been folded into snapshots. */
  floor: number
  incarnations: Incarnation[]
  documents: Map<string, StoredDocument>
  rows: (Omit<LoggedUpdate, 'kind'> & { readonly principal: string; readonly kind: LogEntry['kind'] })[]
  claims: Map<number, string>
  awaiting: Set<string>
  /** Where feed readers are, by their names. */
  readers: Map<string, string>
}

/** What a memory log keeps; plain data. */
export interface MemoryDisk {
  readonly spaces: Map<string, StoredSpace>
}

/** Purged names by space; kept beside a disk and its backups. */
export type Tombstones = Map<string, Set<string>>

export const createTombstones = (): Tombstones => new Map()

export const createMemoryDisk = (): MemoryDisk => ({ spaces: new Map() })

export interface MemoryLogOptions {
  readonly random: Random
  readonly disk?: MemoryDisk
  /** What was ever purged; applied to what the disk does not know of yet. */
  readonly tombstones?: Tombstones
  /** Runs before a batch is stored; what it throws fails the append with nothing stored. */
  readonly beforeCommit?: (batch: readonly LogEntry[]) => void | Promise<void>
  /** Runs when a batch is stored; what it throws fails the append although everything is stored. */
  readonly afterCommit?: (batch: readonly LogEntry[]) => void | Promise<void>
}

export function createMemoryLog(options: MemoryLogOptions): Log {
  return new MemoryLog(options)
}

class MemoryLog implements Log {
  readonly #options: MemoryLogOptions
  readonly #disk: MemoryDisk
  readonly #tombstones: Tombstones
  readonly #touched = new Set<string>()
  #tail: Promise<unknown> = Promise.resolve()
  #isClosed = false

  constructor(options: MemoryLogOptions) {
    this.#options = options
    this.#disk = options.disk ?? createMemoryDisk()
    this.#tombstones = options.tombstones ?? createTombstones()
  }

  async open(name: string): Promise<SpaceHistory> {
    this.#assertOpen()
    return this.#touched.has(name) ? historyOf(this.#space(name)) : this.renew(name)
  }

  async renew(name: string): Promise<SpaceHistory> {
    this.#assertOpen()
    this.#touched.add(name)
    const space = this.#disk.spaces.get(name) ?? emptySpace()
    this.#disk.spaces.set(name, space)
    space.incarnations.push({ id: randomId(this.#options.random), first: space.head + 1 })
    for (const document of this.#tombstones.get(name) ?? []) if (space.documents.get(document)?.isPurged !== true) purge(space, document)
    return historyOf(space)
  }

  append(batch: readonly LogEntry[]): Promise<readonly Place[]> {
    const appended = this.#tail.then(() => this.#append(batch))
    this.#tail = appended.catch(() => undefined)
    return appended
  }

  async changes(name: string, after: number, limits: ReadLimits): Promise<ChangesPage | 'compacted'> {
    const space = this.#space(name)
    if (after < space.floor) return 'compacted'
    const first = space.rows.findIndex((row) => row.seq > after)
    const left = first < 0 ? [] : space.rows.slice(first)
    const taken = takeWithin(left, limits)
    const updates = taken.flatMap(({ kind, seq, number, document, update, principal }) =>
      kind === 'purge' ? [] : [{ seq, number, document, update, principal, kind }],
    )
    const purged = taken.flatMap(({ kind, number, document }) => (kind === 'purge' ? [{ number, document }] : []))
    const isAll = taken.length === left.length
    return { updates, purged, seq: isAll ? Math.max(after, space.head) : (taken.at(-1)?.seq ?? after) }
  }

  async changedDocuments(name: string, from: number, afterNumber: number, limits: ReadLimits): Promise<ChangedDocumentsPage> {
    const space = this.#space(name)
    const changed = [...space.documents.values()].filter((one) => one.number > afterNumber && one.lastSeq > from)
    const listed: ChangedDocument[] = []
    const purged: PurgedDocument[] = []
    let bytes = 0
    for (const document of changed) {
      if (listed.length + purged.length >= limits.maxItems) break
      if (document.isPurged) {
        purged.push({ number: document.number, document: document.name })
        continue
      }
      const update = mergeGrouped(updatesAfter(space, document, from))
      if (listed.length > 0 && bytes + update.length > limits.maxBytes) break
      listed.push({ number: document.number, document: document.name, update })
      bytes += update.length
    }
    const last = changed[listed.length + purged.length - 1]?.number ?? afterNumber
    return { documents: listed, purged, last, done: listed.length + purged.length === changed.length }
  }

  async load(name: string, documentName: string): Promise<LoadedDocument | 'purged' | null> {
    const space = this.#space(name)
    const document = space.documents.get(documentName)
    if (document === undefined) return null
    if (document.isPurged) return 'purged'
    return { number: document.number, seq: document.lastSeq, update: mergeGrouped(updatesAfter(space, document, 0)).slice() }
  }

  async claims(name: string, clients: readonly number[]): Promise<ReadonlyMap<number, string>> {
    const space = this.#space(name)
    return new Map(
      clients.flatMap((client) => {
        const principal = space.claims.get(client)
        return principal === undefined ? [] : [[client, principal] as const]
      }),
    )
  }

  async spaces(): Promise<readonly string[]> {
    return [...this.#disk.spaces.keys()]
  }

  async readerCursor(reader: string, name: string): Promise<string | null> {
    return this.#space(name).readers.get(reader) ?? null
  }

  async saveReaderCursor(reader: string, name: string, cursor: string): Promise<void> {
    this.#space(name).readers.set(reader, cursor)
  }

  async awaiting(name: string, limit: number): Promise<readonly string[]> {
    return [...this.#space(name).awaiting].slice(0, limit)
  }

  async compact(name: string, documentName: string): Promise<void> {
    const space = this.#space(name)
    const document = space.documents.get(documentName)
    if (document === undefined || document.isPurged || document.snapshot?.seq === document.lastSeq) return
    document.snapshot = { seq: document.lastSeq, update: compact(updatesAfter(space, document, 0)) }
    space.floor = Math.max(space.floor, document.lastSeq)
    space.rows = space.rows.filter((row) => row.number !== document.number)
  }

  async close(): Promise<void> {
    await this.#tail
    this.#isClosed = true
  }

  async #append(batch: readonly LogEntry[]): Promise<readonly Place[]> {
    this.#assertOpen()
    try {
      await this.#options.beforeCommit?.(batch)
      assertNonePurged(batch, (entry) => this.#space(entry.space))
      const places = batch.map((entry) => this.#store(entry))
      await this.#options.afterCommit?.(batch)
      return places
    } catch (error) {
      throw toTidemarkError(error, 'relay/log-failed')
    }
  }

  #store(entry: LogEntry): Place {
    const space = this.#space(entry.space)
    if (entry.kind === 'purge') {
      this.#tombstones.set(entry.space, (this.#tombstones.get(entry.space) ?? new Set()).add(entry.document))
      return purge(space, entry.document)
    }
    const document = documentOf(space, entry.document)
    const seq = ++space.head
    document.lastSeq = seq
    const { update, principal, kind } = entry
    space.rows.push({ seq, number: document.number, document: entry.document, update: update.slice(), principal, kind })
    if (entry.awaits === true) space.awaiting.add(entry.document)
    else if (entry.awaits === false) space.awaiting.delete(entry.document)
    for (const client of entry.claims) if (!space.claims.has(client)) space.claims.set(client, principal)
    return { seq, number: document.number }
  }

  #space(name: string): StoredSpace {
    this.#assertOpen()
    const space = this.#touched.has(name) ? this.#disk.spaces.get(name) : undefined
    if (space === undefined) throw new TidemarkError('relay/log-failed', `the space ${name} was not opened`)
    return space
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new TidemarkError('relay/log-failed', 'the log is closed')
  }
}

function documentOf(space: StoredSpace, name: string): StoredDocument {
  const known = space.documents.get(name)
  if (known !== undefined) return known
  const document: StoredDocument = { number: space.documents.size + 1, name, lastSeq: 0, isPurged: false, snapshot: null }
  space.documents.set(name, document)
  return document
}

/** Leaves nothing of the document but its name, its number and the row that says so. */
function purge(space: StoredSpace, name: string): Place {
  const document = documentOf(space, name)
  const { number } = document
  if (document.isPurged) return { seq: document.lastSeq, number }
  const seq = ++space.head
  space.rows = space.rows.filter((row) => row.number !== number)
  space.rows.push({ seq, number, document: name, update: new Uint8Array(), principal: '', kind: 'purge' })
  space.awaiting.delete(name)
  Object.assign(document, { lastSeq: seq, isPurged: true, snapshot: null })
  return { seq, number }
}

function assertNonePurged(batch: readonly LogEntry[], spaceOf: (entry: LogEntry) => StoredSpace): void {
  const gone = new Set<string>()
  for (const entry of batch) {
    const isPurged = spaceOf(entry).documents.get(entry.document)?.isPurged === true
    const key = `${entry.space}/${entry.document}`
    if (entry.kind === 'purge') gone.add(key)
    else if (isPurged || gone.has(key)) throw new TidemarkError('relay/log-failed', `the document ${entry.document} was purged`)
  }
}

const emptySpace = (): StoredSpace => ({
  head: 0,
  floor: 0,
  incarnations: [],
  documents: new Map(),
  rows: [],
  claims: new Map(),
  awaiting: new Set(),
  readers: new Map(),
})

const historyOf = ({ incarnations, head, rows }: StoredSpace): SpaceHistory => ({
  incarnations: [...incarnations],
  head,
  bytes: rows.reduce((sum, { update }) => sum + update.length, 0),
})

/** The document's updates after `from`, beginning with its snapshot when that holds some of them. */
function updatesAfter(space: StoredSpace, document: StoredDocument, from: number): Uint8Array[] {
  const rows = space.rows.filter((row) => row.number === document.number)
  const { snapshot } = document
  if (snapshot !== null && snapshot.seq > from) return [snapshot.update, ...rows.map((row) => row.update)]
  return rows.filter((row) => row.seq > from).map((row) => row.update)
}

function takeWithin<T extends Pick<LoggedUpdate, 'update'>>(rows: readonly T[], limits: ReadLimits): T[] {
  const taken: T[] = []
  let bytes = 0
  for (const row of rows) {
    if (taken.length > 0 && (taken.length >= limits.maxItems || bytes + row.update.length > limits.maxBytes)) break
    taken.push(row)
    bytes += row.update.length
  }
  return taken
}
