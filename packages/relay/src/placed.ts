/** The entries in an update, with where each of them lies: what the guard judges by, as plain data. */
import { TidemarkError } from '@tidemark/base'
import { canonicalJson, type KnownEntry, readEntry } from '@tidemark/schema'
import { objectContents, type ValidUpdate } from '@tidemark/updates'

/** A value that has the shape of an entry; `entry` is null where it is one of a build that is newer than this relay. */
export interface Placed {
  readonly client: number
  readonly clock: number
  readonly i: unknown
  readonly by: unknown
  readonly o: readonly unknown[]
  readonly entry: KnownEntry | null
  /** What makes equal values one candidate. */
  readonly value: string
}

/** Entries in one update: far more than a document's fields ever have standing. */
export const maxPlaced = 10_000

/** @throws {TidemarkError} `updates/invalid` when there are more than `max`. */
export function readPlaced(update: ValidUpdate, max: number): Placed[] {
  const placed: Placed[] = []
  for (const { client, clock, value } of objectContents(update)) {
    const { i, f, o, by } = value as Record<string, unknown>
    if (typeof f !== 'string' || !Array.isArray(o) || i === undefined) continue
    if (placed.length >= max) throw new TidemarkError('updates/invalid', `more than ${max} entries at once`)
    const entry = readEntry(value)
    placed.push({ client, clock, i, by, o, entry, value: entry?.v === undefined ? '' : canonicalJson(entry.v) })
  }
  return placed
}
