/**
 * How an arbitrated field reads: what was accepted last, which intents wait, and which were refused since.
 *
 * Values other than accepted ones never hold. An arbiter is a single writer, so accepted entries follow one another;
 * should two ever stand side by side, the greater stamp is read everywhere.
 */
import { dotKey, type KnownEntry, type Rejected } from './entry.ts'
import type { ArbitratedValue } from './field.ts'
import { type FieldReading, type PlannedField, readEntryValue } from './field-reading.ts'
import { deepFreeze } from './json.ts'
import { stampMs } from './stamp.ts'

/** Reads the heads of an arbitrated field, which are in order. */
export function readArbitrated(planned: PlannedField, heads: readonly KnownEntry[]): FieldReading {
  const value = (stored: Pick<Rejected, 'v'>): unknown => {
    const { plain, invalid } = readEntryValue(planned, stored)
    return invalid === null ? plain : undefined
  }
  const intent = ({ i, by, t, ...stored }: Pick<Rejected, 'i' | 'v' | 'by' | 't'>) => ({
    id: dotKey(i),
    value: value(stored),
    user: by,
    at: stampMs(t),
  })
  const accepted = heads.filter((head) => head.k === 'accept').at(-1)
  const proposed = heads.filter((head) => head.k === 'propose').map(intent)
  const refused = heads.flatMap((head) =>
    head.k === 'refuse' ? (head.rej ?? []).map((rejected) => ({ ...intent(rejected), reason: head.why ?? '' })) : [],
  )
  const plain = accepted === undefined ? undefined : value(accepted)
  const settled = accepted === undefined ? 'unset' : 'settled'
  const status = proposed.length > 0 ? 'proposed' : refused.length > 0 ? 'refused' : settled
  const read: ArbitratedValue<unknown> = { status, value: plain, proposed, refused }
  const invalid = accepted === undefined ? null : readEntryValue(planned, accepted).invalid
  return { heads, groups: [], value: deepFreeze(read), plain, isOpen: accepted === undefined, invalid }
}
