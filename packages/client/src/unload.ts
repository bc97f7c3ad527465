/** Asks a person before they leave a page whose work is not safe yet. */
import type { Space } from './space.ts'

/** Where `beforeunload` is heard: the window. */
export type UnloadTarget = Pick<EventTarget, 'addEventListener' | 'removeEventListener'>

/**
 * Asks before the page is left while writes are not saved on this device, or with `until: 'confirmed'` while the relay
 * has not confirmed them. Returns what stops it.
 *
 * The listener is there only while there is something to ask about, since a page that has one is not kept in the
 * browser's back-forward cache.
 */
export function warnBeforeUnload(
  space: Pick<Space, 'status'>,
  { until = 'saved', target = globalThis as unknown as UnloadTarget }: { until?: 'saved' | 'confirmed'; target?: UnloadTarget } = {},
): () => void {
  const ask = (event: Event): void => event.preventDefault()
  const renew = (): void => {
    const { saving, pending } = space.status.get()
    if (saving || (until === 'confirmed' && pending.documents > 0)) target.addEventListener('beforeunload', ask)
    else target.removeEventListener('beforeunload', ask)
  }
  const unsubscribe = space.status.subscribe(renew)
  renew()
  return () => {
    unsubscribe()
    target.removeEventListener('beforeunload', ask)
  }
}
