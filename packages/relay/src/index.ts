export { type DirectoryOptions, openKeeper, type RestoreOptions, type RestoreReport, restoreBackup } from './directory.ts'
export type { FeedBatch, FeedChange, FeedReader, FeedReaderOptions } from './feed-reader.ts'
export type { PrefixGrant } from './grants.ts'
export type {
  ArbitrationRequest,
  CommittedChange,
  ConnectionEvent,
  HookRefusal,
  ProposedChange,
  RelayHooks,
} from './hooks.ts'
export { defaultRelayBounds, type RelayBounds } from './limits.ts'
export type {
  ChangedDocument,
  ChangedDocumentsPage,
  ChangesPage,
  LoadedDocument,
  Log,
  LogEntry,
  LoggedUpdate,
  Place,
  PurgedDocument,
  ReadLimits,
  SpaceHistory,
} from './log.ts'
export type { RelayLogger } from './logger.ts'
export type {
  BackupReport,
  DocumentDetails,
  DocumentSummary,
  Maintenance,
  Problem,
  SpaceSummary,
  VerifyDepth,
  VerifyReport,
} from './maintenance.ts'
export {
  createMemoryDisk,
  createMemoryLog,
  createTombstones,
  type MemoryDisk,
  type MemoryLogOptions,
  type Tombstones,
} from './memory-log.ts'
export type { RelayMeter } from './metering.ts'
export type { Grant } from './offer.ts'
export { protocolPath } from './paths.ts'
export { type ConnectionInfo, createRelay, type Relay, type RelayFigures, type RelayOptions } from './relay.ts'
export { createRelayServer, type RelayServer, type RelayServerOptions, serverLimits } from './server.ts'
export { type Authorize, anonymous, type SignIn, type SignInRequest } from './sign-in.ts'
export { type JwtSignInOptions, jwtLimits, jwtSignIn } from './sign-in-jwt.ts'
export type { SqliteKeeper } from './sqlite-keeper.ts'
export { openSqliteLog, type SqliteLog, type SqliteLogOptions } from './sqlite-log.ts'
export type { StockTarget } from './stock-session.ts'
export { createWebhooks, verifyWebhook, type WebhookMessage, type WebhookOptions, type WebhooksOptions } from './webhooks.ts'
export type { JobKind, Jobs, Work } from './work/work.ts'
export { createWorkPool, type WorkPoolOptions } from './work/work-pool.ts'
