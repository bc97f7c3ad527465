/**
 * Random devices, tabs and failures against the shipped relay; then everything is mended, and all must agree.
 *
 * A scenario is one line of steps: `a1 write 3` lets tab a1 write into the fourth report it lists. Tabs a1 and a2
 * share a device. `full` and `room` make a tab's database refuse and take commits, `slow` lets each commit take
 * so many turns, `crash` ends a tab without a goodbye; `kill` and `start` are the relay's, `backup` copies its disk and `restore` puts the last copy back.
 */
import { systemClock, systemRandom, TidemarkError } from '@tidemark/base'
import { createMemoryDisk, createMemoryLog, type Log } from '@tidemark/relay'
import { createMemoryDatabase, type MemoryDatabase, memoryStore } from '@tidemark/store'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import * as Y from 'yjs'
import { browserPlatform, type Entity, openSpace, type Platform, type Space } from '../src/index.ts'
import { Network, Report } from './world.ts'

const names = ['a1', 'a2', 'b1', 'c1'] as const
type Name = (typeof names)[number]
type OpenReport = Entity<(typeof Report)['fields']>

const worlds = 40
const stepsAtLeast = 30
const stepsAtMost = 120
/** Waits of the client are this much shorter here. */
const hurry = 50
/** How long a mended world may take to agree; far longer than any wait, so that only what is stuck gets there. */
const patienceMs = 15_000

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** A write whose fate is followed: its word stands in the notes of its report. */
interface Written {
  readonly id: string
  readonly word: string
  readonly tab: Tab
  saved: boolean
  confirmed: boolean
}

/** One tab, from its opening to its end; a crashed one does and hears nothing any more. */
class Tab {
  readonly space: Promise<Space>
  isFull = false
  commitTurns = 0
  isDead = false
  readonly #open = new Map<string, Promise<OpenReport>>()
  #die: () => void = () => {}

  constructor(network: Network, database: MemoryDatabase, user: string) {
    const dead = new Promise<void>((resolve) => {
      this.#die = resolve
    })
    const beforeCommit = async (): Promise<void> => {
      for (let turns = 0; turns < this.commitTurns; turns++) await turn()
      if (this.isDead) await new Promise(() => {})
      if (this.isFull) throw new TidemarkError('store/full', 'the scenario says so')
    }
    this.space = openSpace({
      name: 'acme',
      user: { id: user },
      entities: [Report],
      store: memoryStore({ database, faults: { beforeCommit } }),
      relay: { url: 'ws://relay.test' },
      platform: this.#platform(network, dead),
    })
  }

  /** The report, as this tab has it open; undefined when it is not on the device yet. */
  async report(id: string): Promise<OpenReport | undefined> {
    const opening = this.#open.get(id) ?? (await this.space).open(Report, id)
    this.#open.set(id, opening)
    return opening.catch(() => {
      this.#open.delete(id)
      return undefined
    })
  }

  async rows(): Promise<readonly { readonly id: string; readonly value: unknown }[]> {
    const query = (await this.space).query(Report)
    await query.loaded
    query.close()
    return query.rows.map(({ id, value }) => ({ id, value }))
  }

  async close(): Promise<void> {
    this.isFull = false
    await (await this.space).close()
    this.isDead = true
  }

  crash(): void {
    this.isDead = true
    this.#die()
  }

  #platform(network: Network, dead: Promise<void>): Platform {
    const real = browserPlatform()
    const living =
      <A extends unknown[]>(run: (...args: A) => void) =>
      (...args: A): void => {
        if (!this.isDead) run(...args)
      }
    return {
      ...real,
      clock: { ...systemClock, schedule: (delayMs, run) => systemClock.schedule(delayMs / hurry, living(run)) },
      connect: (url, handlers) => {
        const socket = network.connect(url, {
          open: living(handlers.open),
          message: living(handlers.message),
          close: living(handlers.close),
        })
        void dead.then(() => socket.close(1006, 'crashed'))
        return { ...socket, send: living(socket.send) }
      },
      locks: { hold: (name, held, signal) => real.locks.hold(name, () => Promise.race([held(), dead]), signal) },
      openChannel: (name, listener) => {
        const channel = real.openChannel(name, living(listener))
        return { post: living(channel.post), close: channel.close }
      },
    }
  }
}

let worldsMade = 0

class World {
  readonly #network = new Network()
  #disk = createMemoryDisk()
  #backup = createMemoryDisk()
  readonly #databases = new Map<string, MemoryDatabase>()
  readonly #tabs = new Map<Name, Tab>()
  readonly #written: Written[] = []
  readonly #number = worldsMade++
  #log: Log | null = null
  #endLog: () => void = () => {}

  constructor() {
    this.#start()
  }

  async step(step: string): Promise<void> {
    const [who, what, which = '0'] = step.split(' ') as [Name, string, string?]
    if (step === 'cut') this.#network.cut()
    else if (step === 'kill') this.#kill()
    else if (step === 'start') this.#start()
    else if (step === 'backup') this.#backup = structuredClone(this.#disk)
    else if (step === 'restore') this.#restore()
    else if (step === 'rest') for (let i = 0; i < 30; i++) await turn()
    else await this.#inTab(this.tab(who), what, Number(which))
    await turn()
  }

  tab(name: Name): Tab {
    const known = this.#tabs.get(name)
    if (known !== undefined && !known.isDead) return known
    const [device] = name as unknown as [string]
    const database = this.#databases.get(device) ?? createMemoryDatabase()
    this.#databases.set(device, database)
    const tab = new Tab(this.#network, database, `${device}-${this.#number}`)
    this.#tabs.set(name, tab)
    return tab
  }

  /** Ends all failures and opens all tabs; then what each of them shows, once it is all the same or patience ends. */
  async mended(): Promise<{
    readonly shown: ReadonlyMap<Name, unknown>
    readonly lost: readonly string[]
    readonly open: readonly string[]
  }> {
    this.#start()
    for (const name of names) {
      const tab = this.tab(name)
      tab.isFull = false
      const { sync } = await tab.space
      sync.resume()
      sync.retryNow()
    }
    const endMs = systemClock.monotonic() + patienceMs
    for (;;) {
      const shown = new Map<Name, unknown>()
      for (const name of names) shown.set(name, await this.#shown(this.tab(name)))
      const isAgreed = new Set([...shown.values()].map((one) => JSON.stringify(one))).size === 1
      const isQuiet = isAgreed && this.#settling().length === 0 && (await this.#isIdle())
      if (isQuiet || systemClock.monotonic() > endMs) return { shown, lost: await this.#lost(), open: this.#settling() }
      for (let i = 0; i < 10; i++) await turn()
    }
  }

  async close(): Promise<void> {
    for (const name of names) await this.tab(name).close()
    this.#kill()
  }

  async #inTab(tab: Tab, what: string, which: number): Promise<void> {
    const space = await tab.space
    if (what === 'create') return void (await space.create(Report, { title: 'new' }).catch(() => undefined))
    if (what === 'pause') return space.sync.pause()
    if (what === 'resume') return space.sync.resume()
    if (what === 'full' || what === 'room') {
      tab.isFull = what === 'full'
      return
    }
    if (what === 'slow') {
      tab.commitTurns = which * 4
      return
    }
    if (what === 'close') return tab.close()
    if (what === 'crash') return tab.crash()
    const rows = await tab.rows()
    const row = rows[which % rows.length]
    const report = row === undefined ? undefined : await tab.report(row.id)
    if (report === undefined) return
    if (what === 'write') this.#write(tab, report)
    else if (what === 'scratch') report.shared.body.delete(0, Math.min(2, report.shared.body.length))
    else report.shared.body.insert(0, [new Y.XmlText(`${which}`)])
  }

  #write(tab: Tab, report: OpenReport): void {
    const word = `<${this.#written.length}>`
    report.shared.notes.insert(report.shared.notes.length, word)
    // An edit through Yjs has no receipt; what the same tab writes after it is never stored without it.
    const receipt = report.set({ title: word })
    const written: Written = { id: report.id, word, tab, saved: false, confirmed: false }
    this.#written.push(written)
    void receipt.saved.then(
      () => {
        written.saved = !tab.isDead || written.saved
      },
      () => undefined,
    )
    void receipt.confirmed.then(
      () => {
        written.confirmed = true
      },
      () => undefined,
    )
  }

  async #shown(tab: Tab): Promise<unknown> {
    const { pending, phase, saving } = (await tab.space).status.get()
    const rows = await tab.rows()
    const reports = []
    for (const { id, value } of rows) {
      const report = await tab.report(id)
      reports.push({ id, value: report?.value, notes: report?.shared.notes.toString(), body: report?.shared.body.toString(), row: value })
    }
    return { phase, saving, pending: pending.documents, reports }
  }

  async #isIdle(): Promise<boolean> {
    const statuses = await Promise.all(names.map(async (name) => (await this.tab(name).space).status.get()))
    return statuses.every(({ phase, saving, pending }) => phase === 'live' && !saving && pending.documents === 0)
  }

  /** Words that were called saved or confirmed and are gone. */
  async #lost(): Promise<string[]> {
    const lost: string[] = []
    for (const { id, word, saved, confirmed } of this.#written) {
      const report = await this.tab('b1').report(id)
      if ((saved || confirmed) && !report?.shared.notes.toString().includes(word)) lost.push(word)
    }
    return lost
  }

  /** Writes of living tabs that are not confirmed. */
  #settling(): string[] {
    return this.#written.filter(({ tab, confirmed }) => !tab.isDead && !confirmed).map(({ word }) => word)
  }

  /** The relay is a process: with its end nothing of it writes to the disk any more, and its next life is another incarnation. */
  #start(): void {
    if (this.#network.relay !== null && this.#network.log === this.#log) return
    let isOver = false
    this.#endLog = () => {
      isOver = true
    }
    const beforeCommit = (): void => {
      if (isOver) throw new TidemarkError('relay/log-failed', 'this life of the relay is over')
    }
    this.#log = createMemoryLog({ random: systemRandom, disk: this.#disk, beforeCommit })
    this.#network.start(this.#log)
  }

  #restore(): void {
    this.#kill()
    this.#disk = structuredClone(this.#backup)
    this.#start()
  }

  #kill(): void {
    this.#endLog()
    this.#network.kill()
  }
}

const inTab = (what: string, weight: number): { weight: number; arbitrary: fc.Arbitrary<string> } => ({
  weight,
  arbitrary: fc.tuple(fc.constantFrom(...names), fc.nat(5)).map(([name, which]) => `${name} ${what} ${which}`),
})

const step = fc.oneof(
  inTab('create', 3),
  inTab('write', 12),
  inTab('draw', 4),
  inTab('scratch', 2),
  inTab('pause', 1),
  inTab('resume', 2),
  inTab('full', 1),
  inTab('room', 2),
  inTab('slow', 3),
  inTab('close', 1),
  inTab('crash', 1),
  { weight: 4, arbitrary: fc.constantFrom('cut', 'kill', 'start', 'start') },
  { weight: 2, arbitrary: fc.constantFrom('backup', 'restore') },
  { weight: 6, arbitrary: fc.constant('rest') },
)

async function run(steps: readonly string[]): Promise<void> {
  const world = new World()
  try {
    for (const one of ['a1 create', 'b1 create', 'rest', ...steps]) await world.step(one)
    const { shown, lost, open } = await world.mended()
    const [first] = shown.values()
    for (const [name, one] of shown) expect({ name, shown: one }).toEqual({ name, shown: first })
    expect(first).toMatchObject({ phase: 'live', saving: false, pending: 0 })
    for (const { value, row } of (first as { reports: { value: object; row: object }[] }).reports) expect(row).toMatchObject(value)
    expect({ lost, open }).toEqual({ lost: [], open: [] })
  } finally {
    await world.close()
  }
}

test('[P1] [P2] [P3] whatever fails on the way, mended replicas are equal, idle, and hold all that was called saved or confirmed', async () => {
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: stepsAtLeast, maxLength: stepsAtMost, size: 'max' }), run), {
    numRuns: worlds,
    interruptAfterTimeLimit: 10_000,
  })
})

const found = {
  'an acknowledgement is stored after the relay was restored to a time before it':
    'a1 create, a1 close, a2 slow 5, a1 create, a1 full, restore, a1 resume, rest, rest, a1 pause, b1 write 1, a1 resume, a1 create, b1 room, ' +
    'c1 scratch, b1 create, kill, rest, restore, start, rest, rest',
}

test.each(Object.entries(found))('[P2] [P3] replicas agree although %s', async (_, steps) => {
  for (let i = 0; i < 3; i++) await run(steps.split(', '))
})
