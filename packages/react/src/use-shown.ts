/** What is shown of an open entity, part by part: a component renders again only when its own part changes. */
import type { Edit, Entity, EntityPatch, EntityValue, Fields, Receipt } from '@tidemark/client'
import { useCallback, useMemo, useState, useSyncExternalStore } from 'react'

/** The parts of an entity that keep their reference until they change. */
export type ShownPart =
  | 'conflicts'
  | 'decisions'
  | 'violations'
  | 'life'
  | 'syncing'
  | 'invalid'
  | 'reports'
  | 'references'
  | 'canUndo'
  | 'canRedo'

/** All fields but texts, which editors bind to by `entity.shared`. */
export function useValue<F extends Fields>(entity: Entity<F>): EntityValue<F> {
  return useSyncExternalStore(entity.subscribe, entity.get, entity.get)
}

/** One part of what is shown beside the values. */
export function useShown<F extends Fields, P extends ShownPart>(entity: Entity<F>, part: P): Entity<F>[P] {
  const get = useCallback(() => entity[part], [entity, part])
  return useSyncExternalStore(entity.subscribe, get, get)
}

/** The conflicts of critical fields that a person has to decide. */
export function useConflicts<F extends Fields>(entity: Entity<F>): Entity<F>['conflicts'] {
  return useShown(entity, 'conflicts')
}

/**
 * One field that is not critical, and what sets it.
 *
 * The setter throws `schema/…` for a value that does not fit, as `entity.set` does. Critical fields are read by `useValue` and
 * set by `useEdit`, since a write to them says what the person was shown.
 */
export function useField<F extends Fields, K extends keyof EntityPatch<F> & keyof EntityValue<F>>(
  entity: Entity<F>,
  name: K,
): readonly [EntityValue<F>[K], (value: EntityPatch<F>[K]) => Receipt] {
  const get = useCallback(() => entity.get()[name], [entity, name])
  const value = useSyncExternalStore(entity.subscribe, get, get)
  // reason: a patch of one field, whose name and type are checked by K.
  const set = useCallback((next: EntityPatch<F>[K]) => entity.set({ [name as string]: next } as unknown as EntityPatch<F>), [entity, name])
  return [value, set]
}

/** A form on an entity. */
export interface FormEdit<F extends Fields> {
  /** What the person is shown: the values when the form opened, with what was set by it since. */
  readonly value: EntityValue<F>
  /** Sets fields, all or none, over what was shown. @throws {TidemarkError} as `Edit.set`. */
  readonly set: (patch: Parameters<Edit<F>['set']>[0]) => Receipt
  /** Takes one's own value of a critical field back. @throws {TidemarkError} as `Edit.withdraw`. */
  readonly withdraw: (field: Parameters<Edit<F>['withdraw']>[0]) => Receipt
  /** Somebody else changed what this form shows: what is written over it now stands beside theirs. */
  readonly isBehind: boolean
  /** Opens the form anew, on what is shown now. */
  readonly renew: () => void
}

interface OpenEdit<F extends Fields> {
  readonly entity: Entity<F>
  readonly edit: Edit<F>
  readonly value: EntityValue<F>
}

const openEdit = <F extends Fields>(entity: Entity<F>): OpenEdit<F> => ({ entity, edit: entity.edit(), value: entity.get() })

/** An edit that is opened with the component and stays as it was until `renew`: its writes say what the person was shown. */
export function useEdit<F extends Fields>(entity: Entity<F>): FormEdit<F> {
  const [kept, setOpened] = useState(() => openEdit(entity))
  const opened = kept.entity === entity ? kept : openEdit(entity)
  if (opened !== kept) setOpened(opened)
  const now = useValue(entity)
  return useMemo(() => {
    const write = (fields: readonly string[], run: () => void): Receipt => {
      const receipt = entity.write(run)
      setOpened((current) => (current.edit === opened.edit ? withFields(current, fields) : current))
      return receipt
    }
    const names = Object.keys(now) as (keyof EntityValue<F>)[]
    return {
      value: opened.value,
      set: (patch) => write(Object.keys(patch), () => opened.edit.set(patch)),
      withdraw: (field) => write([field as string], () => opened.edit.withdraw(field)),
      isBehind: names.some((name) => now[name] !== opened.value[name]),
      renew: () => setOpened(openEdit(entity)),
    }
  }, [entity, opened, now])
}

/** What the form shows, with these fields as they are now. */
const withFields = <F extends Fields>(opened: OpenEdit<F>, fields: readonly string[]): OpenEdit<F> => {
  const now = opened.entity.get() as Readonly<Record<string, unknown>>
  const own = Object.fromEntries(fields.map((name) => [name, now[name]]))
  return { ...opened, value: { ...opened.value, ...own } as EntityValue<F> }
}
