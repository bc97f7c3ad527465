export { type ErrorCode, errors, type Observable, TidemarkError } from '@tidemark/base'
export {
  defineEntity,
  type EntityDefinition,
  type EntityInit,
  type EntityPatch,
  type EntityValue,
  latest,
  richText,
  text,
} from '@tidemark/schema'
export { deleteLocalData, indexedDbStore, memoryStore, type OpenStore, type StoreStatus } from '@tidemark/store'
export { browserPlatform } from './browser-platform.ts'
export type { Entity } from './entity.ts'
export type { Channel, Lifecycle, Locks, Platform } from './platform.ts'
export type { EntityRow, Query, QueryOptions } from './query.ts'
export type { Receipt } from './receipt.ts'
export { openSpace, type Space, type SpaceOptions, type User } from './space.ts'
export type { PendingTotals, SpaceStatus, SyncPhase } from './status.ts'
export type { RelayOptions } from './sync/engine.ts'
export type { PendingEntity, SpaceSync } from './sync-api.ts'
