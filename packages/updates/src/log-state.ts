/** The state that the updates of a log add up to. */
import { invalid } from './byte-reader.ts'
import { advanceState, cutUpdate } from './cut.ts'
import { type DocumentState, emptyState, wholeDocument } from './document-state.ts'
import { type ValidUpdate, validateUpdate } from './valid-update.ts'

/**
 * The state of a document whose log is `updates`, in their order.
 *
 * @throws {TidemarkError} `updates/invalid` when one is damaged, or when they leave a gap.
 */
export function stateOf(updates: readonly Uint8Array[]): DocumentState {
  const state = emptyState()
  for (const update of updates) include(state, validateUpdate(update, wholeDocument))
  return state
}

/** @throws {TidemarkError} `updates/invalid` when something of it builds on what `state` lacks. */
export function include(state: DocumentState, update: ValidUpdate): void {
  const cut = cutUpdate(update, state)
  if (cut.type === 'incomplete' || (cut.type === 'fits' && cut.dropped)) throw invalid('the log has a gap')
  if (cut.type === 'fits') advanceState(state, cut)
}
