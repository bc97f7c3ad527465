/**
 * From a seed to its steps, and from a step to what happens.
 *
 * A plan is drawn whole before anything runs, and each step carries all that it needs: so any part of a plan is a
 * plan, and a failing one can be shrunk.
 */
import { type Action, actions, type CustomAction, customAction } from './actions.ts'
import type { Device } from './device.ts'
import { type Dice, seededDice } from './dice.ts'
import { drawInit } from './entities.ts'
import { type Fault, type FaultTarget, faults } from './faults.ts'
import { mixIn } from './mixed-in.ts'
import { carryOutPlain, drawPlainStep } from './plain-actions.ts'
import { plainName } from './plain-client.ts'
import type { FaultName } from './profile.ts'
import type { Step } from './step.ts'
import type { World } from './world.ts'

export interface Verbs {
  readonly actions: readonly Action[]
  readonly faults: readonly Fault[]
}

/** All verbs of a world: those of people, the app's own, and the faults of the profile. */
export function verbsOf(custom: Readonly<Record<string, CustomAction>>): Verbs {
  const own = customAction(custom)
  return { actions: own === null ? actions : [...actions, own], faults }
}

/** The verbs of people that make sense for what the app stores, and for runs that have what they need. */
export function applicable(world: World, { actions: list }: Verbs, has: (name: FaultName) => boolean): string[] {
  const dice = seededDice(0, 'applicable')
  const canBe = (action: Action): boolean =>
    (action.needs === undefined || has(action.needs)) &&
    Array.from({ length: 20 }, () => action.draw(world, dice)).some((args) => args !== null)
  return ['open-tab', ...list.filter(canBe).map(({ verb }) => verb)]
}

/** Draws `count` steps; the first of them create the documents. */
export function drawPlan(world: World, verbs: Verbs, count: number): Step[] {
  const dice = seededDice(world.options.seed, 'plan')
  const steps: Step[] = []
  for (const document of world.documents) {
    const init = drawInit(world.entityOf(document), dice)
    steps.push({ afterMs: dice.between(0, 500), who: drawTab(world, dice, true), verb: 'create', args: [document, init] })
  }
  const { faults: on } = world.options.profile
  const usual = verbs.actions.filter(({ isMixedIn, needs }) => isMixedIn !== true && (needs === undefined || on.has(needs)))
  const drawable = verbs.faults.filter(({ name, isMixedIn }) => isMixedIn !== true && on.has(name))
  const faultShare = drawable.length === 0 ? 0 : dice.pick([0.03, 0.1, 0.25])
  while (steps.length < count) {
    const step = dice.chance(faultShare) ? drawFault(world, drawable, dice) : drawAction(world, usual, dice)
    if (step !== null) steps.push(step)
  }
  return mixIn(world, verbs, steps, drawTab).slice(0, count)
}

/** Mostly quick succession, now and then a long silence. */
function drawPause(dice: Dice): number {
  const [least, most] = pauses[dice.weighted([50, 30, 17, 2, 0.6])] as readonly [number, number]
  return dice.between(least, most)
}

const pauses = [
  [0, 50],
  [50, 1_000],
  [1_000, 10_000],
  [30_000, 120_000],
  [120_000, 600_000],
] as const

export function drawTab(world: World, dice: Dice, isFirst = false): string {
  return `${dice.pick(world.devices).name}${isFirst ? 1 : 1 + dice.weighted([8, 3, 1])}`
}

function drawAction(world: World, list: readonly Action[], dice: Dice): Step | null {
  // A second or third tab has to be opened before anyone works in it.
  if (dice.chance(0.05)) {
    const step = drawPlainStep(world, dice)
    if (step !== null) return { afterMs: drawPause(dice), ...step }
  }
  if (dice.chance(0.04)) return { afterMs: drawPause(dice), who: drawTab(world, dice), verb: 'open-tab', args: [] }
  const action = list[dice.weighted(list.map(({ weight }) => weight))] as Action
  const args = action.draw(world, dice)
  return args === null ? null : { afterMs: drawPause(dice), who: drawTab(world, dice), verb: action.verb, args }
}

function drawFault(world: World, drawable: readonly Fault[], dice: Dice): Step {
  const { weights } = world.options.profile
  const fault = drawable[dice.weighted(drawable.map(({ name }) => weights.get(name) ?? 1))] as Fault
  const tab = drawTab(world, dice)
  const isPlain = fault.isOfLine === true && dice.chance(0.15)
  const who = fault.target === 'relay' ? 'relay' : isPlain ? plainName : fault.target === 'tab' ? tab : tab.slice(0, 1)
  return { afterMs: drawPause(dice), who, verb: fault.verb, args: fault.draw(world, dice) }
}

/**
 * Carries one step out.
 *
 * @throws {SyntaxError} when it names an unknown verb, device or document.
 */
export function carryOut(world: World, verbs: Verbs, step: Step): void {
  const { who, verb, args } = step
  const fault = verbs.faults.find((one) => one.verb === verb)
  if (who === plainName) return onPlain(world, fault, step)
  const device = world.device(who.slice(0, 1))
  const slot = Number(who.slice(1) || 1)
  if (fault?.target === 'relay' || who === 'relay') return onRelay(world, fault, step)
  if (device === undefined) throw new SyntaxError(`there is no ${who}`)
  if (fault !== undefined) {
    return fault.run(world, { line: device.name, device, slot }, args)
  }
  if (verb === 'open-tab') return openTab(world, device, slot)
  const action = verbs.actions.find((one) => one.verb === verb)
  if (action === undefined) throw new SyntaxError(`there is no verb ${verb}`)
  const document = args[0]
  if (typeof document === 'string' && document.includes('/') && !world.documents.includes(document))
    throw new SyntaxError(`there is no document ${document}; there are ${world.documents.join(', ')}`)
  // Whoever has no such tab open works in the one that is.
  const tab = device.tab(slot) ?? device.tabs[0]
  if (tab !== undefined) action.run(world, tab, args)
}

function openTab(world: World, device: Device, slot: number): void {
  if (device.tab(slot) === undefined) world.coverage.did('open-tab', device.name, world.time.nowMs)
  device.openTab(slot)
}

function onRelay(world: World, fault: Fault | undefined, { verb, args }: Step): void {
  if (fault === undefined) throw new SyntaxError(`the relay has no verb ${verb}`)
  fault.run(world, noTarget(world, 'relay'), args)
}

/** The target of what needs no device. */
const noTarget = (world: World, line: string): FaultTarget => ({ line, device: world.devices[0] as Device, slot: 1 })

function onPlain(world: World, fault: Fault | undefined, { verb, args }: Step): void {
  if (fault?.isOfLine === true) return fault.run(world, noTarget(world, plainName), args)
  carryOutPlain(world, verb, args)
}
