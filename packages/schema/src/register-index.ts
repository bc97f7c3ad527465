/**
 * The registers of a document, kept up with it change by change.
 *
 * It gives what `readRegisters` gives, which stays as the reference, at the cost of what changed: entries that came and
 * went are taken from a transaction's structs and delete set. A transaction that leaves the entries alone, as one of
 * typing, costs nothing.
 *
 * Invariants
 * 1. It is up to date whenever it is asked, also inside a transaction and in the observers of one.
 * 2. Items are known by the dot of their struct. Where two entries claim one identity, and where the array holds another
 *    number of items than are known here, everything is read anew: nothing that stands in a document leads it astray.
 * 3. A register that was given never changes; the map that holds them is always the same one.
 */
import * as Y from 'yjs'
import { createEntryReader, entriesName, type KnownEntry, readEntry, type StoredEntry } from './entry.ts'
import { FieldIndex } from './field-index.ts'
import { asToday, mappedEntries, type Register, type RegisterModel, type Registers, readRegisters } from './register.ts'

/** The registers of one document as they are now. */
export interface RegisterIndex {
  /** The registers at this moment; their entries and heads are in no order that means anything. */
  readonly get: () => Registers
  /** Tells how an entry that is about to be appended here reads, so that it is not read again. */
  readonly made: (raw: StoredEntry, entry: KnownEntry) => void
  /** How often the array was read whole: once where all is well. */
  readonly wholeReadings: number
  /** Stops following the document. */
  close(): void
}

/** Reads the registers of `doc` once, and follows them until `close`. */
export const createRegisterIndex = (model: RegisterModel, doc: Y.Doc): RegisterIndex => new DocumentIndex(model, doc)

/** What one item of the array reads as; `key` is the identity that it claims, if it is an entry at all. */
interface Item {
  readonly key: string | null
  readonly entries: readonly KnownEntry[]
}

class DocumentIndex implements RegisterIndex {
  readonly get: () => Registers
  readonly made: RegisterIndex['made']
  readonly #model: RegisterModel
  readonly #doc: Y.Doc
  readonly #made = new Map<unknown, KnownEntry>()
  /** For what is read whole, so that an entry is the same object each time. */
  readonly #read = createEntryReader()
  readonly #array: Y.Array<unknown>
  readonly #map: Y.Map<unknown> | null
  readonly #registers = new Map<string, Register>()
  readonly #fields = new Map<string, FieldIndex>()
  /** By client and clock of the struct. */
  readonly #items = new Map<number, Map<number, Item>>()
  #itemCount = 0
  #wholeReadings = 0
  readonly #claimed = new Set<string>()
  #mapped: readonly KnownEntry[] = []
  /** By client: the clock up to which structs were looked at. */
  readonly #upTo = new Map<number, number>()
  /** Whether every identity is claimed once; where not, each change is read whole. */
  #isUnique = true
  /** The last transaction of which all is taken. */
  #taken: Y.Transaction | null = null

  constructor(model: RegisterModel, doc: Y.Doc) {
    this.#model = model
    this.#doc = doc
    this.#array = doc.getArray<unknown>(entriesName)
    this.#map = model.mapping === null ? null : doc.getMap(model.mapping.map)
    this.get = () => this.#get()
    this.made = (raw, entry) => this.#made.set(raw, entry)
    this.#readWhole()
    doc.on('beforeObserverCalls', this.#takeWhole)
  }

  get wholeReadings(): number {
    return this.#wholeReadings
  }

  close(): void {
    this.#doc.off('beforeObserverCalls', this.#takeWhole)
  }

  #get(): Registers {
    // A transaction that runs, or whose observers do, may hold what no event has told yet.
    for (const transaction of this.#doc._transactionCleanups) if (transaction !== this.#taken) this.#take(transaction)
    if (this.#itemCount !== this.#array.length) this.#readWhole()
    if (this.#isUnique) this.#refresh()
    return this.#registers
  }

  /** Gives out anew what changed. */
  #refresh(): void {
    for (const [name, field] of this.#fields) {
      if (!field.isChanged) continue
      const register = field.take()
      if (register !== null) this.#registers.set(name, register)
      else {
        this.#fields.delete(name)
        this.#registers.delete(name)
      }
    }
  }

  readonly #takeWhole = (transaction: Y.Transaction): void => {
    this.#take(transaction)
    this.#taken = transaction
  }

  #take(transaction: Y.Transaction): void {
    const changed = transaction.changed as ReadonlyMap<unknown, unknown>
    const mapChanged = this.#map !== null && changed.has(this.#map)
    if (!mapChanged && !changed.has(this.#array)) return
    if (!this.#isUnique) return this.#readWhole()
    if (mapChanged) this.#takeMap()
    this.#takeStructs(transaction)
    this.#takeDeletes(transaction)
    if (!this.#isUnique) this.#readWhole()
  }

  #takeStructs({ beforeState }: Y.Transaction): void {
    for (const [client, structs] of this.#doc.store.clients) {
      const last = structs[structs.length - 1] as Y.Item | Y.GC
      const end = last.id.clock + last.length
      const from = Math.max(this.#upTo.get(client) ?? 0, beforeState.get(client) ?? 0)
      if (from >= end) continue
      let index = structs.length - 1
      while (index > 0 && (structs[index] as Y.Item | Y.GC).id.clock > from) index--
      for (; index < structs.length; index++) this.#addStruct(structs[index] as Y.Item | Y.GC, from)
      this.#upTo.set(client, end)
    }
    this.#made.clear()
  }

  #addStruct(struct: Y.Item | Y.GC, from: number): void {
    if (!(struct instanceof Y.Item) || struct.parent !== this.#array || struct.parentSub !== null) return
    if (struct.deleted || !struct.countable) return
    const { client, clock } = struct.id
    const content = struct.content.getContent()
    const items = this.#items.get(client) ?? new Map<number, Item>()
    this.#items.set(client, items)
    for (let offset = Math.max(0, from - clock); offset < content.length; offset++) {
      const entry = this.#made.get(content[offset]) ?? readEntry(content[offset])
      items.set(clock + offset, { key: entry?.key ?? null, entries: entry === null ? [] : this.#claim(entry) })
      this.#itemCount++
    }
  }

  #claim(entry: KnownEntry): readonly KnownEntry[] {
    if (this.#claimed.has(entry.key)) this.#isUnique = false
    this.#claimed.add(entry.key)
    const entries = asToday(this.#model, entry)
    for (const one of entries) this.#place(one)
    return entries
  }

  #place(entry: KnownEntry): void {
    const field = this.#fields.get(entry.f) ?? new FieldIndex()
    this.#fields.set(entry.f, field)
    if (!field.add(entry)) this.#isUnique = false
  }

  #takeDeletes({ deleteSet }: Y.Transaction): void {
    for (const [client, ranges] of deleteSet.clients) {
      const items = this.#items.get(client)
      if (items === undefined) continue
      for (const { clock, len } of ranges) {
        // A range may be a long text, of which nothing stands here.
        const within = len > items.size ? [...items.keys()].filter((one) => one >= clock && one < clock + len) : range(clock, len)
        for (const one of within) this.#remove(items, one)
      }
    }
  }

  #remove(items: Map<number, Item>, clock: number): void {
    const item = items.get(clock)
    if (item === undefined) return
    items.delete(clock)
    this.#itemCount--
    if (item.key !== null) this.#claimed.delete(item.key)
    for (const entry of item.entries) this.#fields.get(entry.f)?.remove(entry)
  }

  #takeMap(): void {
    const known = new Map(this.#mapped.map((entry) => [`${entry.f} ${entry.key}`, entry]))
    for (const entry of this.#mapped) this.#fields.get(entry.f)?.remove(entry)
    // What stands there still keeps its object, by which readers know that nothing changed.
    this.#mapped = mappedEntries(this.#model, this.#doc).map((entry) => known.get(`${entry.f} ${entry.key}`) ?? entry)
    for (const entry of this.#mapped) this.#place(entry)
  }

  #readWhole(): void {
    this.#wholeReadings++
    for (const part of [this.#registers, this.#fields, this.#items, this.#claimed, this.#upTo]) part.clear()
    this.#itemCount = 0
    this.#isUnique = true
    for (let item = this.#array._start; item !== null; item = item.right) this.#addStruct(item, 0)
    this.#takeMap()
    for (const client of this.#doc.store.clients.keys()) this.#upTo.set(client, Y.getState(this.#doc.store, client))
    if (this.#isUnique) return
    for (const [name, register] of readRegisters(this.#model, this.#doc, this.#read)) this.#registers.set(name, register)
  }
}

const range = (from: number, length: number): number[] => Array.from({ length }, (_, index) => from + index)
