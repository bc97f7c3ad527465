import type { DocRecord } from './stored.ts'

/** When a document's log is long: whatever a compaction reads and writes must be worth what it saves. */
export const logLimits = {
  /** Fewer updates than this are left alone unless their bytes are many. */
  updates: 500,
  /** So many updates are too many however large the snapshot. */
  maxUpdates: 5_000,
  /** Fewer bytes than this are left alone unless the updates are many. */
  bytes: 64 << 10,
  /** A log of so many updates may take this part of the snapshot's bytes. */
  shareOfSnapshot: 1 / 8,
} as const

/** Whether compacting the document's log would pay. */
export const isLongLog = ({ logUpdates, logBytes, snapshotBytes }: DocRecord): boolean =>
  logUpdates >= logLimits.maxUpdates ||
  logBytes >= Math.max(logLimits.bytes, snapshotBytes) ||
  (logUpdates >= logLimits.updates && logBytes >= snapshotBytes * logLimits.shareOfSnapshot)
