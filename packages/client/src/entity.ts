/**
 * A live entity: the typed view of the schema over a document that this space keeps.
 *
 * Each `open` gives a handle of its own; the document stays in memory until the last one is closed.
 */
import { type Observable, TidemarkError } from '@tidemark/base'
import type { AttachedEntity, EntityPatch, EntityShared, EntityValue, Fields, InvalidField } from '@tidemark/schema'
import type * as Y from 'yjs'
import type { OpenDocument } from './open-document.ts'
import type { Confirmations, Receipt } from './receipt.ts'

/** One entity of a space. `get` and `subscribe` are bound. */
export interface Entity<F extends Fields = Fields> extends Observable<EntityValue<F>> {
  readonly type: string
  readonly id: string
  /** The register fields as they are now, frozen; the same reference until one changes. */
  readonly value: EntityValue<F>
  /** Whether the document waits for changes that others build on. */
  readonly syncing: boolean
  /** Fields whose stored value does not validate. */
  readonly invalid: readonly InvalidField[]
  /** The Yjs types of the text fields, for editor bindings. Edits through them are saved and sent by themselves. */
  readonly shared: EntityShared<F>
  readonly doc: Y.Doc
  /** For an entity that `create` gave: the receipt of its creation; otherwise one that is settled already. */
  readonly created: Receipt
  /**
   * Sets fields, all or none; visible at once.
   *
   * @throws {TidemarkError} `schema/invalid`, `schema/unknown-field`, `schema/unstable` or `client/closed`; nothing changed then.
   */
  set(patch: EntityPatch<F>): Receipt
  /** Lets go of the document. Idempotent. */
  close(): void
}

export interface EntityOptions {
  readonly type: string
  readonly id: string
  readonly document: OpenDocument
  readonly attached: AttachedEntity
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
  #isClosed = false

  constructor(options: EntityOptions) {
    this.type = options.type
    this.id = options.id
    this.created = options.created
    this.#options = options
    this.get = options.attached.get
    this.subscribe = options.attached.subscribe
  }

  get value(): Entity['value'] {
    return this.get()
  }

  get syncing(): boolean {
    return this.#options.attached.syncing
  }

  get invalid(): readonly InvalidField[] {
    return this.#options.attached.invalid
  }

  get shared(): Entity['shared'] {
    return this.#options.attached.shared
  }

  get doc(): Y.Doc {
    return this.#options.document.doc
  }

  set(patch: EntityPatch<Fields>): Receipt {
    if (this.#isClosed) throw new TidemarkError('client/closed', `this ${this.type} was closed`)
    const { document, attached, confirmations } = this.#options
    return confirmations.receipt(document.collect(() => attached.set(patch)))
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#options.release()
  }
}
