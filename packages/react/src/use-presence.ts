/** Who else is in an entity's document, and what they show of themselves. */
import type { AwarenessState, Entity, EntityAwareness, Fields } from '@tidemark/client'
import { useCallback, useMemo, useSyncExternalStore } from 'react'

/** Somebody else in the document: another person, or another tab or device of the same one. */
export interface Present {
  /** The Yjs client id: new with each tab and each opening. */
  readonly client: number
  readonly state: AwarenessState
}

const nobody: readonly Present[] = Object.freeze([])

/**
 * The others who are in the document now, in order of their client ids, and what shows a part of oneself to them.
 *
 * The list keeps its reference until somebody comes, goes or shows something else; what one shows oneself renders nothing.
 * The setter throws as `awareness.setLocalStateField` does. On the server nobody is there.
 */
export function usePresence<F extends Fields>(
  entity: Entity<F>,
): readonly [others: readonly Present[], show: (part: string, value: unknown) => void] {
  const others = useMemo(() => watched(() => entity.awareness), [entity])
  const show = useCallback((part: string, value: unknown) => entity.awareness.setLocalStateField(part, value), [entity])
  return [useSyncExternalStore(others.subscribe, others.get, () => nobody), show]
}

/** One is in the document from the first subscription on: rendering alone must not show anybody. */
function watched(awarenessOf: () => EntityAwareness) {
  let shown = nobody
  const look = (awareness: EntityAwareness): boolean => {
    const next = [...awareness.getStates()].flatMap(([client, state]) => (client === awareness.clientID ? [] : [{ client, state }]))
    next.sort((a, b) => a.client - b.client)
    if (next.length === shown.length && next.every(({ client, state }, i) => shown[i]?.client === client && shown[i]?.state === state)) {
      return false
    }
    shown = next
    return true
  }
  return {
    get: () => shown,
    subscribe(listener: () => void): () => void {
      const awareness = awarenessOf()
      const changed = (): void => {
        if (look(awareness)) listener()
      }
      awareness.on('change', changed)
      changed()
      return () => awareness.off('change', changed)
    },
  }
}
