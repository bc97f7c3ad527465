/** Pending marks: which local updates the relay has not acknowledged, as ranges of each writer's numbers. */
import type { DocRecord, PendingRange, StoredUpdate } from './stored.ts'

/** A local update behind a mark, without its bytes. */
export interface PendingUpdate {
  readonly writer: string
  readonly n: number
  /** Its bytes in the database. */
  readonly size: number
}

/** What bytes count as. */
export const sizeOf = ({ bytes, size }: { readonly bytes: Uint8Array; readonly size?: number }): number => size ?? bytes?.byteLength ?? 0

export type PendingMark = DocRecord['pending']

/** Whether a local update of this number is behind the mark. */
export function isWithinMark(mark: PendingMark, writer: string, n: number): boolean {
  const range = mark[writer]
  return range !== undefined && range.from <= n && n <= range.to
}

/** Whether an update of the record's document is still pending. */
export const isPendingUpdate =
  (record: DocRecord) =>
  ({ writer, n, origin }: StoredUpdate): boolean =>
    origin === 'local' && isWithinMark(record.pending, writer, n)

export const pendingBytesOf = (mark: PendingMark): number => Object.values(mark).reduce((sum, { bytes }) => sum + bytes, 0)

/** The mark with one more local update. A number that is not above those before was stored already, and counts once. */
export function raised(mark: PendingMark, { writer, n, size }: PendingUpdate): PendingMark {
  const range = mark[writer]
  const next: PendingRange =
    range === undefined
      ? { from: n, to: n, bytes: size }
      : n > range.to
        ? { from: range.from, to: n, bytes: range.bytes + size }
        : { from: Math.min(range.from, n), to: range.to, bytes: range.bytes }
  return { ...mark, [writer]: next }
}

/**
 * The mark once `upTo` of this writer is acknowledged. `known` are the updates behind the mark; only where a
 * part is acknowledged they are needed, for the bytes of the rest.
 */
export function lowered(mark: PendingMark, writer: string, upTo: number, known: readonly PendingUpdate[]): PendingMark {
  const { [writer]: range, ...others } = mark
  if (range === undefined || upTo < range.from) return mark
  if (upTo >= range.to) return others
  const bytes = known.filter((one) => one.writer === writer && one.n > upTo && one.n <= range.to).reduce((sum, { size }) => sum + size, 0)
  return { ...others, [writer]: { from: upTo + 1, to: range.to, bytes } }
}

/** The mark of exactly these updates. */
export const markOf = (updates: readonly PendingUpdate[]): PendingMark =>
  updates.toSorted((a, b) => a.n - b.n).reduce<PendingMark>((mark, update) => raised(mark, update), {})
