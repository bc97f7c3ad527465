/** The hooks of a world's relay: the app's own, or simulated ones where faults of hooks are on; each with a witness. */
import type { RelayHooks } from '@tidemark/relay'
import { everybody } from './coverage.ts'
import { seededDice } from './dice.ts'
import type { Life } from './life.ts'
import { witnessed } from './relay-hooks.ts'
import { hookFaults, SimulatedHooks } from './simulated-hooks.ts'
import type { World } from './world.ts'

/** Null where the app has hooks of its own, or needs none. */
export function simulatedHooks({ options, coverage, time }: Pick<World, 'options' | 'coverage' | 'time'>): SimulatedHooks | null {
  const { seed, profile, hooks } = options
  if (hooks !== null || !hookFaults.some((name) => profile.faults.has(name))) return null
  const dice = seededDice(seed, 'hooks')
  return new SimulatedHooks(
    {
      dice,
      nowMs: () => time.nowMs,
      bit: (fault, user, forMs) => coverage.bit(fault, user === null ? everybody : deviceOf(user), time.nowMs, forMs),
    },
    profile.hooks,
  )
}

/** The device of a user; see `userOf`. */
export const deviceOf = (user: string): string => user.slice(user.indexOf('-') + 1)

/** The hooks of one life of the relay. */
export function hooksOf(world: World, life: Life): RelayHooks {
  const { seed, hooks } = world.options
  const simulated = world.hooks?.of(life) ?? {}
  const made = hooks?.({ clock: life.clock(() => 0), random: seededDice(seed, `hooks of ${life.name}`) }) ?? simulated
  world.arbitration.decidedBy = made.arbitrate === undefined ? 'relay' : hooks === null ? 'simulated hook' : 'app'
  if (hooks === null && world.hooks === null) return {}
  return witnessed(
    made,
    life,
    () => world.time.nowMs,
    (event) => world.emit(event),
  )
}
