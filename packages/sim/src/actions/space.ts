/** What people do to a space as a whole: opening and closing, lists, going offline by hand, closing the tab. */
import type { EntityRow, QueryOptions } from '@tidemark/client'
import type { Json } from '@tidemark/store'
import { type Action, anyDocument, mayWork, withEntity } from './action.ts'

const open: Action = {
  verb: 'open',
  weight: 3,
  draw: (world, dice) => [anyDocument(world, dice)],
  run: (world, tab, [document]) => {
    const isOpen = tab.entities.has(document as string)
    world.chosen.ask(tab.device.name, document as string)
    withEntity(world, tab, document as string, () => {
      if (!isOpen) world.coverage.did('open', tab.device.name, world.time.nowMs)
    })
  },
}

const close: Action = {
  verb: 'close',
  weight: 3,
  draw: (world, dice) => [anyDocument(world, dice)],
  run: (world, tab, [document]) => {
    const entity = tab.entities.get(document as string)
    tab.entities.delete(document as string)
    tab.forms.delete(document as string)
    entity?.close()
    if (entity !== undefined) world.coverage.did('close', tab.device.name, world.time.nowMs)
  },
}

type Row = EntityRow<unknown>
const spelling = (row: Row): string => JSON.stringify(row.value)

/** The lists that an app may show, by name. */
export const listings: Readonly<Record<string, QueryOptions<Readonly<Record<string, unknown>>>>> = {
  all: {},
  deleted: { includeDeleted: true },
  first: { limit: 2, orderBy: (a, b) => (spelling(a) < spelling(b) ? 1 : spelling(a) > spelling(b) ? -1 : 0) },
  some: { where: (row) => spelling(row).length % 2 === 0 },
}

const list: Action = {
  verb: 'list',
  weight: 2,
  draw: (world, dice) => [dice.pick(world.options.entities).definition.type, dice.pick(Object.keys(listings))],
  run: (world, tab, [kind, listing]) => {
    const name = `${kind} ${listing}`
    const definition = world.options.entities.map((one) => one.definition).find((one) => one.type === kind)
    if (!mayWork(tab) || tab.queries.has(name) || definition === undefined) return
    const query = tab.space?.query(definition, listings[listing as string])
    if (query === undefined) return
    tab.queries.set(name, query)
    world.coverage.did('list', tab.device.name, world.time.nowMs)
  },
}

const unlist: Action = {
  verb: 'unlist',
  weight: 1,
  draw: () => [],
  run: (world, tab) => {
    const [first] = tab.queries
    if (first === undefined) return
    first[1].close()
    tab.queries.delete(first[0])
    world.coverage.did('unlist', tab.device.name, world.time.nowMs)
  },
}

const sync = (verb: 'pause' | 'resume' | 'retry', weight: number): Action => ({
  verb,
  weight,
  draw: (): readonly Json[] => [],
  run: (world, tab) => {
    const { space } = tab
    if (space === null || tab.isClosing) return
    const { phase, problem } = space.status.get()
    const acts = verb === 'retry' ? phase !== 'live' || problem !== null : (verb === 'resume') === (phase === 'paused')
    if (verb === 'retry') {
      world.retried(tab.device)
      space.sync.retryNow()
    } else space.sync[verb]()
    if (acts) world.coverage.did(verb, tab.device.name, world.time.nowMs)
  },
})

const closeTab: Action = {
  verb: 'close-tab',
  weight: 1,
  draw: () => [],
  run: (world, tab) => {
    if (!mayWork(tab)) return
    tab.device.closeTab(tab.slot)
    world.coverage.did('close-tab', tab.device.name, world.time.nowMs)
  },
}

export const spaceActions: readonly Action[] = [
  open,
  close,
  list,
  unlist,
  sync('pause', 0.7),
  sync('resume', 3),
  sync('retry', 1),
  closeTab,
]
