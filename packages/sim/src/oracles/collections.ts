/** P3: what is counted, added, removed and deleted is what the account of everybody's doings adds up to. */
import type { WriteRecord } from '../ledger.ts'
import type { World } from '../world.ts'
import type { Attached, FinalView, Oracle } from './oracle.ts'

const spell = (values: Iterable<string>): string => [...values].sort().join(', ')

function eachEntity(
  world: World,
  view: FinalView,
  check: (document: string, entity: Attached, isKept: (write: WriteRecord) => boolean) => void,
): void {
  if (world.options.hasCustomActions) return
  const isKept = (write: WriteRecord): boolean => view.log.contains(write.document, write.ranges)
  for (const [document, { attached }] of view.entities) check(document, attached, isKept)
}

const countsAddUp: Oracle = {
  name: 'P3 counts add up',
  atEnd: (world, view, fail) =>
    eachEntity(world, view, (document, entity, isKept) => {
      for (const field of world.entityOf(document).counters) {
        const [expected, read] = [world.collections.sum(document, field, isKept), Number(entity.value[field])]
        if (expected !== read) fail(`${document}.${field} is ${read} where ${expected} was counted`)
      }
    }),
}

const setsAddUp: Oracle = {
  name: 'P3 an added member stays',
  atEnd: (world, view, fail) =>
    eachEntity(world, view, (document, entity, isKept) => {
      for (const field of world.entityOf(document).sets.keys()) {
        const expected = world.collections.members(document, field, isKept)
        const read = new Set((entity.value[field] as readonly unknown[]).map((member) => JSON.stringify(member)))
        if (expected !== null && spell(expected) !== spell(read))
          fail(`${document}.${field} has ${spell(read)} where ${spell(expected)} were added and not removed`)
      }
    }),
}

const deletionsHold: Oracle = {
  name: 'P3 deletions and restores hold',
  atEnd: (world, view, fail) =>
    eachEntity(world, view, (document, entity, isKept) => {
      const isDeleted = world.collections.isDeleted(document, isKept)
      if (isDeleted !== (entity.life.status === 'deleted'))
        fail(`${document} is ${entity.life.status} where it was ${isDeleted ? 'deleted' : 'not deleted, or restored'}`)
    }),
}

export const collectionOracles: readonly Oracle[] = [countsAddUp, setsAddUp, deletionsHold]
