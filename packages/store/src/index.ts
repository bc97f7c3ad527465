export type {
  Acknowledged,
  Batch,
  Committed,
  Discard,
  DocPatch,
  FoldWrite,
  ForkWrite,
  QuarantineWrite,
  RowWrite,
  SnapshotWrite,
} from './batch.ts'
export { deleteLocalData, type IndexedDbStoreOptions, indexedDbStore } from './indexeddb-store.ts'
export type { LocalStore, OpenStore, PendingSum } from './local-store.ts'
export { isLongLog } from './log-policy.ts'
export { createMemoryDatabase, type MemoryDatabase } from './memory-database.ts'
export { type MemoryFaults, type MemoryStoreOptions, memoryStore } from './memory-store.ts'
export type { EvictionMarker } from './origin-storage.ts'
export { isPendingUpdate } from './pending.ts'
export type {
  DamagedPart,
  DocRecord,
  Json,
  PendingDocument,
  PendingRange,
  QuarantinedRecord,
  RefusedChange,
  Row,
  Snapshot,
  SnapshotFormat,
  StorageEstimate,
  StoredDocument,
  StoredUpdate,
  StoreStatus,
} from './stored.ts'
