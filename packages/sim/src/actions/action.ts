/**
 * What an action is, and what its verbs share.
 *
 * Invariant: an action on something that is not there (a dead tab, a document not yet here) does nothing, so that
 * any part of a scenario is a scenario.
 */
import { type Entity, TidemarkError } from '@tidemark/client'
import type { Fields } from '@tidemark/schema'
import type { Json } from '@tidemark/store'
import type { Tab } from '../device.ts'
import type { Dice } from '../dice.ts'
import type { SimulatedEntity } from '../entities.ts'
import type { FaultName } from '../profile.ts'
import type { World } from '../world.ts'

/** One verb. `draw` gives the arguments, or null where the verb makes no sense for this world. */
export interface Action {
  readonly verb: string
  readonly weight: number
  /** Drawn apart from the others, so that a seed without it has the steps that it had before there was it. */
  readonly isMixedIn?: boolean
  /** Drawn only where a run has this. */
  readonly needs?: FaultName
  draw(world: World, dice: Dice): readonly Json[] | null
  run(world: World, tab: Tab, args: readonly Json[]): void
}

export const anyDocument = (world: World, dice: Dice): string => dice.pick(world.documents)

/** Draws a document and one of the entity's fields of a kind; null when it has none. */
export function drawField(world: World, dice: Dice, fieldsOf: (entity: SimulatedEntity) => Iterable<string>): [string, string] | null {
  const document = anyDocument(world, dice)
  const fields = [...fieldsOf(world.entityOf(document))]
  return fields.length === 0 ? null : [document, dice.pick(fields)]
}

export const mayWork = ({ space, isClosing }: Tab): boolean => space !== null && !isClosing

/** Calls `use` with the open entity; opens it first where it is not open. */
export function withEntity(world: World, tab: Tab, document: string, use: (entity: Entity<Fields>) => void): void {
  const { space } = tab
  if (space === null || tab.isClosing) return
  const open = tab.entities.get(document)
  if (open !== undefined) return attempt(world, tab, () => use(open))
  const device = tab.device.name
  if (!world.chosen.worksIn(device, document)) return
  world.chosen.ask(device, document)
  const { definition } = world.entityOf(document)
  space.open(definition, document.slice(definition.type.length + 1)).then(
    (entity) => {
      const other = tab.entities.get(document)
      if (other !== undefined || tab.isClosing) entity.close()
      else {
        tab.entities.set(document, entity)
        world.ledger.observe(tab, entity)
      }
      const now = tab.entities.get(document)
      if (now !== undefined && !tab.isClosing) attempt(world, tab, () => use(now))
    },
    (error: unknown) => {
      if (world.chosen.isOf(device) && isUnreachable(error)) world.note(`${tab.name} ${document} is not here`)
      else mayFail(world, tab, error)
    },
  )
}

/** What people are told at the spot, and go on. */
const refusals: ReadonlySet<string> = new Set([
  'schema/in-conflict',
  'schema/invariant',
  'schema/deleted',
  'schema/not-yours',
  'schema/too-large',
  'relay/purged',
])

/** Runs what a person does at one moment. */
export function attempt(world: World, tab: Tab, run: () => void): void {
  try {
    run()
  } catch (error) {
    mayFail(world, tab, error)
  }
}

/** Who has chosen documents cannot get one more without a line. */
const isUnreachable = (error: unknown): boolean => error instanceof TidemarkError && error.code === 'relay/unreachable'

/** Being refused at the spot, not being here yet, and a disk or space that is going away are part of life; anything else is a failure. */
export function mayFail(world: World, tab: Tab, error: unknown): void {
  const isExpected = error instanceof TidemarkError && (refusals.has(error.code) || /^(client|store)\//.test(error.code))
  if (isExpected) world.note(`${tab.name} ${error.code}`)
  else world.fail('P6 nothing fails unseen', `${tab.name}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
}

/** Writes through the entity, follows the receipt, and counts the action as done when something was written. */
export function write(world: World, tab: Tab, verb: string, entity: Entity<Fields>, run: () => void): readonly number[] {
  const made = world.ledger.receipt(() => entity.write(run))
  if (made.length > 0) world.coverage.did(verb, tab.device.name, world.time.nowMs)
  return made.map(({ id }) => id)
}
