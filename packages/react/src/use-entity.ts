/** Opens an entity for as long as a component shows it. */
import { type Entity, type EntityDefinition, type Fields, type Space, TidemarkError } from '@tidemark/client'
import { useMemo, useSyncExternalStore } from 'react'
import { Held, type Holding } from './held.ts'
import { useSpace } from './space-provider.tsx'

/**
 * - `opening`: its bytes are being read, which takes milliseconds.
 * - `open`
 * - `missing`: this device has no such entity; it opens by itself once it arrives.
 * - `failed`: `error` says why, and what to do.
 */
export type EntityState<F extends Fields> =
  | { readonly state: 'opening' | 'missing'; readonly entity: null; readonly error: null }
  | { readonly state: 'open'; readonly entity: Entity<F>; readonly error: null }
  | { readonly state: 'failed'; readonly entity: null; readonly error: TidemarkError }

const opening = Object.freeze({ state: 'opening', entity: null, error: null } as const)
const missing = Object.freeze({ state: 'missing', entity: null, error: null } as const)

/**
 * Opens the entity `id`; it is closed when the component goes.
 *
 * The component renders again when that state changes, and not when values do: read those with `useValue`, `useField` and
 * the like, each where it is shown. When the document goes on without something that the relay refused, it is another
 * `entity`: what depends on it, an editor above all, is mounted anew.
 */
export function useEntity<F extends Fields>(entity: EntityDefinition<F>, id: string): EntityState<F> {
  const space = useSpace()
  const held = useMemo(() => new Held<EntityState<F>>(opening, (holding) => hold(space, entity, id, holding)), [space, entity, id])
  return useSyncExternalStore(held.subscribe, held.get, () => opening)
}

function hold<F extends Fields>(space: Space, definition: EntityDefinition<F>, id: string, holding: Holding<EntityState<F>>): () => void {
  let isOver = false
  let close = (): void => {}
  const open = (): void => {
    space.open(definition, id).then(
      (entity) => {
        if (isOver) return entity.close()
        const before = close
        const unfollow = entity.branch.subscribe(open)
        close = () => {
          unfollow()
          entity.close()
        }
        holding.show({ state: 'open', entity, error: null })
        before()
      },
      (error: unknown) => {
        if (isOver) return
        close()
        const known = error instanceof TidemarkError ? error : new TidemarkError('store/failed', String(error), { cause: error })
        if (known.code !== 'client/not-found') return holding.show({ state: 'failed', entity: null, error: known })
        holding.show(missing)
        close = whenListed(space, definition, id, open)
      },
    )
  }
  open()
  return () => {
    isOver = true
    close()
  }
}

/** Calls `listed` once, when a row of `id` shows that it is here. */
function whenListed<F extends Fields>(space: Space, definition: EntityDefinition<F>, id: string, listed: () => void): () => void {
  // A row of nobody's deletion stands for a document of which nothing is here.
  const isHere = (value: object): boolean => (value as { readonly $deleted?: { readonly user: string } }).$deleted?.user !== ''
  const query = space.query(definition, { where: (row) => row.id === id && isHere(row.value), limit: 1, includeDeleted: true })
  let isDone = false
  const end = (): void => {
    isDone = true
    unsubscribe()
    query.close()
  }
  const look = (): void => {
    if (isDone || query.rows.length === 0) return
    end()
    listed()
  }
  const unsubscribe = query.subscribe(look)
  queueMicrotask(look)
  return end
}
