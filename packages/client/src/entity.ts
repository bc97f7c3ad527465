/**
 * A live entity: the typed view of the schema over a document that this space keeps.
 *
 * Each `open` gives a handle of its own; the document stays in memory until the last one is closed. What the
 * schema does without a network it does here too; what is written gets a receipt.
 */
import { guarded, type Observable, TidemarkError } from '@tidemark/base'
import type { AttachedEntity, Basis, EntityPatch, Fields, ShownPatch } from '@tidemark/schema'
import type { EntityAwareness } from './awareness.ts'
import type { OpenDocument } from './open-document.ts'
import type { Confirmations, Receipt } from './receipt.ts'

/** One entity of a space. `get` and `subscribe` are bound; see `AttachedEntity` for what is shown and decided. */
export interface Entity<F extends Fields = Fields>
  extends Omit<AttachedEntity<F>, 'set' | 'delete' | 'restore' | 'undo' | 'redo' | 'close'> {
  readonly type: string
  readonly id: string
  /** For an entity that `create` gave: the receipt of its creation; otherwise one that is settled already. */
  readonly created: Receipt
  /**
   * Sets fields, all or none; visible at once. Critical fields need the basis that the person was shown.
   *
   * @throws {TidemarkError} as `AttachedEntity.set`; nothing changed then.
   */
  set(patch: EntityPatch<F>): Receipt
  set(patch: ShownPatch<F>, options: { readonly basis: Basis }): Receipt
  /**
   * Runs any writes of this entity, such as `edit.set` or `conflict.decide`, and gives their receipt.
   *
   * @throws whatever `write` throws; `client/closed`; `client/not-found` where the relay refused the creation of the entity.
   */
  write(write: () => void): Receipt
  /** Deletes the entity as it is shown now. Nothing is lost: it can be restored, and late edits are shown. */
  delete(options?: { readonly reason?: string }): Receipt
  restore(): Receipt
  /** Undoes what was done last through this entity; null when there is nothing. */
  undo(): Receipt | null
  redo(): Receipt | null
  /**
   * Who else is in this document, in any tab and on any device, and what they show of themselves, such as a name, a colour and
   * a cursor. It takes the place of y-protocols' class in editor bindings, and stock clients of the document are in it too.
   * One is shown from the first time that it is asked for until the last handle is closed; nothing of it is stored.
   */
  readonly awareness: EntityAwareness
  /**
   * Which branch of the document is shown. It changes when the relay refused something that was written in it: then `doc`,
   * `shared` and `awareness` are other ones, without the refused change, and whatever is bound to them is to be mounted anew.
   * Those who follow the entity hear of it by themselves.
   */
  readonly branch: Observable<number>
  /** Lets go of the document. Idempotent. */
  close(): void
}

export interface EntityOptions {
  readonly type: string
  readonly id: string
  readonly document: OpenDocument
  /** The schema's view, made when it is first asked for. */
  readonly attached: () => AttachedEntity
  readonly awareness: () => EntityAwareness
  readonly confirmations: Confirmations
  readonly created: Receipt
  readonly release: () => void
}

export const createEntity = (options: EntityOptions): Entity => new EntityHandle(options)

class EntityHandle implements Entity {
  readonly type: string
  readonly id: string
  readonly get: Entity['get']
  readonly subscribe: Entity['subscribe']
  readonly created: Receipt
  readonly #options: EntityOptions
  #branch: Observable<number> | null = null
  #isClosed = false

  constructor(options: EntityOptions) {
    this.type = options.type
    this.id = options.id
    this.created = options.created
    this.#options = options
    this.get = () => this.#attached.get()
    this.subscribe = (listener) => this.#follow(listener)
  }

  /** Goes on with the document that takes the place of this one. */
  #follow(listener: () => void): () => void {
    let stop = this.#attached.subscribe(listener)
    const stopReplaced = this.#options.document.onReplaced(() => {
      stop()
      stop = this.#attached.subscribe(listener)
      guarded(listener)
    })
    return () => {
      stopReplaced()
      stop()
    }
  }

  get #attached(): AttachedEntity {
    return this.#options.attached()
  }

  get value(): Entity['value'] {
    return this.get()
  }

  get syncing(): boolean {
    return this.#attached.syncing
  }

  get invalid(): Entity['invalid'] {
    return this.#attached.invalid
  }

  get conflicts(): Entity['conflicts'] {
    return this.#attached.conflicts
  }

  get decisions(): Entity['decisions'] {
    return this.#attached.decisions
  }

  get violations(): Entity['violations'] {
    return this.#attached.violations
  }

  get life(): Entity['life'] {
    return this.#attached.life
  }

  get reports(): Entity['reports'] {
    return this.#attached.reports
  }

  get references(): Entity['references'] {
    return this.#attached.references
  }

  get shared(): Entity['shared'] {
    return this.#attached.shared
  }

  get doc(): Entity['doc'] {
    return this.#options.document.doc
  }

  get awareness(): EntityAwareness {
    this.#checkOpen()
    return this.#options.awareness()
  }

  get branch(): Observable<number> {
    const { document } = this.#options
    this.#branch ??= { get: () => document.branch, subscribe: (listener) => document.onReplaced(listener) }
    return this.#branch
  }

  get canUndo(): boolean {
    return this.#attached.canUndo
  }

  get canRedo(): boolean {
    return this.#attached.canRedo
  }

  conflict(field: string): never {
    return this.#attached.conflict(field as never) as never
  }

  edit(): ReturnType<Entity['edit']> {
    this.#checkOpen()
    return this.#attached.edit()
  }

  shown(): Basis {
    return this.#attached.shown()
  }

  set(patch: object, options?: { readonly basis: Basis }): Receipt {
    return this.write(() => (options === undefined ? this.#attached.set(patch) : this.#attached.set(patch, options)))
  }

  write(write: () => void): Receipt {
    this.#checkOpen()
    const { document, confirmations } = this.#options
    if (document.isEmpty) throw new TidemarkError('client/not-found', `nothing of ${document.name} is left: its creation was refused`)
    return confirmations.receipt(document.collect(write))
  }

  decideAll(...args: Parameters<Entity['decideAll']>): void {
    this.#checkOpen()
    this.#attached.decideAll(...args)
  }

  delete(options?: { readonly reason?: string }): Receipt {
    return this.write(() => this.#attached.delete(options))
  }

  restore(): Receipt {
    return this.write(() => this.#attached.restore())
  }

  undo(): Receipt | null {
    return this.#step(() => this.#attached.undo())
  }

  redo(): Receipt | null {
    return this.#step(() => this.#attached.redo())
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#options.release()
  }

  #step(step: () => boolean): Receipt | null {
    let isDone = false
    const receipt = this.write(() => {
      isDone = step()
    })
    return isDone ? receipt : null
  }

  #checkOpen(): void {
    if (this.#isClosed || this.doc.isDestroyed) throw new TidemarkError('client/closed', `this ${this.type} was closed`)
  }
}
