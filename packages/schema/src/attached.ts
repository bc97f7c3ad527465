/**
 * An entity over one `Y.Doc`: what it reads as now, told to listeners when that changes, and the ways to change it.
 *
 * Invariants
 * 1. What is shown is a pure function of the document's content, except while the document waits for structs or deletes
 *    that have not arrived: then it stays at what was stable last, plus own writes since, and `syncing` is true.
 * 2. The reference of `get()` changes exactly when something shown here does; each list keeps its own reference until it does.
 * 3. Our listeners on the document never throw: an exception there would disable the document for good.
 */
import { type Observable, TidemarkError } from '@tidemark/base'
import type * as Y from 'yjs'
import { type Basis, basisOf } from './basis.ts'
import { createHandle } from './collection.ts'
import { type Choice, type Conflict, type DecideOptions, decideAll } from './conflict.ts'
import type { Decision } from './decision.ts'
import { createEdit, type Edit, writePatch } from './edit.ts'
import type { Fields } from './field.ts'
import type { InvalidField } from './field-reading.ts'
import type { DecisionRequest, Host } from './host.ts'
import { checkDraft, checkReadings, type Invariants, type Violation } from './invariant.ts'
import { deletion, isDeleted, type Life, restoration } from './life.ts'
import { origins } from './origins.ts'
import { type Lookup, type ReferenceView, readReferences } from './reference.ts'
import { isWaiting } from './register.ts'
import { createRegisterIndex, type RegisterIndex } from './register-index.ts'
import { openRoots, type Roots } from './roots.ts'
import { createScreen, type Report, type Screen } from './screen.ts'
import type { CriticalName, EntityConflict, EntityDecision, EntityPatch, EntityShared, EntityValue, ShownPatch } from './types.ts'
import { createUndoStack, type UndoStack } from './undo.ts'
import { appendEntry, createWriter, type WriteModel, type WriteOptions, type Writer } from './writing.ts'

/** Who works on an attached entity, what they may, and where it finds others. */
export interface AttachOptions extends WriteOptions {
  /** Whether this user may decide; everybody may by default. A relay with a guard file checks it again. */
  readonly mayDecide?: (request: DecisionRequest) => boolean
  /** Finds the entities that `reference()` fields name. */
  readonly lookup?: Lookup
  /** Tells when `lookup` may find something else; then listeners are told where a reference reads differently. */
  readonly lookupChanged?: (listener: () => void) => () => void
}

/** A typed view on one document. `get` and `subscribe` are bound; `subscribe` tells of every change of what is shown here. */
export interface AttachedEntity<F extends Fields = Fields> extends Observable<EntityValue<F>> {
  /** What `get()` gives, frozen. A required field without valid value is `undefined` and stands in `invalid`. */
  readonly value: EntityValue<F>
  /** Whether the document waits for changes that others build on; what is shown is then the last stable state. */
  readonly syncing: boolean
  /** Fields whose stored value does not validate, or that are required and have none yet. */
  readonly invalid: readonly InvalidField[]
  /** The critical fields that a person has to decide, in the order in which they are declared. */
  readonly conflicts: readonly EntityConflict<F>[]
  /** The conflict of one critical field, with that field's types; `null` when it is settled. */
  conflict<K extends CriticalName<F>>(field: K): Extract<EntityConflict<F>, { readonly field: K }> | null
  /** Every decision that was made, in order of time. */
  readonly decisions: readonly EntityDecision<F>[]
  /** The invariants that a merge of valid writes broke. */
  readonly violations: readonly Violation[]
  /** Whether the entity is deleted, by whom, and what others did to it without knowing. */
  readonly life: Life
  /** What the app's people should look at: fields in which more stands than `limits.heads`. */
  readonly reports: readonly Report[]
  /** What has become of the entities that its references name. */
  readonly references: readonly ReferenceView[]
  /** What is changed in place: Yjs types for editor bindings, and handles of sets, counters and lists. */
  readonly shared: EntityShared<F>
  readonly doc: Y.Doc
  /** Opens an edit: what the person is shown from now on is what its writes are based on. */
  edit(): Edit<F>
  /** What is shown now of the critical fields, as plain JSON: the basis of a write that comes later. */
  shown(): Basis
  /**
   * Sets fields, all or none, in one transaction; `undefined` clears an optional field. Critical fields need a basis.
   *
   * @throws {TidemarkError} `schema/invalid`, `schema/unstable`, `schema/too-large`, `schema/unknown-field`,
   * `schema/no-basis`, `schema/in-conflict`, `schema/invariant`, `schema/deleted` or `client/closed`; nothing changed then.
   */
  set(patch: EntityPatch<F>): void
  set(patch: ShownPatch<F>, options: { readonly basis: Basis }): void
  /**
   * Decides each open conflict for which `pick` gives a choice, all or none, in one transaction.
   *
   * @throws {TidemarkError} as `conflict.decide`; nothing changed then.
   */
  decideAll(pick: (conflict: EntityConflict<F>) => Choice | null, options?: DecideOptions): void
  /** Deletes the entity as it is shown now. Nothing is lost; again, it confirms the deletion over late edits. */
  delete(options?: { readonly reason?: string }): void
  /** Takes a deletion back. */
  restore(): void
  /**
   * Undoes what was done last through this entity, in text and fields alike; `false` when there is nothing.
   *
   * @throws {TidemarkError} `schema/invariant` when what stood before would break a rule now; the step stays.
   */
  undo(): boolean
  redo(): boolean
  readonly canUndo: boolean
  readonly canRedo: boolean
  /** Stops following the document, which stays open. Idempotent. */
  close(): void
}

/** The part of a definition that attaching needs. */
export interface AttachModel extends WriteModel {
  readonly invariants: Invariants
}

/** See `EntityDefinition.attach`. */
export const attachEntity = (model: AttachModel, doc: Y.Doc, options: AttachOptions): AttachedEntity =>
  new DocumentEntity(model, doc, options)

class DocumentEntity implements AttachedEntity {
  readonly doc: Y.Doc
  readonly shared: Readonly<Record<string, unknown>>
  readonly get: () => Readonly<Record<string, unknown>>
  readonly subscribe: (listener: () => void) => () => void
  readonly #model: AttachModel
  readonly #options: AttachOptions
  readonly #index: RegisterIndex
  readonly #writer: Writer
  readonly #host: Host
  readonly #screen: Screen
  readonly #undo: UndoStack
  readonly #unwatch: () => void
  #closed = false

  constructor(model: AttachModel, doc: Y.Doc, options: AttachOptions) {
    this.doc = doc
    this.#model = model
    this.#options = options
    const roots = openRoots(model, doc)
    this.#index = createRegisterIndex(model, doc)
    this.#writer = createWriter(model, doc, options, this.#index)
    this.#undo = createUndoStack(doc, undoScope(model, roots))
    this.#host = this.#createHost()
    this.#screen = createScreen(this.#host, model.invariants, roots)
    this.shared = this.#createShared(roots)
    this.#unwatch = options.lookupChanged?.(() => this.#screen.lookAgain()) ?? (() => undefined)
    this.get = () => this.#screen.get().value
    this.subscribe = this.#screen.subscribe
  }

  get value(): Readonly<Record<string, unknown>> {
    return this.get()
  }

  get syncing(): boolean {
    return this.#screen.get().syncing
  }

  get invalid(): readonly InvalidField[] {
    return this.#screen.get().invalid
  }

  get conflicts(): readonly Conflict[] {
    return this.#screen.get().conflicts
  }

  conflict(field: string): never {
    // reason: the conflict of the field at hand; its types are known to the caller's F only.
    return (this.conflicts.find((conflict) => conflict.field === field) ?? null) as never
  }

  get decisions(): readonly Decision[] {
    return this.#screen.get().decisions
  }

  get violations(): readonly Violation[] {
    return this.#screen.get().violations
  }

  get life(): Life {
    return this.#screen.get().life
  }

  get reports(): readonly Report[] {
    return this.#screen.get().reports
  }

  get references(): readonly ReferenceView[] {
    return this.#screen.references()
  }

  get canUndo(): boolean {
    return this.#undo.canUndo
  }

  get canRedo(): boolean {
    return this.#undo.canRedo
  }

  edit(): Edit {
    return createEdit(this.#host)
  }

  shown(): Basis {
    return basisOf(this.#model.plan, this.#screen.readings())
  }

  set(patch: object, options?: { readonly basis: Basis }): void {
    this.#checkOpen()
    writePatch(this.#host, patch, options?.basis ?? null)
  }

  decideAll(pick: (conflict: Conflict) => Choice | null, options: DecideOptions = {}): void {
    decideAll(this.#host, this.#screen.get().conflicts, pick, options)
  }

  delete({ reason }: { readonly reason?: string } = {}): void {
    const { life } = this
    if (life.status === 'deleted' && life.edits.length === 0) return
    const heads = [...this.#screen.readings().values()].flatMap((reading) => reading.heads)
    const registers = this.#writer.registers()
    const unknown = [...registers].flatMap(([name, register]) => (this.#model.plan.has(name) || name.startsWith('$') ? [] : register.heads))
    this.#host.change(() => this.#host.append(deletion(this.doc, registers, [...heads, ...unknown], reason)), 'life')
  }

  restore(): void {
    const registers = this.#writer.registers()
    if (isDeleted(registers)) this.#host.change(() => this.#host.append(restoration(registers)), 'life')
  }

  undo(): boolean {
    this.#checkOpen()
    return this.#undo.undo()
  }

  redo(): boolean {
    this.#checkOpen()
    return this.#undo.redo()
  }

  close(): void {
    this.#closed = true
    this.#unwatch()
    this.#screen.close()
    this.#index.close()
    this.#undo.close()
  }

  #checkOpen(): void {
    if (this.#closed) throw new TidemarkError('client/closed', `this ${this.#model.type} was closed`)
  }

  #createHost(): Host {
    const writer = this.#writer
    return {
      writer,
      readings: () => this.#screen.readings(),
      register: (field) => writer.registers().get(field),
      heads: (field) => (isWaiting(this.doc) ? this.#screen.readings().get(field)?.heads : writer.registers().get(field)?.heads) ?? [],
      change: (write, about) => {
        this.#checkOpen()
        if (about !== 'life' && isDeleted(writer.registers())) {
          throw new TidemarkError('schema/deleted', `this ${this.#model.type} was deleted: restore it first`)
        }
        return this.doc.transact(write, about === 'life' ? origins.life : origins.set)
      },
      append: (draft) => appendEntry(writer, draft, writer.registers().get(draft.f)),
      checkDraft: (changes) => checkDraft(this.#model, this.#model.invariants, this.#screen.readings(), changes),
      checkDecider: (field) => {
        if (this.#options.mayDecide?.({ field, user: writer.user }) === false) {
          throw new TidemarkError('schema/may-not-decide', `${writer.user || 'this user'} may not decide ${field}`)
        }
      },
      standIns: new Map(),
      done: (step) => this.#undo.done(step),
      references: () => readReferences(this.#model.plan, this.#screen.readings(), this.#options.lookup, this.#options),
    }
  }

  #createShared({ texts, collections }: Roots): Readonly<Record<string, unknown>> {
    const shared: Record<string, unknown> = Object.fromEntries(texts)
    for (const [name, array] of collections) {
      const field = this.#model.fields[name]
      if (field?.kind !== 'set' && field?.kind !== 'counter' && field?.kind !== 'list') continue
      const check = (plain: unknown): void => {
        const draft = new Map(this.#screen.readings())
        draft.set(name, { heads: [], groups: [], value: plain, plain, isOpen: false, invalid: null })
        checkReadings(this.#model.invariants, draft, new Set([name]))
      }
      shared[name] = createHandle({ name, array, host: this.#host, check, stop: () => this.#undo.stop() }, field)
    }
    return Object.freeze(shared)
  }
}

/** What a `Y.UndoManager` takes: text and lists; sets and counters are undone by inverse steps. */
const undoScope = (model: WriteModel, { texts, collections }: Roots): Y.AbstractType<unknown>[] => [
  ...(texts.values() as Iterable<Y.AbstractType<unknown>>),
  ...[...collections].flatMap(([name, array]) => (model.fields[name]?.kind === 'list' ? [array as Y.AbstractType<unknown>] : [])),
]
