/** Live queries. */
import type { EntityDefinition, EntityRow, Fields, QueryOptions, RowValue } from '@tidemark/client'
import { type DependencyList, useMemo, useSyncExternalStore } from 'react'
import { Held } from './held.ts'
import { useSpace } from './space-provider.tsx'

export interface QueryResult<V> {
  readonly rows: readonly EntityRow<V>[]
  /** Whether the stored rows are read; until then `rows` has what this tab wrote. */
  readonly isLoaded: boolean
  /** Why they could not be read; null when they could. */
  readonly error: unknown
}

const nothing: QueryResult<never> = Object.freeze({ rows: Object.freeze([]), isLoaded: false, error: null })

/**
 * The rows of one type that match, live; no document is opened for them.
 *
 * `options` are read again when one of `dependencies` changes, as with `useMemo`: name what `where` and `orderBy` use.
 */
export function useQuery<F extends Fields>(
  entity: EntityDefinition<F>,
  options: QueryOptions<RowValue<F>> = {},
  dependencies: DependencyList = [],
): QueryResult<RowValue<F>> {
  const space = useSpace()
  const held = useMemo(
    () =>
      new Held<QueryResult<RowValue<F>>>(nothing, ({ show }) => {
        const query = space.query(entity, options)
        let failure: unknown = null
        const tell = (): void => show({ rows: query.get(), isLoaded: query.isLoaded, error: failure })
        const unsubscribe = query.subscribe(tell)
        query.loaded.then(tell, (error: unknown) => {
          failure = error
          tell()
        })
        if (query.rows.length > 0 || query.isLoaded) tell()
        return () => {
          unsubscribe()
          query.close()
        }
      }),
    [space, entity, ...dependencies],
  )
  return useSyncExternalStore(held.subscribe, held.get, () => nothing)
}
