/** What is drawn apart from other faults: an app's gates that keep out writes or people for a while, and an operator who erases. */
import type { Json } from '@tidemark/store'
import { everybody } from './coverage.ts'
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

/** Erases a document for good; the first one stays, so that something is left to look at. */
const purge: Fault = {
  name: 'purge',
  verb: 'purge',
  target: 'relay',
  lasts: false,
  isMixedIn: true,
  draw: (world, dice) => [dice.pick(world.documents.length > 1 ? world.documents.slice(1) : world.documents)],
  run: (world, _target, [document]) => {
    if (!world.relay.isUp || world.purges.has(document as string)) return
    world.coverage.bit('purge', everybody, world.time.nowMs)
    world.purges.purge(document as string)
  },
}

/** The relay's disk is full for a while. */
const logFull: Fault = {
  name: 'log-full',
  verb: 'log-full',
  target: 'relay',
  lasts: true,
  isMixedIn: true,
  draw: (_world, dice) => [aWhile(dice)],
  run: (world, _target, [forMs]) => {
    const { state } = world.relay
    state.isFull = true
    world.later(ms(forMs), () => {
      state.isFull = false
    })
  },
}

export const mixedInFaults: readonly Fault[] = [closed, turnedAway, purge, logFull]
