/**
 * The record of decisions of an entity: who decided what, when and why, and which values were rejected.
 *
 * Decisions are never pruned, so the record is whole on every replica, in the same order.
 */
import { TidemarkError } from '@tidemark/base'
import { type Author, type Choice, type DecideOptions, decide } from './conflict.ts'
import type { KnownEntry } from './entry.ts'
import { dotKey } from './entry.ts'
import { type PlannedField, readEntryValue } from './field-reading.ts'
import type { Host } from './host.ts'
import { deepFreeze } from './json.ts'
import { stampMs } from './stamp.ts'

/** A value that a decision rejected; `id` is the entry it stood in. */
export interface RejectedValue<T = unknown> extends Author {
  readonly id: string
  readonly value: T | undefined
}

/** A decision that was made. */
export interface Decision<T = unknown, Name extends string = string> extends Author {
  readonly id: string
  readonly field: Name
  readonly value: T | undefined
  /** Why; empty when no reason was given. */
  readonly reason: string
  readonly rejected: readonly RejectedValue<T>[]
  /** Whether it still stands: nothing has superseded it. */
  readonly stands: boolean
  /**
   * Changes one's mind: a new decision over this one, which then stands among the rejected of the new.
   *
   * @throws {TidemarkError} `schema/not-yours` when this decision stands no more, `schema/in-conflict` when something
   * stands beside it, which is decided as a conflict; otherwise as `conflict.decide`.
   */
  revise(choice: { readonly value: T }, options?: DecideOptions): void
}

/** What is shown of a decision entry. `shown` are the heads of its field when this was read. */
export const toDecision = (host: Host, planned: PlannedField, entry: KnownEntry, shown: readonly KnownEntry[], isOpen: boolean): Decision =>
  new MadeDecision(host, planned, entry, shown, isOpen)

class MadeDecision implements Decision {
  readonly id: string
  readonly field: string
  readonly value: unknown
  readonly user: string
  readonly at: number
  readonly reason: string
  readonly rejected: readonly RejectedValue[]
  readonly stands: boolean
  readonly #host: Host
  readonly #planned: PlannedField
  readonly #shown: readonly KnownEntry[]
  readonly #isOpen: boolean

  constructor(host: Host, planned: PlannedField, entry: KnownEntry, shown: readonly KnownEntry[], isOpen: boolean) {
    this.#host = host
    this.#planned = planned
    this.#shown = shown
    this.#isOpen = isOpen
    this.id = entry.key
    this.field = entry.f
    this.value = decidedValue(planned, entry)
    this.user = entry.by
    this.at = stampMs(entry.t)
    this.reason = entry.why ?? ''
    this.rejected = deepFreeze(
      (entry.rej ?? []).map(({ i, by, t, ...stored }) => ({
        id: dotKey(i),
        value: decidedValue(planned, stored),
        user: by,
        at: stampMs(t),
      })),
    )
    this.stands = shown.some((head) => head.key === entry.key)
    Object.freeze(this)
  }

  revise(choice: Choice & { readonly value: unknown }, { reason }: DecideOptions = {}): void {
    if (!this.stands) throw new TidemarkError('schema/not-yours', `this decision of ${this.field} stands no more`)
    if (this.#isOpen) throw new TidemarkError('schema/in-conflict', `${this.field} is in conflict again: decide the conflict`)
    decide(this.#host, this.#planned, this.#shown, choice, reason)
  }
}

function decidedValue(planned: PlannedField, stored: Pick<KnownEntry, 'v'>): unknown {
  const { plain, invalid } = readEntryValue(planned, stored)
  return invalid === null ? plain : undefined
}
