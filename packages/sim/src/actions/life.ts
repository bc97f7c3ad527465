/** Deleting, restoring, undoing. */
import type { Entity } from '@tidemark/client'
import type { Fields } from '@tidemark/schema'
import type { Tab } from '../device.ts'
import type { World } from '../world.ts'
import { type Action, anyDocument, withEntity, write } from './action.ts'
import { onScreen } from './fields.ts'

const remove: Action = {
  verb: 'delete',
  weight: 0.7,
  draw: (world, dice) => [anyDocument(world, dice)],
  run: (world, tab, [document]) => {
    withEntity(world, tab, document as string, (entity) => {
      for (const id of write(world, tab, 'delete', entity, () => void entity.delete())) world.collections.ended(id, 'delete')
    })
  },
}

const restore: Action = {
  verb: 'restore-entity',
  weight: 2,
  draw: (world, dice) => [anyDocument(world, dice)],
  run: (world, tab, [first]) => {
    const [document] = onScreen(tab, first as string, ({ life }) => life.status === 'deleted')
    withEntity(world, tab, document, (entity) => {
      for (const id of write(world, tab, 'restore-entity', entity, () => void entity.restore())) world.collections.ended(id, 'restore')
    })
  },
}

const step = (verb: 'undo' | 'redo', weight: number): Action => ({
  verb,
  weight,
  draw: (world, dice) => [anyDocument(world, dice)],
  run: (world, tab, [first]) => {
    const [document] = onScreen(tab, first as string, ({ canUndo, canRedo }) => canUndo || (verb === 'redo' && canRedo))
    withEntity(world, tab, document, (entity) => {
      if (verb === 'redo' && !entity.canRedo) stepped(world, tab, 'undo', document, entity)
      stepped(world, tab, verb, document, entity)
    })
  },
})

/** What a step changed is read off before and after: nothing else runs between. */
function stepped(world: World, tab: Tab, verb: 'undo' | 'redo', document: string, entity: Entity<Fields>): void {
  const simulated = world.entityOf(document)
  const before = { shown: entity.shown(), value: entity.value }
  const touched = new Set<string>()
  const watched = [...simulated.sets.keys()].map((field) => {
    const array = entity.doc.getArray(field)
    const note = (): void => void touched.add(field)
    array.observe(note)
    return () => array.unobserve(note)
  })
  try {
    for (const id of write(world, tab, verb, entity, () => void entity[verb]())) {
      world.ledger.write(id).isStep = true
      world.critical.stepped(id, document, before.shown, entity)
      world.collections.stepped(id, simulated, touched, before.value, entity.value)
    }
  } finally {
    for (const stop of watched) stop()
  }
}

export const lifeActions: readonly Action[] = [remove, restore, step('undo', 4), step('redo', 2)]
