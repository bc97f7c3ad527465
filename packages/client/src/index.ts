export { type ErrorCode, errors, type Observable, TidemarkError } from '@tidemark/base'
export {
  arbitrated,
  type Basis,
  type Candidate,
  type Conflict,
  type CriticalOptions,
  type CriticalValue,
  counter,
  critical,
  type Decision,
  type DecisionRequest,
  type DiffPart,
  defineEntity,
  type Edit,
  type EntityDefinition,
  type EntityInit,
  type EntityPatch,
  type EntityRow as RowValue,
  type EntityValue,
  type Fields,
  type Invariant,
  type Life,
  latest,
  list,
  merged,
  reference,
  richText,
  setOf,
  text,
  type Violation,
} from '@tidemark/schema'
export { deleteLocalData, indexedDbStore, memoryStore, type OpenStore, type StoreStatus } from '@tidemark/store'
export type { AwarenessChanges, AwarenessEvent, AwarenessListener, AwarenessState, EntityAwareness } from './awareness.ts'
export { browserPlatform } from './browser-platform.ts'
export type { Entity } from './entity.ts'
export type { Channel, Lifecycle, Locks, Platform } from './platform.ts'
export type { EntityRow, Query, QueryOptions } from './query.ts'
export type { Receipt } from './receipt.ts'
export type { RefusedChange, RefusedChanges, RefusedPreview } from './refused-changes.ts'
export { openSpace, type Space, type SpaceOptions, type User } from './space.ts'
export type { DocumentBytes, SpaceDocuments } from './space-documents.ts'
export type { PendingTotals, SpaceStatus, SyncPhase } from './status.ts'
export type { RelayOptions } from './sync/engine-options.ts'
export type { PendingEntity, SpaceSync } from './sync-api.ts'
export { type UnloadTarget, warnBeforeUnload } from './unload.ts'
