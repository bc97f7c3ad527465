/**
 * A device that is real: the shipped client over a real database and real sockets, in a process or a browser of its own,
 * doing what the simulator's people do.
 *
 * It runs the very actions of the simulator. What stands around them there, the virtual world, is here the least that
 * they need: an account of what was written, and timers.
 */
import { browserPlatform, openSpace, type SpaceOptions } from '@tidemark/client'
import { actions } from '../../src/actions.ts'
import { CollectionLedger } from '../../src/collection-ledger.ts'
import type { Ranges } from '../../src/contents.ts'
import { Coverage } from '../../src/coverage.ts'
import { CriticalLedger } from '../../src/critical-ledger.ts'
import type { Tab } from '../../src/device.ts'
import { rootsOf, simulatedEntity } from '../../src/entities.ts'
import { Ledger, type WriteRecord } from '../../src/ledger.ts'
import { canonical } from '../../src/mirror.ts'
import { SimReport } from '../../src/report.ts'
import type { Step } from '../../src/step.ts'
import type { World } from '../../src/world.ts'

/** What a device tells as it happens: somebody was promised that this write is kept. */
export interface Promised {
  readonly type: 'saved' | 'confirmed'
  readonly document: string
  readonly ranges: Ranges
}

/** What a device is asked, one at a time. */
export type Order =
  | { readonly do: 'step'; readonly step: Step }
  | { readonly do: 'offline'; readonly forMs: number }
  | { readonly do: 'settle' | 'look' }

export interface RealDevice {
  obey(order: Order): Promise<unknown>
}

export interface RealDeviceOptions {
  readonly name: string
  readonly url: string
  readonly documents: readonly string[]
  readonly store: SpaceOptions['store']
  readonly promised: (promised: Promised) => void
  readonly failed: (what: string) => void
}

const entity = simulatedEntity(SimReport as never)
const settleMs = 60_000
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

export async function openRealDevice(options: RealDeviceOptions): Promise<RealDevice> {
  const line = createLine()
  const space = await openSpace({
    name: 'sim',
    user: { id: `user-${options.name}` },
    entities: [SimReport as never],
    store: options.store,
    relay: { url: options.url },
    platform: { ...browserPlatform(), connect: line.connect },
  })
  const world = createStage(options)
  const tab = createTab(options.name, space)
  space.status.subscribe(() => world.ledger.claimed(tab, space.status.get()))
  return {
    obey: async (order) => {
      if (order.do === 'step') return act(world, tab, order.step)
      if (order.do === 'offline') return line.breakFor(order.forMs)
      return order.do === 'settle' ? await settle(tab) : await look(options.documents, tab)
    },
  }
}

/** The line to the relay: real sockets that can be broken, and refused for a while. */
function createLine() {
  const { connect } = browserPlatform()
  const open = new Set<{ close(code: number, reason: string): void }>()
  let downUntilMs = 0
  return {
    connect: ((url, handlers) => {
      if (performance.now() < downUntilMs) {
        setTimeout(() => handlers.close(1006, 'no network'))
        return { send: () => undefined, close: () => undefined, bufferedBytes: 0 }
      }
      const socket = connect(url, handlers)
      open.add(socket)
      return socket
    }) satisfies typeof connect,
    breakFor: (forMs: number): void => {
      downUntilMs = performance.now() + forMs
      for (const socket of open) socket.close(1000, 'the network is gone')
      open.clear()
    },
  }
}

function createStage({ promised, failed }: RealDeviceOptions): World {
  const tell = (type: Promised['type'], { document, ranges }: WriteRecord): void => promised({ type, document, ranges })
  const ledger = new Ledger(() => performance.now(), {
    wrote: () => undefined,
    saved: (write) => tell('saved', write),
    confirmed: (write) => tell('confirmed', write),
    refused: (write, code) => failed(`a write on ${write.document} was refused: ${code}`),
  })
  const stage = {
    ledger,
    critical: new CriticalLedger(ledger, (_document, field) => entity.critical.has(field)),
    collections: new CollectionLedger(ledger),
    coverage: new Coverage([]),
    // Every device has the whole space here.
    chosen: { ask: () => undefined, worksIn: () => true, isOf: () => false } satisfies Pick<World['chosen'], 'ask' | 'worksIn' | 'isOf'>,
    options: { entities: [entity] },
    entityOf: () => entity,
    time: { nowMs: 0 },
    note: () => undefined,
    emit: () => undefined,
    retried: () => undefined,
    fail: (oracle: string, detail: string) => failed(`${oracle}: ${detail}`),
  }
  // reason: the actions use of a world what stands here; the rest of one is virtual.
  return stage as unknown as World
}

function createTab(name: string, space: Awaited<ReturnType<typeof openSpace>>): Tab {
  const life = { name, isAlive: true, schedule: (delayMs: number, run: () => void) => void setTimeout(run, delayMs) }
  const rest = { device: { name }, slot: 1, name: `${name}1`, life, space, isClosing: false }
  // reason: as above, for a tab.
  return { ...rest, entities: new Map(), forms: new Map(), queries: new Map() } as unknown as Tab
}

function act(world: World, tab: Tab, { verb, args }: Step): void {
  actions.find((action) => action.verb === verb)?.run(world, tab, args)
}

/** Resolves once everything is confirmed and everything is here. */
async function settle({ space }: Tab): Promise<string> {
  space?.sync.resume()
  const endMs = performance.now() + settleMs
  for (let quiet = 0; quiet < 5; ) {
    const status = space?.status.get()
    const isQuiet = status?.phase === 'live' && status.pending.documents === 0 && !status.saving
    quiet = isQuiet ? quiet + 1 : 0
    if (performance.now() > endMs) return JSON.stringify(status)
    await pause(100)
  }
  return ''
}

/** Everything that the device shows, in one spelling by document. */
async function look(documents: readonly string[], { space }: Tab): Promise<Record<string, string>> {
  const shown: Record<string, string> = {}
  for (const document of documents) {
    try {
      const found = await space?.open(SimReport, document.slice(SimReport.type.length + 1))
      if (found === undefined) continue
      const { value, conflicts, decisions, life, violations, syncing } = found
      const content = canonical(found.doc, rootsOf(SimReport as never))
      shown[document] = JSON.stringify({
        value,
        conflicts,
        decisions,
        life,
        violations: violations.map(({ name }) => name),
        syncing,
        content,
      })
      found.close()
    } catch (error) {
      shown[document] = String(error)
    }
  }
  return shown
}
