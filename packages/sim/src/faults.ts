/**
 * What goes wrong: the verbs of devices and of the relay. Those with a duration undo themselves.
 */
import type { Json } from '@tidemark/store'
import { everybody } from './coverage.ts'
import type { Device } from './device.ts'
import type { Dice } from './dice.ts'
import { mixedInFaults } from './mixed-in-faults.ts'
import type { Line } from './network.ts'
import { plainName } from './plain-client.ts'
import type { FaultName } from './profile.ts'
import type { World } from './world.ts'

/** What a verb acts on. */
type Target = 'device' | 'tab' | 'relay'

export interface Fault {
  readonly name: FaultName
  readonly verb: string
  readonly target: Target
  draw(world: World, dice: Dice): readonly Json[]
  run(world: World, target: FaultTarget, args: readonly Json[]): void
  /** Whether the last argument is how long it lasts. */
  readonly lasts: boolean
  /** Drawn apart from the others; see `mixed-in.ts`. */
  readonly isMixedIn?: boolean
  /** Whether it happens on a line, which the plain page has too. */
  readonly isOfLine?: boolean
}

/** What a step names; the relay's faults ignore it. */
export interface FaultTarget {
  /** The name of a line: a device's, or the plain page's. */
  readonly line: string
  readonly device: Device
  readonly slot: number
}

const ms = (value: Json | undefined): number => Number(value ?? 0)

/** A while: mostly seconds, now and then minutes. */
const aWhile = (dice: Dice): number => dice.pick([dice.between(50, 2_000), dice.between(2_000, 30_000), dice.between(30_000, 300_000)])
const soon = (dice: Dice): number => dice.between(10, 5_000)

const lineFault = (name: FaultName, change: (line: Line, args: readonly Json[]) => void, repair: (line: Line) => void): Fault => ({
  name,
  verb: name,
  target: 'device',
  lasts: true,
  draw: (_world, dice) => (name === 'partition' ? [dice.pick(['in', 'out', 'both']), aWhile(dice)] : [aWhile(dice)]),
  run: (world, { line: name }, args) => {
    const line = world.network.line(name)
    change(line, args)
    world.network.changed(name)
    world.later(ms(args.at(-1)), () => {
      repair(line)
      world.network.changed(name)
    })
  },
})

const partition: Fault = lineFault(
  'partition',
  (line, [way]) => {
    line.isStalledIn ||= way !== 'out'
    line.isStalledOut ||= way !== 'in'
  },
  (line) => {
    line.isStalledIn = false
    line.isStalledOut = false
  },
)

const offline: Fault = {
  name: 'offline',
  verb: 'offline',
  target: 'device',
  lasts: true,
  draw: (_world, dice) => [dice.chance(0.5), aWhile(dice)],
  run: (world, { line: name, device }, [isTold, forMs]) => {
    const line = world.network.line(name)
    const turn = (isUp: boolean): void => {
      line.isUp = isUp
      world.network.changed(name)
      if (isTold === true && name === device.name) device.browser.tell(isUp ? 'online' : 'offline')
    }
    if (line.isUp) world.coverage.bit('offline', name, world.time.nowMs, ms(forMs))
    turn(false)
    world.later(ms(forMs), () => turn(true))
  },
}

const moment = (
  name: FaultName,
  target: Target,
  draw: (world: World, dice: Dice) => readonly Json[],
  run: (world: World, target: FaultTarget, args: readonly Json[]) => void,
): Fault => ({ name, verb: name, target, lasts: false, draw, run })

/** What the device has lost is to be judged; after a while its person is back. */
function reopen(world: World, device: Device, slot: number, backMs: Json | undefined): void {
  world.lost()
  world.later(ms(backMs), () => device.openTab(slot))
}

const deviceFaults: readonly Fault[] = [
  offline,
  partition,
  moment(
    'cut',
    'device',
    () => [],
    (world, { line }) => world.network.cut(line),
  ),
  moment(
    'half-open',
    'device',
    () => [],
    (world, { line }) => world.network.blackHole(line),
  ),
  moment(
    'crash-tab',
    'tab',
    (_world, dice) => [soon(dice)],
    (world, { device, slot }, [backMs]) => {
      if (device.tab(slot) !== undefined) world.coverage.bit('crash-tab', device.name, world.time.nowMs)
      device.crashTab(slot)
      reopen(world, device, slot, backMs)
    },
  ),
  { ...moment('freeze', 'tab', (_world, dice) => [aWhile(dice)], freeze), lasts: true },
  moment(
    'power-cut',
    'device',
    (_world, dice) => [soon(dice)],
    (world, { device }, [backMs]) => {
      if (device.tabs.length > 0) world.coverage.bit('power-cut', device.name, world.time.nowMs)
      device.cutPower()
      reopen(world, device, 1, backMs)
    },
  ),
  moment(
    'evict',
    'device',
    (_world, dice) => [soon(dice)],
    (world, { device }, [backMs]) => {
      if (device.disk.transactions > 0) world.coverage.bit('evict', device.name, world.time.nowMs)
      device.rewind(0)
      reopen(world, device, 1, backMs)
    },
  ),
  moment(
    'old-device',
    'device',
    (_world, dice) => [dice.below(100), soon(dice)],
    (world, { device }, [percent, backMs]) => {
      if (device.disk.transactions > 0) world.coverage.bit('old-device', device.name, world.time.nowMs)
      device.rewind(Math.floor((device.disk.transactions * ms(percent)) / 100))
      reopen(world, device, 1, backMs)
    },
  ),
  moment(
    'disk-fails',
    'device',
    (_world, dice) => [dice.between(1, 5)],
    (_world, { device }, [count]) => {
      device.disk.state.failNext += ms(count)
    },
  ),
  {
    ...moment(
      'disk-full',
      'device',
      (_world, dice) => [aWhile(dice)],
      (world, { device }, [forMs]) => {
        device.disk.state.isFull = true
        world.later(ms(forMs), () => {
          device.disk.state.isFull = false
        })
      },
    ),
    lasts: true,
  },
  moment(
    'clock-jump',
    'device',
    (_world, dice) => [dice.pick([-86_400_000, -60_000, 60_000, 3_600_000, 86_400_000])],
    (world, { device }, [by]) => {
      world.coverage.bit('clock-jump', device.name, world.time.nowMs)
      device.skewMs += ms(by)
    },
  ),
  { ...moment('read-only', 'device', (_world, dice) => [dice.chance(0.5), aWhile(dice)], readOnly), lasts: true },
  { ...moment('signed-out', 'device', (_world, dice) => [aWhile(dice)], signOut), lasts: true },
]

function freeze(world: World, { device, slot }: FaultTarget, [forMs]: readonly Json[]): void {
  const tab = device.tab(slot)
  if (tab !== undefined) world.coverage.bit('freeze', device.name, world.time.nowMs, ms(forMs))
  tab?.life.freeze()
  world.later(ms(forMs), () => {
    if (tab?.life.isFrozen !== true) return
    tab.life.thaw()
    device.browser.tell('visible', tab.life)
  })
}

/** The right to write goes and comes back; once it is back, the person tries again what was refused. */
function readOnly(world: World, { device }: FaultTarget, [isAtOnce, forMs]: readonly Json[]): void {
  const turn = (isReadOnly: boolean): void => {
    world.relay.setReadOnly(device.name, isReadOnly, isAtOnce === true)
    if (isAtOnce !== true) world.network.cut(device.name)
  }
  world.coverage.bit('read-only', device.name, world.time.nowMs, ms(forMs))
  turn(true)
  world.later(ms(forMs), () => {
    turn(false)
    world.later(2_000, () => {
      world.retried(device)
      device.tabs[0]?.space?.sync.retryNow()
    })
  })
}

/** The sign-in ends; after a while the person signs in again. */
function signOut(world: World, { device }: FaultTarget, [forMs]: readonly Json[]): void {
  if (device.tabs.length > 0) world.coverage.bit('signed-out', device.name, world.time.nowMs, ms(forMs))
  world.relay.setSignedOut(device.name, true)
  world.later(ms(forMs), () => signIn(world, device))
}

function signIn(world: World, device: Device): void {
  world.relay.setSignedOut(device.name, false)
  world.retried(device)
  for (const { space } of device.tabs.slice(0, 1)) space?.sync.retryNow()
}

const relayFaults: readonly Fault[] = [
  moment(
    'relay-kill',
    'relay',
    (_world, dice) => [soon(dice)],
    (world, _target, [downMs]) => {
      if (world.relay.isUp) world.coverage.bit('relay-kill', everybody, world.time.nowMs)
      world.relay.kill()
      world.relay.startAfter(ms(downMs))
    },
  ),
  moment(
    'relay-stop',
    'relay',
    (_world, dice) => [soon(dice)],
    (world, _target, [downMs]) => {
      if (world.relay.isUp) world.coverage.bit('relay-stop', everybody, world.time.nowMs)
      world.relay.stop()
      world.relay.startAfter(ms(downMs) + 20_000)
    },
  ),
  moment(
    'log-fails',
    'relay',
    (_world, dice) => [dice.between(1, 3)],
    (world, _target, [count]) => {
      world.relay.state.failNext += ms(count)
    },
  ),
  moment(
    'log-torn',
    'relay',
    () => [1],
    (world, _target, [count]) => {
      world.relay.state.tornNext += ms(count)
    },
  ),
  moment(
    'log-crash',
    'relay',
    (_world, dice) => [soon(dice)],
    (world, _target, [downMs]) => {
      world.relay.state.crashNextMs = ms(downMs)
    },
  ),
  moment(
    'restore',
    'relay',
    (_world, dice) => [soon(dice)],
    (world, _target, [downMs]) => {
      if (!world.relay.hasBackup) return world.relay.backup()
      world.relay.restore()
      world.lost()
      world.relay.startAfter(ms(downMs))
    },
  ),
  moment(
    'compact',
    'relay',
    (world, dice) => [dice.pick(world.documents)],
    (world, _target, [document]) => world.relay.compact(document as string),
  ),
]

/** Faults of a line, which may as well be the plain page's. */
const ofLines: ReadonlySet<string> = new Set(['offline', 'partition', 'cut', 'half-open'])

export const faults: readonly Fault[] = [...deviceFaults, ...relayFaults, ...mixedInFaults].map((fault) => ({
  ...fault,
  isOfLine: ofLines.has(fault.name),
}))

/** Ends every fault that lasts: lines up, disks well, everyone allowed, everyone awake. Clocks stay as wrong as they are. */
export function heal(world: World): void {
  const { relay } = world
  world.endFaults()
  Object.assign(relay.state, { minDelayMs: 1, maxDelayMs: 5, failure: 0, failNext: 0, isFull: false, tornNext: 0, crashNextMs: null })
  world.hooks?.heal()
  relay.start()
  for (const name of [plainName, ...world.devices.map((device) => device.name)]) {
    Object.assign(world.network.line(name), { ...world.usualLine(), minLatencyMs: 1, maxLatencyMs: 50, loss: 0 })
    world.network.changed(name)
  }
  for (const device of world.devices) {
    Object.assign(device.disk.state, { minDelayMs: 0, maxDelayMs: 3, failure: 0, failNext: 0, isFull: false })
    if (relay.isReadOnly(device.name)) {
      relay.setReadOnly(device.name, false)
      world.network.cut(device.name)
    }
    relay.setSignedOut(device.name, false)
    for (const tab of device.tabs) if (tab.life.isFrozen) tab.life.thaw()
    device.openTab(1)
    // Who was told of an outage is told of its end; everybody else has to find out.
    if (!device.browser.isOnline) device.browser.tell('online')
  }
}
