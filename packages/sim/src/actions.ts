/**
 * What people do: the verbs of tabs, each drawn from chance and carried out on the shipped client.
 *
 * Invariant: an action on something that is not there (a dead tab, a document not yet here) does nothing, so that
 * any part of a scenario is a scenario.
 */
import { type Entity, TidemarkError } from '@tidemark/client'
import type { Fields } from '@tidemark/schema'
import type { Json } from '@tidemark/store'
import type { Tab } from './device.ts'
import { type Dice, seededDice } from './dice.ts'
import { drawPatch } from './entities.ts'
import { editRichText, words } from './typing.ts'
import type { World } from './world.ts'

type Text = { readonly length: number; insert(at: number, text: string): void; delete(at: number, count: number): void }

/** One verb. `draw` gives the arguments, or null where the verb makes no sense for this world. */
export interface Action {
  readonly verb: string
  readonly weight: number
  draw(world: World, dice: Dice): readonly Json[] | null
  run(world: World, tab: Tab, args: readonly Json[]): void
}

/** An app's own action: edits an entity as its code would. */
export type CustomAction = (entity: Entity<Fields>, dice: Dice) => void

const anyDocument = (world: World, dice: Dice): string => dice.pick(world.documents)
const ofDocument = (world: World, dice: Dice): readonly Json[] => [anyDocument(world, dice)]

/** Calls `use` with the open entity; opens it first where it is not open. */
function withEntity(world: World, tab: Tab, document: string, use: (entity: Entity<Fields>) => void): void {
  const { space } = tab
  if (space === null || tab.isClosing) return
  const open = tab.entities.get(document)
  if (open !== undefined) return use(open)
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
      if (now !== undefined && !tab.isClosing) use(now)
    },
    (error: unknown) => mayFail(world, tab, error),
  )
}

/** Not being here yet, and a disk or space that is going away, are part of life; anything else is a failure. */
function mayFail(world: World, tab: Tab, error: unknown): void {
  const isExpected = error instanceof TidemarkError && /^(client|store)\//.test(error.code)
  if (isExpected) world.note(`${tab.name} ${error.code}`)
  else world.fail('P6 nothing fails unseen', `${tab.name}: ${String(error)}`)
}

const create: Action = {
  verb: 'create',
  weight: 2,
  draw: (world, dice) => {
    const document = anyDocument(world, dice)
    return [document, drawPatch(world.entityOf(document), dice, true)]
  },
  run: (world, tab, [document, init]) => {
    const { definition } = world.entityOf(document as string)
    const id = (document as string).slice(definition.type.length + 1)
    if (tab.space === null || tab.isClosing) return
    tab.space.create(definition, init as object, { id }).then(
      (entity) => {
        tab.entities.get(document as string)?.close()
        tab.entities.set(document as string, entity)
        world.ledger.created(tab, entity, init as Readonly<Record<string, Json>>)
      },
      (error: unknown) => mayFail(world, tab, error),
    )
  },
}

const set: Action = {
  verb: 'set',
  weight: 10,
  draw: (world, dice) => {
    const document = anyDocument(world, dice)
    return [document, drawPatch(world.entityOf(document), dice, false)]
  },
  run: (world, tab, [document, patch]) => {
    const fields = patch as Readonly<Record<string, Json>>
    withEntity(world, tab, document as string, (entity) => {
      world.ledger.receipt(fields, () => entity.set(fields))
      world.emit({ type: 'set', tab, patch: fields, value: entity.value })
    })
  },
}

const burst: Action = {
  verb: 'burst',
  weight: 1,
  draw: (world, dice) => [anyDocument(world, dice), dice.between(5, 60), dice.below(1_000_000)],
  run: (world, tab, [document, count, seed]) => {
    const dice = seededDice(seed as number, 'burst')
    const simulated = world.entityOf(document as string)
    withEntity(world, tab, document as string, (entity) => {
      for (let i = 0; i < (count as number); i++) {
        tab.life.schedule(dice.between(0, 30) * i, () => {
          if (tab.entities.get(document as string) !== entity || tab.isClosing) return
          const fields = drawPatch(simulated, dice, false)
          world.ledger.receipt(fields, () => entity.set(fields))
        })
      }
    })
  },
}

const type: Action = {
  verb: 'type',
  weight: 8,
  draw: (world, dice) => {
    const document = anyDocument(world, dice)
    const { texts } = world.entityOf(document)
    return texts.length === 0 ? null : [document, dice.pick(texts), dice.below(400), words(dice)]
  },
  run: (world, tab, [document, field, at, text]) => {
    withEntity(world, tab, document as string, (entity) => {
      const shared = (entity.shared as Record<string, unknown>)[field as string] as Text
      let place = (at as number) % (shared.length + 1)
      // One key at a time, at the pace of a person; remote edits move the place only roughly, as in a plain input.
      ;[...(text as string)].forEach((char, i) => {
        tab.life.schedule(i * 40, () => {
          if (tab.entities.get(document as string) !== entity || tab.isClosing) return
          place = Math.min(place, shared.length)
          shared.insert(place, char)
          place += char.length
        })
      })
    })
  },
}

const erase: Action = {
  verb: 'erase',
  weight: 4,
  draw: (world, dice) => {
    const document = anyDocument(world, dice)
    const { texts } = world.entityOf(document)
    return texts.length === 0 ? null : [document, dice.pick(texts), dice.below(400), dice.between(1, 30)]
  },
  run: (world, tab, [document, field, at, count]) => {
    withEntity(world, tab, document as string, (entity) => {
      const shared = (entity.shared as Record<string, unknown>)[field as string] as Text
      if (shared.length === 0) return
      const place = (at as number) % shared.length
      shared.delete(place, Math.min(count as number, shared.length - place))
    })
  },
}

const rich: Action = {
  verb: 'rich',
  weight: 5,
  draw: (world, dice) => {
    const document = anyDocument(world, dice)
    const { richTexts } = world.entityOf(document)
    return richTexts.length === 0 ? null : [document, dice.pick(richTexts), dice.below(1_000_000)]
  },
  run: (world, tab, [document, field, seed]) => {
    withEntity(world, tab, document as string, (entity) => editRichText(entity.doc, field as string, seededDice(seed as number, 'rich')))
  },
}

const open: Action = {
  verb: 'open',
  weight: 3,
  draw: ofDocument,
  run: (world, tab, [document]) => withEntity(world, tab, document as string, () => undefined),
}

const close: Action = {
  verb: 'close',
  weight: 3,
  draw: ofDocument,
  run: (_world, tab, [document]) => {
    const entity = tab.entities.get(document as string)
    tab.entities.delete(document as string)
    entity?.close()
  },
}

const list: Action = {
  verb: 'list',
  weight: 1,
  draw: (world, dice) => [dice.pick(world.options.entities).definition.type],
  run: (world, tab, [kind]) => {
    if (tab.space === null || tab.isClosing || tab.queries.has(kind as string)) return
    const definition = world.options.entities.map((one) => one.definition).find((one) => one.type === kind)
    if (definition !== undefined) tab.queries.set(kind as string, tab.space.query(definition))
  },
}

const sync = (verb: 'pause' | 'resume' | 'retry', weight: number): Action => ({
  verb,
  weight,
  draw: () => [],
  run: (_world, { space, isClosing }) => {
    if (space === null || isClosing) return
    if (verb === 'retry') space.sync.retryNow()
    else space.sync[verb]()
  },
})

const closeTab: Action = {
  verb: 'close-tab',
  weight: 1,
  draw: () => [],
  run: (_world, tab) => tab.device.closeTab(tab.slot),
}

export const actions: readonly Action[] = [
  create,
  set,
  burst,
  type,
  erase,
  rich,
  open,
  close,
  list,
  sync('pause', 0.5),
  sync('resume', 1),
  sync('retry', 0.5),
  closeTab,
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
      if (run !== undefined) withEntity(world, tab, document as string, (entity) => run(entity, seededDice(seed as number, 'do')))
    },
  }
}
