/** What the parts of an attached entity share: what is shown now, and the one way to change the document. */

import type { KnownEntry } from './entry.ts'
import type { Readings } from './field-reading.ts'
import type { ReferenceView } from './reference.ts'
import type { Register } from './register.ts'
import type { UndoStep } from './undo.ts'
import type { Changes, EntryDraft, Writer } from './writing.ts'

/** A request to decide, as the app's role check sees it. */
export interface DecisionRequest {
  readonly field: string
  /** Who wants to decide. */
  readonly user: string
}

/** One attached entity, as its parts see it. */
export interface Host {
  readonly writer: Writer
  /** What is shown now; while the document waits, what was stable. */
  readonly readings: () => Readings
  /** The register of a field as it stands in the document at this moment. */
  readonly register: (field: string) => Register | undefined
  /**
   * The heads that a write goes over: those of the register, and while the document waits those that are shown. What is
   * shown may be gone from the array then, when its removal came before what superseded it.
   */
  readonly heads: (field: string) => readonly KnownEntry[]
  /**
   * Runs `write` in one transaction.
   *
   * @throws {TidemarkError} `client/closed`; `schema/deleted` when the entity is deleted and `write` is not about that.
   */
  readonly change: <T>(write: () => T, about?: 'life') => T
  /** Appends one entry; only inside `change`. */
  readonly append: (draft: EntryDraft) => KnownEntry
  /** @throws {TidemarkError} `schema/invariant` when `changes` would break a rule. */
  readonly checkDraft: (changes: Changes) => void
  /** @throws {TidemarkError} `schema/may-not-decide` */
  readonly checkDecider: (field: string) => void
  /** By the key of an entry that was undone: the entry that brought its value back. */
  readonly standIns: Map<string, KnownEntry>
  /** What the references read as now. */
  readonly references: () => readonly ReferenceView[]
  /** Puts a step on this user's undo stack. */
  readonly done: (step: UndoStep) => void
}
