/** When a document's log is worth compacting: often enough to stay small, rarely enough that the work stays a fraction of the writing. */
export const compactionLimits = {
  /** Updates behind the snapshot before anything happens. */
  minRows: 2,
  /** Updates behind a snapshot that is small compared with them. */
  maxRows: 500,
  /** Updates behind any snapshot. */
  maxRowsEver: 5_000,
  /** Bytes behind a snapshot that is no larger than them. */
  maxRowBytes: 256 << 10,
} as const

export interface DocumentSize {
  readonly rows: number
  readonly rowBytes: number
  readonly snapshotBytes: number
}

export function isDueForCompaction({ rows, rowBytes, snapshotBytes }: DocumentSize): boolean {
  if (rows < compactionLimits.minRows) return false
  if (rows >= compactionLimits.maxRowsEver) return true
  if (rows >= compactionLimits.maxRows && rowBytes * 8 >= snapshotBytes) return true
  return rowBytes >= Math.max(compactionLimits.maxRowBytes, snapshotBytes)
}
