/**
 * An entity over one `Y.Doc`: what it reads as now, told to listeners when that changes, and `set`.
 *
 * Invariants
 * 1. `value` is a pure function of the document's content, except while the document waits for structs or deletes that have
 *    not arrived: then it stays at the last stable value, plus own writes since, and `syncing` is true.
 * 2. The reference of `get()` changes exactly when `value`, `syncing` or `invalid` does.
 * 3. Our listeners on the document never throw: an exception there would disable the document for good.
 */
import { createObservable, guarded, type Observable, TidemarkError } from '@tidemark/base'
import type * as Y from 'yjs'
import { entriesName, readRegisters } from './entry.ts'
import type { Fields } from './field.ts'
import { origins } from './origins.ts'
import { isWaiting } from './prune.ts'
import { type InvalidField, type Readings, type ReadPlan, readFields, toInvalid, toValue } from './reading.ts'
import type { EntityPatch, EntityShared, EntityValue } from './types.ts'
import { checkPatch, createWriter, type WriteModel, type WriteOptions, type Writer, writeChanges } from './writing.ts'

export type AttachOptions = WriteOptions

/** A typed view on one document. `get` and `subscribe` are bound. */
export interface AttachedEntity<F extends Fields = Fields> extends Observable<EntityValue<F>> {
  /** What `get()` gives: the register fields, frozen. A required field without valid value is `undefined` and stands in `invalid`. */
  readonly value: EntityValue<F>
  /** Whether the document waits for changes that others build on; `value` is then the last stable one. */
  readonly syncing: boolean
  /** Fields whose stored value does not validate, or that are required and have none yet. */
  readonly invalid: readonly InvalidField[]
  /** The Yjs types of the text fields, for editor bindings. */
  readonly shared: EntityShared<F>
  readonly doc: Y.Doc
  /**
   * Sets fields, all or none, in one transaction; `undefined` clears an optional field.
   *
   * @throws {TidemarkError} `schema/invalid`, `schema/unstable`, `schema/unknown-field` or `client/closed`; nothing changed then.
   */
  set(patch: EntityPatch<F>): void
  /** Stops following the document, which stays open. Idempotent. */
  close(): void
}

/** The part of a definition that attaching needs. */
export interface AttachModel extends WriteModel {
  readonly plan: ReadPlan
}

interface View {
  readonly value: Readonly<Record<string, unknown>>
  readonly syncing: boolean
  readonly invalid: readonly InvalidField[]
}

export const attachEntity = (model: AttachModel, doc: Y.Doc, options: AttachOptions): AttachedEntity =>
  new DocumentEntity(model, doc, options)

class DocumentEntity implements AttachedEntity {
  readonly doc: Y.Doc
  readonly shared: Readonly<Record<string, Y.Text | Y.XmlFragment>>
  readonly get: () => Readonly<Record<string, unknown>>
  readonly subscribe: (listener: () => void) => () => void
  readonly #model: AttachModel
  readonly #writer: Writer
  readonly #array: Y.Array<unknown>
  readonly #view
  #readings: Readings = new Map()
  readonly #written = new Set<string>()
  #closed = false

  constructor(model: AttachModel, doc: Y.Doc, options: AttachOptions) {
    this.doc = doc
    this.#model = model
    this.#writer = createWriter(options)
    const roots = openRoots(model, doc)
    this.shared = roots.shared
    this.#array = roots.array
    this.#readings = this.#current()
    this.#view = createObservable<View>(toView(this.#readings, isWaiting(doc)))
    this.get = () => this.#view.get().value
    this.subscribe = this.#view.subscribe
    doc.on('afterTransaction', this.#afterTransaction)
  }

  get value(): Readonly<Record<string, unknown>> {
    return this.get()
  }

  get syncing(): boolean {
    return this.#view.get().syncing
  }

  get invalid(): readonly InvalidField[] {
    return this.#view.get().invalid
  }

  set(patch: object): void {
    if (this.#closed) throw new TidemarkError('client/closed', `this ${this.#model.type} was closed`)
    const changes = checkPatch(this.#model, patch)
    if (changes.size === 0) return
    this.doc.transact(() => {
      for (const field of changes.keys()) this.#written.add(field)
      writeChanges(this.#model, this.doc, changes, this.#writer)
    }, origins.set)
  }

  close(): void {
    this.#closed = true
    this.doc.off('afterTransaction', this.#afterTransaction)
  }

  readonly #afterTransaction = (transaction: Y.Transaction): void => guarded(() => this.#refresh(transaction))

  #refresh(transaction: Y.Transaction): void {
    const waiting = isWaiting(this.doc)
    const changed = (transaction.changed as ReadonlyMap<unknown, unknown>).has(this.#array)
    if (!changed && waiting === this.syncing) return
    const current = this.#current()
    const next = waiting ? overlay(this.#readings, current, this.#written) : current
    this.#written.clear()
    if (waiting === this.syncing && sameReadings(next, this.#readings)) return
    this.#readings = next
    this.#view.set(toView(next, waiting))
  }

  #current(): Readings {
    const registers = readRegisters(this.#array, this.#writer.read)
    for (const { heads } of registers.values()) for (const head of heads) this.#writer.stamps.adopt(head.t)
    return readFields(this.#model.plan, registers, this.#readings)
  }
}

const toView = (readings: Readings, syncing: boolean): View => ({ value: toValue(readings), syncing, invalid: toInvalid(readings) })

/** `stable`, with the fields that were written here just now as they are. */
const overlay = (stable: Readings, current: Readings, written: ReadonlySet<string>): Readings =>
  new Map([...current].map(([name, reading]) => [name, written.has(name) ? reading : (stable.get(name) ?? reading)]))

const sameReadings = (a: Readings, b: Readings): boolean => [...a].every(([name, reading]) => b.get(name) === reading)

function openRoots(model: WriteModel, doc: Y.Doc): { array: Y.Array<unknown>; shared: Record<string, Y.Text | Y.XmlFragment> } {
  try {
    const shared: Record<string, Y.Text | Y.XmlFragment> = {}
    for (const [name, field] of Object.entries(model.fields)) {
      if (field.kind === 'text') shared[name] = doc.getText(name)
      if (field.kind === 'richText') shared[name] = doc.getXmlFragment(name)
    }
    return { array: doc.getArray<unknown>(entriesName), shared: Object.freeze(shared) }
  } catch (error) {
    throw new TidemarkError('schema/definition', `a field of ${model.type} is in use as another Yjs type in this document`, {
      cause: error,
    })
  }
}
