/** What an app's gates keep out for a while: writes to a document, and people. Nothing happens where an app has hooks of its own. */
import type { Json } from '@tidemark/store'
import type { Device } from './device.ts'
import type { Dice } from './dice.ts'
import type { Fault, FaultTarget } from './faults.ts'
import { userOf } from './relay-host.ts'
import type { World } from './world.ts'

const ms = (value: Json | undefined): number => Number(value ?? 0)
const aWhile = (dice: Dice): number => dice.pick([dice.between(500, 5_000), dice.between(5_000, 60_000), dice.between(60_000, 300_000)])

/** What was refused is tried again, once it is allowed: by everybody who may have been. */
function retry(world: World, devices: readonly Device[]): void {
  for (const device of devices) {
    world.retried(device)
    device.tabs[0]?.space?.sync.retryNow()
  }
}

const closed: Fault = {
  name: 'closed',
  verb: 'closed',
  target: 'relay',
  lasts: true,
  isMixedIn: true,
  draw: (world, dice) => [dice.pick(world.documents), dice.chance(0.5) ? 'all' : dice.pick(world.devices).name, aWhile(dice)],
  run: (world, _target, [document, who, forMs]) => {
    const name = document as string
    world.hooks?.close(name, who === 'all' ? null : userOf(who as string), world.time.nowMs + ms(forMs))
    world.later(ms(forMs), () => {
      world.hooks?.open(name)
      world.later(2_000, () => retry(world, world.devices))
    })
  },
}

/** Hooks are asked when somebody comes, so the line breaks first. */
const turnedAway: Fault = {
  name: 'turned-away',
  verb: 'turned-away',
  target: 'device',
  lasts: true,
  isMixedIn: true,
  draw: (_world, dice) => [aWhile(dice)],
  run: (world, { device }: FaultTarget, [forMs]) => {
    if (world.hooks === null) return
    world.hooks.turnAway(userOf(device.name), world.time.nowMs + ms(forMs))
    world.network.cut(device.name)
    world.later(ms(forMs), () => {
      world.hooks?.welcome(userOf(device.name))
      retry(world, [device])
    })
  },
}

export const hookFaultVerbs: readonly Fault[] = [closed, turnedAway]
