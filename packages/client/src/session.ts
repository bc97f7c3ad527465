/**
 * The composition of an open space in one tab: documents, rows, saver, tabs, engine and status, and who
 * tells whom.
 */
import { randomId, reportUncaught, TidemarkError } from '@tidemark/base'
import { documentName } from '@tidemark/protocol'
import {
  type AttachedEntity,
  createStampClock,
  type EntityDefinition,
  type EntityInit,
  type Fields,
  type EntityRow as RowValue,
  type StampClock,
} from '@tidemark/schema'
import type { LocalStore, Row } from '@tidemark/store'
import type * as Y from 'yjs'
import type { EntityAwareness } from './awareness.ts'
import { Background } from './background.ts'
import { createCompactor } from './compactor.ts'
import { Documents } from './documents.ts'
import { createEntity, type Entity } from './entity.ts'
import type { OpenDocument } from './open-document.ts'
import type { Platform } from './platform.ts'
import { Presence } from './presence.ts'
import { createQuery, type Query, type QueryOptions } from './query.ts'
import { Confirmations } from './receipt.ts'
import { RefusedList } from './refused-changes.ts'
import { Saver } from './saver.ts'
import type { Space, SpaceOptions, User } from './space.ts'
import { createSpaceDocuments, type SpaceDocuments } from './space-documents.ts'
import { projected, SpaceRows } from './space-rows.ts'
import { fromPlainError } from './status.ts'
import type { StoredDocuments } from './stored.ts'
import type { UpdateKey } from './sync/branching.ts'
import type { Sent } from './sync/pusher.ts'
import { SyncControl } from './sync-control.ts'
import { joinTabs, type RowAt, type TabMessage, type Tabs } from './tabs.ts'
import { lookupOf, type TargetsOptions, targetTypes } from './targets.ts'
import { Told } from './told.ts'

export interface SessionOptions extends Omit<SpaceOptions, 'store'> {
  readonly platform: Platform
  readonly store: LocalStore
  readonly replica: string
}

export async function createSession(options: SessionOptions): Promise<Space> {
  const { values } = await options.store.state()
  return new Session(options, typeof values.clockOffsetMs === 'number' ? values.clockOffsetMs : 0)
}

class Session implements Space {
  readonly name: string
  readonly user: User
  readonly #options: SessionOptions
  readonly #writer: string
  readonly #definitions: ReadonlyMap<string, EntityDefinition>
  readonly #documents: Documents
  readonly #attached = new WeakMap<OpenDocument, AttachedEntity>()
  readonly #followed = new WeakSet<OpenDocument>()
  readonly #rows: SpaceRows
  readonly #saver: Saver
  readonly #confirmations: Confirmations
  readonly #background: Background
  readonly #stamps: StampClock
  readonly #presence: Presence
  readonly #tabs: Tabs
  readonly sync: SyncControl
  readonly refused: RefusedList
  readonly documents: SpaceDocuments
  readonly #told: Told
  #n = 0
  #closing: Promise<void> | null = null

  constructor(options: SessionOptions, clockOffsetMs: number) {
    this.#options = options
    this.name = options.name
    this.user = options.user
    const { platform, store } = options
    const { clock, random } = platform
    this.#writer = randomId(random)
    this.#told = new Told(this.#writer, clock.now())
    this.#definitions = new Map(options.entities.map((entity) => [entity.type, entity]))
    this.#confirmations = new Confirmations(this.#writer, clock, store)
    const nextKey = (): { writer: string; n: number } => ({ writer: this.#writer, n: ++this.#n })
    const isChosen = options.scope === 'opened'
    this.#saver = new Saver({
      store,
      clock,
      nextKey,
      isChosen,
      stored: (stored, rows) => this.#savedHere(stored, rows),
      aside: (names) => {
        this.#branched(names)
        this.#tabs.post({ type: 'refused-changed' })
      },
    })
    this.#documents = new Documents({
      store,
      clock,
      random,
      save: (document, bytes, branch) => this.#saver.add(document, bytes, branch),
      project: (doc) => this.#project(doc.guid, doc),
    })
    const channel = `${encodeURIComponent(options.user.id)}:${encodeURIComponent(options.name)}`
    this.#rows = new SpaceRows(this.#documents, (type) => store.rows(type))
    this.#background = new Background({
      store,
      compactor: createCompactor(store, platform, { lock: `tidemark-compact:${channel}`, hasRelay: options.relay !== undefined }),
      onScreen: () => this.#rows.onScreen(),
      clock,
      documents: this.#documents,
      project: (name, doc) => this.#project(name, doc),
      refreshed: (rows) => this.#refreshed(rows),
    })
    const post = (message: TabMessage): void => this.#tabs.post(message)
    this.#presence = new Presence({ clock, tab: this.#writer, post, say: (messages) => this.sync.say(messages) })
    this.refused = new RefusedList({
      store,
      nextKey,
      confirmations: this.#confirmations,
      project: (name, doc) => this.#project(name, doc)?.value ?? null,
      readmitted: (stored) => this.#adopted(stored),
      changed: () => post({ type: 'refused-changed' }),
      checkOpen: () => this.#checkOpen(),
    })
    this.sync = new SyncControl({ ...options, nextKey, saver: this.#saver, presence: this.#presence, refused: this.refused, post })
    this.#stamps = createStampClock({ now: () => clock.now() + (this.sync.clockOffsetMs ?? clockOffsetMs) })
    this.sync.events.add((event) => {
      if (event.type === 'stored') this.#storedByFeed(event.stored)
      else if (event.type === 'sending') this.#sending(event.sent)
      else if (event.type === 'erased') this.#erased(event.rows)
      else if (event.type === 'acknowledged') this.#confirmations.acknowledged(event.items, event.names)
      else if (event.type === 'retried') this.#confirmations.retried(event.names)
      else if (event.type === 'forked') this.#forked(event.name, event.updates, event.error)
      else this.#confirmations.refused(event.name, event.error)
    })
    this.#tabs = joinTabs({
      platform,
      name: `tidemark:${channel}`,
      message: (message) => this.#heard(message),
      lead: () => {
        this.sync.lead()
        this.#background.wake(0)
        this.#tabs.post({ type: 'leads' })
        this.#ledAnew()
      },
    })
    this.#tabs.post({ type: 'joined' })
    this.documents = createSpaceDocuments({
      store,
      documents: this.#documents,
      nextKey,
      isChosen,
      adopted: (stored) => this.#adopted(stored),
      checkOpen: () => this.#checkOpen(),
    })
  }

  get status(): Space['status'] {
    return this.sync.status
  }

  async create<F extends Fields>(
    entity: EntityDefinition<F>,
    init: EntityInit<F>,
    { id }: { readonly id?: string } = {},
  ): Promise<Entity<F>> {
    this.#check(entity)
    const name = documentName(entity.type, id ?? randomId(this.#options.platform.random))
    const isTaken = async (): Promise<boolean> =>
      this.#documents.get(name) !== undefined || (await this.#options.store.load([name])).has(name)
    if (id !== undefined && (await isTaken())) throw new TidemarkError('client/exists', `${name} exists on this device`)
    this.#check(entity)
    // Another creation of the same id may have come first meanwhile.
    if (this.#documents.get(name) !== undefined) throw new TidemarkError('client/exists', `${name} exists on this device`)
    const document = this.#documents.create(name)
    try {
      const stored = document.collect(() => entity.initialise(document.doc, init, { user: this.user.id, stamps: this.#stamps }))
      return this.#handle(entity, document, this.#confirmations.receipt(stored))
    } catch (error) {
      this.#documents.release(document)
      throw error
    }
  }

  async open<F extends Fields>(entity: EntityDefinition<F>, id: string): Promise<Entity<F>> {
    this.#check(entity)
    const name = documentName(entity.type, id)
    const document = await this.#documents.open(name).catch((error: unknown) => this.#fetched(name, error))
    return this.#handle(entity, document, this.#confirmations.settled)
  }

  /** A document that is not on this device, from the relay. */
  async #fetched(name: string, missing: unknown): Promise<OpenDocument> {
    const isMissing = missing instanceof TidemarkError && missing.code === 'client/not-found'
    if (!isMissing || this.#options.scope !== 'opened' || this.#options.relay === undefined) throw missing
    if (!(await this.sync.fetch(name))) throw missing
    return await this.#documents.open(name)
  }

  query<F extends Fields>(entity: EntityDefinition<F>, options: QueryOptions<RowValue<F>> = {}): Query<RowValue<F>> {
    this.#check(entity)
    const query = createQuery<RowValue<F>>(this.#rows.table(entity.type), options, () => ends())
    const ends = this.#rows.follow(query)
    return query
  }

  async lock(): Promise<void> {
    if (this.#closing === null) this.#tabs.post({ type: 'lock' })
    await this.#lock()
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  /** What waits is saved before the keys go. */
  async #lock(): Promise<void> {
    await this.close()
    this.sync.lock()
  }

  async #close(): Promise<void> {
    await this.#saver.close()
    this.#presence.close()
    await this.sync.close()
    this.#tabs.close()
    this.#background.close()
    this.#confirmations.close()
    this.refused.close()
    this.#documents.close()
    await this.#options.store.close()
  }

  #checkOpen(): void {
    if (this.#closing !== null) throw new TidemarkError('client/closed', `the space ${this.name} is closed`)
  }

  #check(entity: { readonly type: string }): void {
    this.#checkOpen()
    if (this.#definitions.get(entity.type) !== entity) {
      throw new TidemarkError('client/unknown-entity', `the space was opened without this definition of ${entity.type}`)
    }
  }

  #handle<F extends Fields>(entity: EntityDefinition<F>, document: OpenDocument, created: Entity['created']): Entity<F> {
    const { type } = entity
    this.#follow(document)
    const attached = (): AttachedEntity => this.#attached.get(document) ?? this.#attach(entity as unknown as EntityDefinition, document)
    const id = document.name.slice(type.length + 1)
    const awareness = (): EntityAwareness => this.#presence.of(document.name, document.doc)
    const release = (): void => this.#documents.release(document)
    // reason: the handle works on unknown values; the types of F are exact only at this rim.
    const parts = { document, attached, awareness, confirmations: this.#confirmations, created, release }
    return createEntity({ type, id, ...parts }) as unknown as Entity<F>
  }

  #attach(entity: EntityDefinition, document: OpenDocument): AttachedEntity {
    const { mayDecide } = this.#options
    const attached = entity.attach(document.doc, {
      user: this.user.id,
      stamps: this.#stamps,
      ...(mayDecide === undefined ? {} : { mayDecide }),
      ...lookupOf(this.#targets(), targetTypes(entity)),
    })
    this.#attached.set(document, attached)
    document.doc.on('destroy', () => attached.close())
    return attached
  }

  /** Shows the document's row from now on. Its entity is read when somebody asks: opening many costs no more than their bytes. */
  #follow(document: OpenDocument): void {
    if (this.#followed.has(document)) return
    this.#followed.add(document)
    this.#rows.show(document)
    document.changed.add(() => this.#rows.show(document))
    // What was attached to the document of before ended with it.
    document.onReplaced(() => this.#attached.delete(document))
  }

  #targets(): TargetsOptions {
    return {
      documents: this.#documents,
      table: (type) => (this.#definitions.has(type) ? this.#rows.table(type) : null),
      restore: async (type, id) => {
        const target = await this.open(this.#definitions.get(type) as EntityDefinition, id)
        target.restore()
        target.close()
      },
    }
  }

  #project(name: string, doc: Y.Doc): Row | null {
    return projected(this.#definitions, name, doc, this.#options.platform.clock.now())
  }

  #savedHere(stored: StoredDocuments, rows: readonly Row[]): void {
    for (const [name, revision] of stored.revisions) {
      const document = this.#documents.get(name)
      if (document !== undefined && !document.saw(revision)) this.#documents.reload(document)
    }
    this.#tabs.post({ type: 'stored', updates: stored.updates, revisions: [...stored.revisions] })
    const rowsAt = rows.map((row) => ({ row, revision: stored.revisions.get(`${row.type}/${row.id}`) ?? 0 }))
    if (rows.length > 0) this.#tabs.post({ type: 'rows', rows: rowsAt })
    this.sync.wrote(stored.updates)
    if (this.#tabs.isLeader) this.#background.changed(stored.revisions.keys())
  }

  #storedByFeed(stored: StoredDocuments): void {
    this.#share(stored)
    this.#background.changed(stored.revisions.keys())
  }

  /** A tab may have ended between storing and telling: this one tells in its place. */
  #sending(sent: readonly Sent[]): void {
    const untold = this.#told.missing(sent)
    if (untold.revisions.size === 0) return
    this.#share(untold)
    this.#background.tell(untold.revisions.keys())
  }

  #share(stored: StoredDocuments): void {
    this.#documents.stored(stored)
    this.#tabs.post({ type: 'stored', updates: stored.updates, revisions: [...stored.revisions] })
  }

  /** As if the feed had brought them, by any tab: only the leading one refreshes rows and carries. */
  #adopted(stored: StoredDocuments): void {
    this.#share(stored)
    this.sync.wrote(stored.updates)
    if (this.#tabs.isLeader) this.#background.changed(stored.revisions.keys())
  }

  /** A tab leads anew: the one before may have stored what it told nobody. */
  #ledAnew(): void {
    this.#documents.refresh()
    void this.refused.refresh()
    this.#confirmations.find().catch((error: unknown) => {
      if (this.#closing === null) reportUncaught(error)
    })
  }

  /** These updates are no longer part of the document, here or in another tab: it goes on without them. */
  #forked(name: string, updates: readonly UpdateKey[], error: TidemarkError): void {
    this.#confirmations.forked(name, updates, error)
    this.#branched([name])
  }

  /** Documents stand on another branch in the database than in memory, or may do so. */
  #branched(names: Iterable<string>): void {
    this.#documents.replaced(names)
    void this.refused.refresh()
    if (this.#tabs.isLeader) this.#background.changed(names)
  }

  #refreshed(rows: readonly RowAt[]): void {
    this.#rows.put(rows)
    this.#tabs.post({ type: 'rows', rows })
  }

  /** Documents that were erased for good are no longer open anywhere, and in no list. */
  #erased(rows: readonly RowAt[]): void {
    for (const { row } of rows) this.#documents.erase(`${row.type}/${row.id}`)
    this.#rows.put(rows)
  }

  #heard(message: TabMessage): void {
    switch (message.type) {
      case 'stored':
        this.#told.note(message.updates)
        this.#documents.stored({ updates: message.updates, revisions: new Map(message.revisions) })
        this.sync.wrote(message.updates)
        if (this.#tabs.isLeader) this.#background.changed(message.revisions.map(([name]) => name))
        return
      case 'rows':
        return this.#rows.put(message.rows)
      case 'erased':
        return this.#erased(message.rows)
      case 'leads':
        return this.#ledAnew()
      case 'acknowledged':
        return this.#confirmations.acknowledged(message.items, message.names)
      case 'retried':
        return this.#confirmations.retried(message.names)
      case 'refused':
        return void this.#confirmations.heardRefused(message.name, fromPlainError(message.error) as TidemarkError)
      case 'forked':
        return this.#forked(message.name, message.updates, fromPlainError(message.error) as TidemarkError)
      case 'refused-changed':
        return void this.refused.refresh()
      case 'lock':
        return void this.#lock().catch(reportUncaught)
      default:
        return this.sync.heard(message)
    }
  }
}
