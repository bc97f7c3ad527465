/** What an oracle is: a promise as a check that watches a world and looks at it once it has healed. */
import type { EntityDefinition, Fields } from '@tidemark/schema'
import type { Tab } from '../device.ts'
import type { Mirror } from '../mirror.ts'
import type { PresenceView } from '../presence.ts'
import type { Failure, World } from '../world.ts'

/** One document as one tab shows it after healing. */
export interface TabView {
  readonly tab: Tab
  readonly document: string
  readonly value: string
  readonly content: string
  readonly isSyncing: boolean
}

/** One row of a list as one tab shows it after healing. */
export interface RowView {
  readonly tab: Tab
  readonly document: string
  readonly value: string
}

/** One list that was on a tab's screen, beside the same list opened anew. */
export interface QueryView {
  readonly tab: Tab
  readonly name: string
  readonly rows: string
  readonly fresh: string
}

/** An entity over a document, whatever its fields. */
export type Attached = ReturnType<EntityDefinition['attach']> & { readonly value: Readonly<Record<string, unknown>> }

/** Everything as it is after healing. */
export interface FinalView {
  /** The relay's disk, read anew. */
  readonly log: Mirror
  /** Each device's disk, read anew. */
  readonly disks: ReadonlyMap<string, Mirror>
  readonly tabs: readonly TabView[]
  readonly rows: readonly RowView[]
  readonly queries: readonly QueryView[]
  /** Who was in which document before everything was opened. */
  readonly presence: readonly PresenceView[]
  /** The entities over the log's documents, by document. */
  readonly entities: ReadonlyMap<string, { readonly attached: Attached; readonly fields: Fields }>
  /** All that an entity shows, in one spelling. */
  readonly read: (entity: Shown) => string
  /** What the relay's documents are in one spelling, by name. */
  readonly content: ReadonlyMap<string, string>
  /** What the entities over them show. */
  readonly values: ReadonlyMap<string, string>
  readonly rowValues: ReadonlyMap<string, string>
}

/** What of an entity is shown to people. */
export type Shown = Pick<Attached, 'value' | 'conflicts' | 'decisions' | 'violations' | 'life'>

export interface Oracle {
  /** Begins with the promise that it guards. */
  readonly name: Failure['oracle']
  /** Called once, before anything runs. */
  watch?(world: World, fail: (detail: string) => void): void
  /** Called when the world has healed and settled. */
  atEnd?(world: World, view: FinalView, fail: (detail: string) => void): void
}
