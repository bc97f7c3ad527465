export { deleteLocalData, type IndexedDbStoreOptions, indexedDbStore } from './indexeddb-store.ts'
export type {
  Acknowledged,
  Batch,
  Committed,
  DocPatch,
  DocRecord,
  Json,
  LocalStore,
  OpenStore,
  PendingDocument,
  PendingRange,
  Row,
  RowWrite,
  SnapshotWrite,
  StoredDocument,
  StoredUpdate,
  StoreStatus,
} from './local-store.ts'
export { createMemoryDatabase, type MemoryDatabase } from './memory-database.ts'
export { type MemoryFaults, type MemoryStoreOptions, memoryStore } from './memory-store.ts'
export { isPendingUpdate } from './pending.ts'
