/**
 * The end of a run: faults end, everything comes to rest within a bound, stays at rest, and is looked at.
 *
 * Three oracles live here: `P6 everything settles`, `P5 a settled world is quiet`, `P6 nothing fails unseen`.
 */
import type { EntityDefinition } from '@tidemark/schema'
import { listings } from './actions/space.ts'
import type { Device, Tab } from './device.ts'
import { heal } from './faults.ts'
import type { Attached, FinalView, QueryView, RowView, Shown, TabView } from './oracles/oracle.ts'
import { settled } from './virtual-time.ts'
import type { World } from './world.ts'

export const settleLimits = {
  /** Virtual time from the end of all faults to rest. */
  boundMs: 240_000,
  /** For how long a dead line may go unnoticed. */
  silenceMs: 60_000,
  /** How often it is looked at. */
  checkMs: 500,
  /** For how long nothing may happen after that. */
  quietMs: 60_000,
} as const

/** True when the world came to rest. */
export async function settle(world: World): Promise<boolean> {
  heal(world)
  nudge(world)
  // A half-open line looks alive to both ends until silence betrays it.
  await world.runFor(settleLimits.silenceMs)
  let unrest = ''
  for (let spentMs = 0; spentMs < settleLimits.boundMs; spentMs += settleLimits.checkMs) {
    await world.runFor(settleLimits.checkMs)
    if (world.failures.length > 0) return false
    unrest = unrestOf(world)
    if (unrest === '') return (await answered(world)) && (await stayQuiet(world))
    nudge(world)
  }
  world.fail('P6 everything settles', `${settleLimits.boundMs} ms after the last fault: ${unrest}`)
  return false
}

/** A hook that failed is asked again, later and later; whether that was in time is an oracle's matter. */
async function answered(world: World): Promise<boolean> {
  for (let spentMs = 0; world.arbitration.isOpen && spentMs < settleLimits.boundMs; spentMs += settleLimits.checkMs) {
    await world.runFor(settleLimits.checkMs)
    if (world.failures.length > 0) return false
  }
  return true
}

/** Refusals whose reason is gone once the world has healed. */
const isOver: ReadonlySet<string> = new Set(['relay/forbidden', 'relay/signed-out', 'relay/refused'])

/** A status tells of the refusal that came last; behind one for good there may be others, which the list of what is pending shows. */
const isToTryAgain = (world: World, { disk }: Device): boolean =>
  world.purges.documents.length > 0 && disk.records.some(({ problem }) => isOver.has(problem ?? ''))

/** What a person would do too: load a page that did not open, unpause what is paused, try again what was refused. */
function nudge(world: World): void {
  if (!world.relay.isUp) world.relay.start()
  world.purges.again()
  for (const device of world.devices) {
    if (device.tabs.length === 0) device.openTab(1)
    for (const { space, isClosing } of device.tabs) {
      const status = space?.status.get()
      if (isClosing || status === undefined) continue
      if (status.phase === 'paused') space?.sync.resume()
      if (status.refused === 0 && !isOver.has(status.problem?.code ?? '') && !isToTryAgain(world, device)) continue
      world.retried(device)
      space?.sync.retryNow()
    }
  }
}

/** Why the world is not at rest; '' when it is. */
function unrestOf(world: World): string {
  const { relay, devices, plain } = world
  if (!relay.isUp) return 'the relay is down'
  const unrest = devices.flatMap((device) =>
    device.tabs.length === 0 ? [`${device.name} has no tab`] : device.tabs.map((tab) => unrestOfTab(world, tab)),
  )
  const sessions = relay.relay?.figures.sessions
  const expected = devices.length + plain.connections
  if (sessions !== expected) unrest.push(`the relay has ${sessions} sessions where ${expected} are due`)
  if (world.purges.isOpen) unrest.push('a purge is not done')
  if (!plain.isSettled) unrest.push('the stock client has no line')
  return unrest.filter((one) => one !== '').join('; ')
}

function unrestOfTab(world: World, tab: Tab): string {
  const status = tab.space?.status.get()
  if (status === undefined || tab.isClosing) return `${tab.name} is ${tab.isClosing ? 'closing' : 'opening'}`
  const { refused } = tab.device.disk
  const isAside = refused.some(({ name }) => !world.purges.has(name))
  // What was refused in a document that was erased since can only be exported or discarded.
  const isKept = (status.problem?.code === 'relay/purged' && world.purges.documents.length > 0) || (refused.length > 0 && !isAside)
  const problem = isKept ? status.storage.problem : (status.problem ?? status.storage.problem)
  if (status.phase === 'live' && status.pending.documents === keptOf(world, tab) && !status.saving && problem === null && !isAside)
    return ''
  const { phase, pending, saving, role } = status
  return `${tab.name} (${role}) is ${phase}, ${pending.documents} pending${saving ? ', saving' : ''}${isAside ? ', something is refused' : ''}${problem === null ? '' : `, ${problem.message}`}${marksOf(tab)}`
}

/** Documents that were purged while this device had something unsent of them: it is kept, refused. */
const keptOf = (world: World, { device }: Tab): number =>
  world.purges.documents.filter((document) => {
    const record = device.disk.record(document)
    return record?.problem === 'relay/purged' && record.pendingSinceMs !== null
  }).length

/** The marks that keep documents pending, for the reader of a failure. */
const marksOf = ({ device }: Tab): string =>
  device.disk.records
    .filter((record) => record.pendingSinceMs !== null || record.carry)
    .map(({ name, carry, problem, pending }) => ` [${name}${carry ? ' to carry' : ''} ${problem ?? ''} ${JSON.stringify(pending)}]`)
    .join('')

/** At rest nobody writes, dials or stores: cost follows change. */
async function stayQuiet(world: World): Promise<boolean> {
  const figures = (): string =>
    JSON.stringify({ head: world.relay.head, dialled: world.network.dialled, commits: world.devices.map(({ disk }) => disk.transactions) })
  await world.runFor(10_000)
  const before = figures()
  await world.runFor(settleLimits.quietMs)
  if (world.failures.length > 0) return false
  const unrest = unrestOf(world)
  if (unrest !== '') world.fail('P6 everything settles', `it came to rest and left it again: ${unrest}`)
  else if (figures() !== before)
    world.fail('P5 a settled world is quiet', `${before} became ${figures()} within ${settleLimits.quietMs} ms`)
  return world.failures.length === 0
}

/** Opens everything everywhere and writes down what is seen. */
export async function look(world: World): Promise<FinalView> {
  const presence = world.presence.views()
  const log = world.relay.read()
  const documents = world.documents.filter((name) => log.names.includes(name))
  const tabs: TabView[] = []
  const rows: RowView[] = []
  const queries: QueryView[] = []
  for (const device of world.devices) if (world.chosen.isOf(device.name)) await openRest(world, device, documents)
  for (const tab of world.tabs) {
    for (const document of documents) await lookAt(world, tab, document, tabs)
    for (const { definition } of world.options.entities) await lookAtRows(world, tab, definition, rows)
    for (const [name, query] of tab.queries) await lookAtQuery(world, tab, name, query.rows, queries)
  }
  const attach = (document: string): Attached => world.entityOf(document).definition.attach(log.doc(document))
  const entities = new Map(documents.map((name) => [name, { attached: attach(name), fields: world.entityOf(name).definition.fields }]))
  const each = (read: (document: string) => string): Map<string, string> => new Map(documents.map((document) => [document, read(document)]))
  return {
    log,
    tabs,
    rows,
    queries,
    presence,
    entities,
    read: spellShown,
    disks: new Map(world.devices.map(({ name, disk }) => [name, disk.read()])),
    content: each((document) => world.contentOf(document, log.doc(document))),
    values: each((document) => spellShown((entities.get(document) as { attached: Attached }).attached)),
    rowValues: each((document) => spell(world.entityOf(document).definition.row(log.doc(document)))),
  }
}

/** Where documents are chosen, the others are opened at last, and have to come. */
async function openRest(world: World, { name, tabs, disk }: Device, documents: readonly string[]): Promise<void> {
  const [tab] = tabs
  const rest = documents.filter((document) => disk.record(document) === undefined)
  for (const document of rest) {
    world.chosen.ask(name, document)
    if (tab !== undefined) await lookAt(world, tab, document, [])
  }
  // Their rows are made behind them.
  if (rest.length > 0) await world.runFor(2_000)
}

const spell = (value: unknown): string => JSON.stringify(value)

/** All that people are shown of an entity: values, conflicts and decisions in their order, rules that do not hold, life. */
const spellShown = ({ value, conflicts, decisions, violations, life }: Shown): string =>
  spell({ value, conflicts, decisions, violations: violations.map(({ name }) => name), life })

async function lookAt(world: World, tab: Tab, document: string, views: TabView[]): Promise<void> {
  const { definition } = world.entityOf(document)
  const opened = tab.space?.open(definition, document.slice(definition.type.length + 1)).then(
    (entity) => {
      views.push({ tab, document, value: spellShown(entity), content: world.contentOf(document, entity.doc), isSyncing: entity.syncing })
      entity.close()
    },
    (error: unknown) => world.fail('P3 tabs converge', `${tab.name} cannot open ${document}: ${String(error)}`),
  )
  await runUntilDone(world, opened)
}

async function lookAtRows(world: World, tab: Tab, definition: EntityDefinition, views: RowView[]): Promise<void> {
  const query = tab.space?.query(definition, { includeDeleted: true })
  await runUntilDone(world, query?.loaded)
  const rows = (query?.rows ?? []).filter((row) => !world.purges.has(`${row.type}/${row.id}`))
  for (const row of rows) views.push({ tab, document: `${row.type}/${row.id}`, value: spell(row.value) })
  query?.close()
}

async function lookAtQuery(world: World, tab: Tab, name: string, rows: readonly unknown[], views: QueryView[]): Promise<void> {
  const [type, listing] = name.split(' ')
  const definition = world.options.entities.find((one) => one.definition.type === type)?.definition
  if (tab.space === null || definition === undefined) return
  const fresh = tab.space.query(definition, listings[listing as string])
  await runUntilDone(world, fresh.loaded)
  views.push({ tab, name, rows: spell(rows), fresh: spell(fresh.rows) })
  fresh.close()
}

async function runUntilDone(world: World, promise: Promise<unknown> | undefined): Promise<void> {
  let isDone = promise === undefined
  const done = (): void => {
    isDone = true
  }
  promise?.then(done, done)
  await settled()
  for (let i = 0; i < 100 && !isDone; i++) await world.runFor(100)
  if (!isDone) world.fail('P6 everything settles', 'a document or list did not open within 10 s')
}
