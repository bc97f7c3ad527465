/**
 * Policies: how the heads of a field become what is read. Nothing else depends on them, so a field's policy can
 * change without rewriting data.
 */
import { compareEntries, type Entry } from './entry.ts'

export interface Policy {
  readonly name: string
  /** The entry that is read, or `null` when there is none; a pure function of the heads. */
  readonly read: (heads: readonly Entry[]) => Entry | null
}

/** The greatest stamp among writes that did not know of each other; a later write always beats what it had seen. */
export const latestPolicy: Policy = Object.freeze({
  name: 'latest',
  read: (heads: readonly Entry[]) =>
    heads.reduce<Entry | null>((best, head) => (best && compareEntries(best, head) > 0 ? best : head), null),
})
