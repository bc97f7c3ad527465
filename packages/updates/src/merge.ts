/**
 * Puts updates together: merged (keeps deleted content, no document needed) or compacted (through a
 * temporary document, which drops it).
 */
import { TidemarkError } from '@tidemark/base'
import * as Y from 'yjs'
import { updateLimits } from './limits.ts'

/** An update that changes nothing. */
export const emptyUpdate: Uint8Array = Uint8Array.of(0, 0)

/**
 * One update with everything in `updates`, in groups: `Y.mergeUpdates` over all at once takes time that
 * grows with the square of their number. The order does not matter; none at all gives `emptyUpdate`.
 */
export function mergeGrouped(updates: readonly Uint8Array[], groupSize: number = updateLimits.mergeGroup): Uint8Array {
  let level = [...updates]
  while (level.length > 1) {
    const merged: Uint8Array[] = []
    for (let i = 0; i < level.length; i += groupSize) {
      const group = level.slice(i, i + groupSize)
      merged.push(group.length === 1 ? (group[0] as Uint8Array) : Y.mergeUpdates(group))
    }
    level = merged
  }
  return level[0] ?? emptyUpdate
}

/**
 * The state that `updates` add up to, re-encoded by a temporary garbage-collecting document: deleted
 * content is gone, neighbouring structs are one.
 *
 * @throws {TidemarkError} `updates/gap` when something they build on is missing; merging would keep it.
 */
export function compact(updates: readonly Uint8Array[]): Uint8Array {
  const doc = new Y.Doc({ guid: 'compact', gc: true })
  try {
    Y.transact(doc, () => {
      for (const update of updates) Y.applyUpdate(doc, update)
    })
    if (doc.store.pendingStructs !== null || doc.store.pendingDs !== null) {
      throw new TidemarkError('updates/gap', 'the updates build on something that is not among them')
    }
    return Y.encodeStateAsUpdate(doc)
  } finally {
    doc.destroy()
  }
}

/** What of the state `update` a replica with this state vector lacks, with the whole delete set: a sync step 2. */
export const diffForStateVector = (update: Uint8Array, stateVector: Uint8Array): Uint8Array => Y.diffUpdate(update, stateVector)
