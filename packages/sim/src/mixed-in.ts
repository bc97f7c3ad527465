/**
 * Verbs that are drawn apart from the others and put between their steps.
 *
 * Why it exists: one more verb among the others would change every draw behind it, and with that every seed. These have
 * dice of their own, and take their time out of the pause that they fall into: what a seed did before, it still does, at
 * the same moments.
 */
import type { Action } from './actions.ts'
import { type Dice, seededDice } from './dice.ts'
import type { Verbs } from './plan.ts'
import type { Step } from './step.ts'
import type { World } from './world.ts'

type DrawTab = (world: World, dice: Dice) => string

/** `steps` with those of the verbs that are mixed in. Half of the seeds have none, unless their faults need some. */
export function mixIn(world: World, { actions }: Verbs, steps: readonly Step[], drawTab: DrawTab): readonly Step[] {
  const dice = seededDice(world.options.seed, 'mixed in')
  const list = actions.filter(({ isMixedIn }) => isMixedIn === true)
  const drawn = dice.pick([0, 0, 0.02, 0.05])
  const { slow, flaky } = needs(world)
  const share = slow || flaky ? Math.max(drawn, 0.03) : drawn
  const mixed: Step[] = []
  for (const step of steps) {
    const isFirst = mixed.length < world.documents.length
    const more = isFirst || !dice.chance(share) ? null : drawStep(world, list, dice, drawTab)
    if (more === null) mixed.push(step)
    else {
      const afterMs = dice.between(0, step.afterMs)
      mixed.push({ ...more, afterMs }, { ...step, afterMs: step.afterMs - afterMs })
    }
  }
  return mixed
}

/** Hooks are asked about what is proposed. */
const needs = ({ options: { profile } }: World): { readonly slow: boolean; readonly flaky: boolean } => ({
  slow: profile.faults.has('slow-hook'),
  flaky: profile.faults.has('flaky-hook'),
})

function drawStep(world: World, list: readonly Action[], dice: Dice, drawTab: DrawTab): Omit<Step, 'afterMs'> | null {
  const action = list[dice.weighted(list.map(({ weight }) => weight))]
  const args = action?.draw(world, dice) ?? null
  return action === undefined || args === null ? null : { who: drawTab(world, dice), verb: action.verb, args }
}
