/** What people show of themselves in a document: where they are, as editors say it at each move, or nothing. */
import { presenceMark } from '../presence.ts'
import { type Action, anyDocument, withEntity } from './action.ts'

const show: Action = {
  verb: 'show',
  weight: 4,
  needs: 'presence',
  draw: (world, dice) => [anyDocument(world, dice), dice.below(1_000_000)],
  run: (world, tab, [document, n]) => {
    const name = document as string
    withEntity(world, tab, name, (entity) =>
      world.presence.say(tab, name, entity, (awareness) => {
        if (awareness.getLocalState() === null || (n as number) % 3 === 0)
          awareness.setLocalState({ user: `${presenceMark}${tab.name}`, at: n })
        else awareness.setLocalStateField('at', `${presenceMark}${n}`)
        world.coverage.did('show', tab.device.name, world.time.nowMs)
      }),
    )
  },
}

const hide: Action = {
  verb: 'hide',
  weight: 0.7,
  needs: 'presence',
  draw: (world, dice) => [anyDocument(world, dice)],
  run: (world, tab, [document]) => {
    const name = document as string
    if (!tab.entities.has(name)) return
    withEntity(world, tab, name, (entity) =>
      world.presence.say(tab, name, entity, (awareness) => {
        awareness.setLocalState(null)
        world.coverage.did('hide', tab.device.name, world.time.nowMs)
      }),
    )
  },
}

export const presenceActions: readonly Action[] = [show, hide]
