/** What people do: the verbs of tabs, each drawn from chance and carried out on the shipped client. */
import type { Entity } from '@tidemark/client'
import type { Fields } from '@tidemark/schema'
import { type Action, anyDocument, withEntity } from './actions/action.ts'
import { arbitratedActions } from './actions/arbitrated.ts'
import { collectionActions } from './actions/collections.ts'
import { fieldActions } from './actions/fields.ts'
import { lifeActions } from './actions/life.ts'
import { presenceActions } from './actions/presence.ts'
import { spaceActions } from './actions/space.ts'
import { textActions } from './actions/text.ts'
import { type Dice, seededDice } from './dice.ts'

export type { Action } from './actions/action.ts'

/** An app's own action: edits an entity as its code would. */
export type CustomAction = (entity: Entity<Fields>, dice: Dice) => void

export const actions: readonly Action[] = [
  ...fieldActions,
  ...textActions,
  ...collectionActions,
  ...lifeActions,
  ...spaceActions,
  ...arbitratedActions,
  ...presenceActions,
]

/** The verb `do <document> <name> <seed>` for an app's own actions; `null` without any. */
export function customAction(custom: Readonly<Record<string, CustomAction>>): Action | null {
  const names = Object.keys(custom)
  if (names.length === 0) return null
  return {
    verb: 'do',
    weight: 8,
    draw: (world, dice) => [anyDocument(world, dice), dice.pick(names), dice.below(1_000_000)],
    run: (world, tab, [document, name, seed]) => {
      const run = custom[name as string]
      if (run === undefined) return
      withEntity(world, tab, document as string, (entity) => {
        const before = world.ledger.writes.length
        run(entity, seededDice(seed as number, 'do'))
        if (world.ledger.writes.length > before) world.coverage.did('do', tab.device.name, world.time.nowMs)
      })
    },
  }
}
