/** What people do to sets, lists and counters. */
import type { CounterHandle, ListHandle, SetHandle } from '@tidemark/schema'
import type { Json } from '@tidemark/store'
import type { Dice } from '../dice.ts'
import { drawValue, type SimulatedEntity } from '../entities.ts'
import { type Action, drawField, withEntity, write } from './action.ts'

const firstOf = ({ sets }: SimulatedEntity, field: string, dice: Dice): Json => dice.pick((sets.get(field) ?? []).slice(0, 3))

const add: Action = {
  verb: 'add',
  weight: 3,
  draw: (world, dice) => {
    const place = drawField(world, dice, ({ sets }) => sets.keys())
    if (place === null) return null
    const entity = world.entityOf(place[0])
    // Few members, so that several people mean the same one.
    return [...place, dice.chance(0.2) ? drawValue(entity, entity.sets, place[1], dice) : firstOf(entity, place[1], dice)]
  },
  run: (world, tab, [document, field, value]) => {
    withEntity(world, tab, document as string, (entity) => {
      const handle = (entity.shared as Readonly<Record<string, SetHandle>>)[field as string]
      for (const id of write(world, tab, 'add', entity, () => handle?.add(value)))
        world.collections.added(id, field as string, value as Json)
    })
  },
}

const remove: Action = {
  verb: 'remove',
  weight: 2,
  draw: (world, dice) => {
    const place = drawField(world, dice, ({ sets }) => sets.keys())
    return place === null ? null : [...place, dice.below(16)]
  },
  run: (world, tab, [document, field, pick]) => {
    withEntity(world, tab, document as string, (entity) => {
      const handle = (entity.shared as Readonly<Record<string, SetHandle>>)[field as string]
      const members = (entity.value as Readonly<Record<string, readonly Json[]>>)[field as string] ?? []
      if (members.length === 0) return
      const member = members[(pick as number) % members.length] as Json
      for (const id of write(world, tab, 'remove', entity, () => handle?.delete(member)))
        world.collections.removed(id, field as string, member)
    })
  },
}

const count: Action = {
  verb: 'count',
  weight: 3,
  draw: (world, dice) => {
    const place = drawField(world, dice, ({ counters }) => counters)
    return place === null ? null : [...place, dice.pick([1, 1, 1, 2, 10, -1])]
  },
  run: (world, tab, [document, field, amount]) => {
    withEntity(world, tab, document as string, (entity) => {
      const handle = (entity.shared as Readonly<Record<string, CounterHandle>>)[field as string]
      for (const id of write(world, tab, 'count', entity, () => handle?.add(amount as number)))
        world.collections.counted(id, field as string, amount as number)
    })
  },
}

const insert: Action = {
  verb: 'insert',
  weight: 2,
  draw: (world, dice) => {
    const place = drawField(world, dice, ({ lists }) => lists.keys())
    if (place === null) return null
    const entity = world.entityOf(place[0])
    return [...place, dice.below(100), drawValue(entity, entity.lists, place[1], dice)]
  },
  run: (world, tab, [document, field, at, value]) => {
    withEntity(world, tab, document as string, (entity) => {
      const handle = (entity.shared as Readonly<Record<string, ListHandle>>)[field as string]
      if (handle !== undefined) write(world, tab, 'insert', entity, () => handle.insert((at as number) % (handle.length + 1), [value]))
    })
  },
}

const take: Action = {
  verb: 'take',
  weight: 2,
  draw: (world, dice) => {
    const place = drawField(world, dice, ({ lists }) => lists.keys())
    return place === null ? null : [...place, dice.below(100)]
  },
  run: (world, tab, [document, field, at]) => {
    withEntity(world, tab, document as string, (entity) => {
      const handle = (entity.shared as Readonly<Record<string, ListHandle>>)[field as string]
      if (handle !== undefined && handle.length > 0) write(world, tab, 'take', entity, () => handle.delete((at as number) % handle.length))
    })
  },
}

export const collectionActions: readonly Action[] = [add, remove, count, insert, take]
