/** What people do to fields that are read as one value: setting, forms, decisions, taking back. */
import type { Edit, Entity } from '@tidemark/client'
import type { Conflict, Fields } from '@tidemark/schema'
import type { Json } from '@tidemark/store'
import type { Seen } from '../critical-ledger.ts'
import type { Tab } from '../device.ts'
import { seededDice } from '../dice.ts'
import { drawInit, drawPatch, drawValue } from '../entities.ts'
import type { World } from '../world.ts'
import { type Action, anyDocument, attempt, drawField, mayFail, mayWork, withEntity, write } from './action.ts'

type Patch = Readonly<Record<string, Json>>

/** A form that a person has open: what it shows, and the conflicts that were on the screen when it opened. */
export interface Form {
  readonly entity: Entity<Fields>
  readonly edit: Edit<Fields>
  readonly conflicts: readonly Conflict[]
  readonly seen: Seen
  /** Writes of this form, by number. */
  readonly own: Set<number>
}

const create: Action = {
  verb: 'create',
  weight: 2,
  draw: (world, dice) => {
    const document = anyDocument(world, dice)
    return [document, drawInit(world.entityOf(document), dice)]
  },
  run: (world, tab, [document, init]) => {
    const name = document as string
    const { definition } = world.entityOf(name)
    if (!mayWork(tab)) return
    world.chosen.ask(tab.device.name, name)
    tab.space?.create(definition, init as object, { id: name.slice(definition.type.length + 1) }).then(
      (entity) => {
        tab.entities.get(name)?.close()
        tab.entities.set(name, entity)
        const { id } = world.ledger.created(tab, entity, init as Patch)
        world.critical.wrote(id, Object.entries(init as Patch), { at: new Map(), isVague: false }, new Set())
        world.coverage.did('create', tab.device.name, world.time.nowMs)
      },
      (error: unknown) => mayFail(world, tab, error),
    )
  },
}

function setFree(world: World, tab: Tab, verb: string, entity: Entity<Fields>, patch: Patch): void {
  for (const id of write(world, tab, verb, entity, () => entity.set(patch))) world.ledger.setFields(id, patch)
  world.emit({ type: 'set', tab, document: `${entity.type}/${entity.id}`, patch, value: entity.value })
}

const set: Action = {
  verb: 'set',
  weight: 8,
  draw: (world, dice) => {
    const document = anyDocument(world, dice)
    const entity = world.entityOf(document)
    return entity.free.size === 0 ? null : [document, drawPatch(entity, entity.free, dice)]
  },
  run: (world, tab, [document, patch]) => {
    withEntity(world, tab, document as string, (entity) => setFree(world, tab, 'set', entity, patch as Patch))
  },
}

const burst: Action = {
  verb: 'burst',
  weight: 0.6,
  draw: (world, dice) => {
    const document = anyDocument(world, dice)
    return world.entityOf(document).free.size === 0 ? null : [document, dice.between(5, 60), dice.below(1_000_000)]
  },
  run: (world, tab, [document, count, seed]) => {
    const dice = seededDice(seed as number, 'burst')
    const simulated = world.entityOf(document as string)
    withEntity(world, tab, document as string, (entity) => {
      for (let i = 0; i < (count as number); i++) {
        tab.life.schedule(dice.between(0, 30) * i, () => {
          if (tab.entities.get(document as string) !== entity || tab.isClosing) return
          const patch = drawPatch(simulated, simulated.free, dice)
          attempt(world, tab, () => setFree(world, tab, 'burst', entity, patch))
        })
      }
    })
  },
}

function openForm(world: World, tab: Tab, document: string, entity: Entity<Fields>): Form {
  const form: Form = {
    entity,
    edit: entity.edit(),
    conflicts: entity.conflicts as readonly Conflict[],
    seen: world.critical.seenBy(entity),
    own: new Set(),
  }
  tab.forms.set(document, form)
  return form
}

/** The form that is open over this very entity, or one that opens now. */
function formOf(world: World, tab: Tab, document: string, entity: Entity<Fields>): Form {
  const open = tab.forms.get(document)
  return open?.entity === entity ? open : openForm(world, tab, document, entity)
}

const edit: Action = {
  verb: 'edit',
  weight: 4,
  draw: (world, dice) => {
    const document = anyDocument(world, dice)
    return world.entityOf(document).critical.size === 0 ? null : [document]
  },
  run: (world, tab, [document]) => {
    withEntity(world, tab, document as string, (entity) => {
      openForm(world, tab, document as string, entity)
      world.coverage.did('edit', tab.device.name, world.time.nowMs)
    })
  },
}

function saveForm(world: World, tab: Tab, verb: string, form: Form, patch: Patch): void {
  for (const id of write(world, tab, verb, form.entity, () => form.edit.set(patch))) {
    world.ledger.setFields(id, patch)
    world.critical.wrote(id, Object.entries(patch), form.seen, form.own)
    form.own.add(id)
  }
}

/** A form that saves by itself while somebody writes in it. */
const autosave: Action = {
  verb: 'autosave',
  weight: 0.4,
  draw: (world, dice) => {
    const place = drawField(world, dice, ({ critical }) => critical.keys())
    return place === null ? null : [...place, dice.between(5, 50), dice.below(1_000_000)]
  },
  run: (world, tab, [document, field, count, seed]) => {
    const dice = seededDice(seed as number, 'autosave')
    const simulated = world.entityOf(document as string)
    withEntity(world, tab, document as string, (entity) => {
      const form = formOf(world, tab, document as string, entity)
      for (let i = 0; i < (count as number); i++) {
        tab.life.schedule(dice.between(50, 500) * i, () => {
          if (tab.entities.get(document as string) !== entity || tab.isClosing) return
          const patch = { [field as string]: drawValue(simulated, simulated.critical, field as string, dice) }
          attempt(world, tab, () => saveForm(world, tab, 'autosave', form, patch))
        })
      }
    })
  },
}

/** Saves the form that is open, however stale it is by now. */
const save: Action = {
  verb: 'save',
  weight: 8,
  draw: (world, dice) => {
    const document = anyDocument(world, dice)
    const entity = world.entityOf(document)
    if (entity.critical.size === 0) return null
    return [document, { ...drawPatch(entity, entity.critical, dice), ...(dice.chance(0.2) ? drawPatch(entity, entity.free, dice) : {}) }]
  },
  run: (world, tab, [document, patch]) => {
    withEntity(world, tab, document as string, (entity) =>
      saveForm(world, tab, 'save', formOf(world, tab, document as string, entity), patch as Patch),
    )
  },
}

const withdraw: Action = {
  verb: 'withdraw',
  weight: 2,
  draw: (world, dice) => drawField(world, dice, ({ critical }) => critical.keys()),
  run: (world, tab, [document, field]) => {
    withEntity(world, tab, document as string, (entity) => {
      const form = formOf(world, tab, document as string, entity)
      const before = entity.shown()
      const fields = [field as string, ...world.entityOf(document as string).critical.keys()]
      // The first that one's own value stands in.
      for (const one of new Set(fields)) {
        const ids: number[] = []
        attempt(world, tab, () => ids.push(...write(world, tab, 'withdraw', entity, () => form.edit.withdraw(one as never))))
        for (const id of ids) world.critical.stepped(id, document as string, before, entity)
        if (ids.length > 0) return
      }
    })
  },
}

/** The named document, or of those that the tab has open one that fits. */
export function onScreen(tab: Tab, first: string, fits: (entity: Entity<Fields>) => boolean): [string, Entity<Fields> | undefined] {
  const open = [first, ...tab.entities.keys()].map((name) => [name, tab.entities.get(name)] as const)
  const found = open.find(([, entity]) => entity !== undefined && fits(entity))
  return found === undefined ? [first, undefined] : [found[0], found[1]]
}

/** Decides a conflict as it is shown now, or as it stood on the screen when the form opened. */
const decide: Action = {
  verb: 'decide',
  weight: 5,
  draw: (world, dice) => {
    const document = anyDocument(world, dice)
    if (world.entityOf(document).critical.size === 0) return null
    return [document, dice.chance(0.3), dice.below(16), dice.chance(0.3) ? dice.below(16) : null, `reason-${dice.below(1_000_000)}`]
  },
  run: (world, tab, [first, isStale, pick, other, reason]) => {
    const [document, open] = onScreen(tab, first as string, ({ conflicts }) => conflicts.length > 0)
    withEntity(world, tab, document, (entity) => {
      const form = isStale === true ? formOf(world, tab, document, entity) : openForm(world, tab, document, open ?? entity)
      const conflict = form.conflicts[(pick as number) % form.conflicts.length]
      const candidate = conflict?.candidates[(pick as number) % conflict.candidates.length]
      if (conflict === undefined || candidate === undefined) return
      const { field } = conflict
      const values = world.entityOf(document).critical.get(field) ?? []
      const value = other === null || values.length === 0 ? null : { value: values[(other as number) % values.length] as Json }
      const choice = value ?? { choose: candidate.id }
      const chosen = value === null ? candidate.value : value.value
      // What came back by a withdrawal nobody set; the record of what was rejected leaves it out.
      const shown = conflict.candidates.filter(({ kind }) => kind !== 'withdraw').map((one) => one.value as Json)
      for (const id of write(world, tab, 'decide', entity, () => conflict.decide(choice, { reason: reason as string }))) {
        world.critical.decided(id, field, chosen as Json, form.seen, form.own, { reason: reason as string, shown })
        form.own.add(id)
      }
    })
  },
}

const revise: Action = {
  verb: 'revise',
  weight: 2,
  draw: (world, dice) => {
    const document = anyDocument(world, dice)
    return world.entityOf(document).critical.size === 0 ? null : [document, dice.below(16), `reason-${dice.below(1_000_000)}`]
  },
  run: (world, tab, [first, pick, reason]) => {
    const [document] = onScreen(tab, first as string, ({ decisions }) => decisions.some(({ stands }) => stands))
    withEntity(world, tab, document, (entity) => {
      const seen = world.critical.seenBy(entity)
      const decision = entity.decisions.find(({ stands }) => stands)
      const values = world.entityOf(document).critical.get(decision?.field ?? '') ?? []
      const value = values[(pick as number) % values.length]
      if (decision === undefined || value === undefined) return
      const field: string = decision.field
      const shown = [decision.value as Json]
      for (const id of write(world, tab, 'revise', entity, () => decision.revise({ value }, { reason: reason as string })))
        world.critical.decided(id, field, value, seen, new Set(), { reason: reason as string, shown })
    })
  },
}

export const fieldActions: readonly Action[] = [create, set, burst, edit, save, autosave, withdraw, decide, revise]
