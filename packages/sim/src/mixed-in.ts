/**
 * Verbs that are drawn apart from the others and put between their steps.
 *
 * Why it exists: one more verb among the others would change every draw behind it, and with that every seed. These have
 * dice of their own, and take their time out of the pause that they fall into: what a seed did before, it still does, at
 * the same moments.
 */
import { type Dice, seededDice } from './dice.ts'
import type { Fault } from './faults.ts'
import type { Verbs } from './plan.ts'
import { hookFaults } from './simulated-hooks.ts'
import type { Step } from './step.ts'
import type { World } from './world.ts'

type DrawTab = (world: World, dice: Dice) => string

/** How much of each fault that is on comes with each step. */
const faultShare = 0.02

/** `steps` with what is mixed in. Half of the seeds have no such action, unless an app with hooks is asked about it. */
export function mixIn(world: World, { actions, faults }: Verbs, steps: readonly Step[], drawTab: DrawTab): readonly Step[] {
  const { options, documents } = world
  const { profile, seed } = options
  const [dice, faultDice] = [seededDice(seed, 'mixed in'), seededDice(seed, 'mixed in faults')]
  const list = actions.filter(({ isMixedIn }) => isMixedIn === true)
  const trouble = faults.filter(({ name, isMixedIn }) => isMixedIn === true && profile.faults.has(name))
  const drawn = dice.pick([0, 0, 0.02, 0.05])
  const share = hookFaults.some((name) => profile.faults.has(name)) ? Math.max(drawn, 0.03) : drawn
  const drawAction = (): Drawn | null => {
    const action = list[dice.weighted(list.map(({ weight }) => weight))]
    const args = action?.draw(world, dice) ?? null
    return action === undefined || args === null ? null : { who: drawTab(world, dice), verb: action.verb, args }
  }
  const drawFault = (): Drawn | null => {
    const fault = trouble[faultDice.weighted(trouble.map(({ name }) => profile.weights.get(name) ?? 1))]
    return fault === undefined
      ? null
      : { who: whoOf(fault, drawTab(world, faultDice)), verb: fault.verb, args: fault.draw(world, faultDice) }
  }
  return steps.flatMap((step, index) => {
    if (index < documents.length) return [step]
    const action = dice.chance(share) ? drawAction() : null
    const fault = faultDice.chance(faultShare * trouble.length) ? drawFault() : null
    let leftMs = step.afterMs
    const mixed = [action, fault].flatMap((one): Step[] => {
      if (one === null) return []
      const afterMs = dice.between(0, leftMs)
      leftMs -= afterMs
      return [{ ...one, afterMs }]
    })
    return [...mixed, { ...step, afterMs: leftMs }]
  })
}

type Drawn = Omit<Step, 'afterMs'>

const whoOf = ({ target }: Fault, tab: string): string => (target === 'relay' ? 'relay' : target === 'device' ? tab.slice(0, 1) : tab)
