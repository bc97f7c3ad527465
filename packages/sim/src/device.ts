/**
 * A device with its tabs: each tab runs the shipped `openSpace` over the device's disk, browser and line.
 */
import { type Entity, type EntityRow, openSpace, type Query, type Space } from '@tidemark/client'
import type { EntityDefinition, Fields } from '@tidemark/schema'
import type { LocalStore } from '@tidemark/store'
import type { Form } from './actions/fields.ts'
import { Browser } from './browser.ts'
import type { Scope } from './chosen.ts'
import type { Ranges } from './contents.ts'
import { DeviceDisk, type DiskState, type Write } from './device-disk.ts'
import { type Dice, seededDice } from './dice.ts'
import { epochMs, Life } from './life.ts'
import type { Connect, Network } from './network.ts'
import type { FaultName } from './profile.ts'
import { spaceName, userOf } from './relay-host.ts'
import type { SealedDisk } from './sealed-disk.ts'
import type { Trace } from './trace.ts'
import type { VirtualTime } from './virtual-time.ts'

/** Ways to stand between the shipped code and its ports: how planted bugs get in. */
export interface ClientPorts {
  store?(store: LocalStore, tab: string): LocalStore
  connect?(connect: Connect, tab: string): Connect
  random?(random: Dice, tab: string): Dice
  platform?(platform: Platform, tab: string): Platform
}

type Platform = NonNullable<Parameters<typeof openSpace>[0]['platform']>

export interface DeviceOptions {
  readonly seed: number
  readonly time: VirtualTime
  readonly trace: Trace
  readonly network: Network
  readonly entities: readonly EntityDefinition[]
  readonly ports: ClientPorts
  /** What a tab has its space for; `isFirst` where it is the only one of the device. */
  readonly scope: (isFirst: boolean) => Scope
  readonly received: (device: string, name: string, ranges: Ranges) => void
  readonly stored: (device: string, writes: readonly Write[], sealed: readonly Write[] | null) => void
  /** What seals the device's database; null where it stands in the clear. */
  readonly seal: SealedDisk | null
  readonly opened: (tab: Tab) => void
  readonly died: (tab: Tab) => void
  readonly bit: (fault: FaultName, device: string) => void
  /** How long a sign-in lasts; null for as long as anyone likes. */
  readonly tokenMs: number | null
  readonly failed: (what: string, error: unknown) => void
}

/** One tab from opening to its end. */
export interface Tab {
  readonly device: Device
  readonly slot: number
  /** Device and slot, such as `a1`. */
  readonly name: string
  readonly life: Life
  /** Null until the space is open. */
  space: Space | null
  /** Open entities by document name. */
  readonly entities: Map<string, Entity<Fields>>
  /** Forms that a person has open, by document name. */
  readonly forms: Map<string, Form>
  /** Lists on the screen, by type and listing. */
  readonly queries: Map<string, Query<unknown>>
  isClosing: boolean
}

export type Row = EntityRow<Readonly<Record<string, unknown>>>

export class Device {
  readonly name: string
  readonly disk: DeviceDisk
  readonly browser: Browser
  /** How far this device's clock is ahead of the true time. */
  skewMs = 0
  /** How often somebody asked to try again what was refused. */
  retries = 0
  /** When that was last, in virtual time. */
  retriedAtMs = Number.NEGATIVE_INFINITY
  readonly #options: DeviceOptions
  readonly #tabs = new Map<number, Tab>()
  #lives = 0

  constructor(name: string, options: DeviceOptions, disk: DiskState) {
    this.name = name
    this.#options = options
    const { seed, time } = options
    this.browser = new Browser(seededDice(seed, `browser ${name}`), () => time.nowMs)
    this.disk = new DeviceDisk(
      {
        time,
        dice: seededDice(seed, `disk ${name}`),
        received: (document, ranges) => options.received(name, document, ranges),
        stored: (writes, sealed) => options.stored(name, writes, sealed),
        seal: options.seal,
        bit: (fault) => options.bit(fault, name),
      },
      disk,
    )
  }

  get tabs(): readonly Tab[] {
    return [...this.#tabs.values()]
  }

  tab(slot: number): Tab | undefined {
    return this.#tabs.get(slot)
  }

  openTab(slot: number): void {
    if (this.#tabs.has(slot)) return
    const { time, trace, entities, ports, scope, opened, failed } = this.#options
    const life = new Life(time, `${this.name}${slot}.${++this.#lives}`)
    const name = `${this.name}${slot}`
    const tab: Tab = {
      device: this,
      slot,
      name,
      life,
      space: null,
      entities: new Map(),
      forms: new Map(),
      queries: new Map(),
      isClosing: false,
    }
    this.#tabs.set(slot, tab)
    trace.note(time.nowMs, `${life.name} opens`)
    openSpace({
      name: spaceName,
      user: { id: userOf(this.name) },
      entities,
      store: this.disk.open(life, (store) => ports.store?.(store, life.name) ?? store),
      relay: { url: 'ws://relay.sim', ...this.#tokens(life) },
      platform: this.#platform(life),
      scope: scope(this.#tabs.size === 1),
      build: 'sim',
    }).then(
      (space) => {
        if (!life.isAlive) return
        tab.space = space
        opened(tab)
      },
      (error: unknown) => {
        // A disk that refuses even the first commit: the person loads the page again.
        if (!life.isAlive) return
        if (!isStoreError(error)) failed(`${life.name} does not open`, error)
        this.#end(tab, false)
      },
    )
  }

  /** The tab's process dies. */
  crashTab(slot: number): void {
    const tab = this.#tabs.get(slot)
    if (tab !== undefined) this.#end(tab, false)
  }

  /** The person closes the tab: the app closes its space first. */
  closeTab(slot: number): void {
    const tab = this.#tabs.get(slot)
    const space = tab?.space
    if (tab === undefined || space == null || tab.isClosing) return
    tab.isClosing = true
    space.close().then(
      () => this.#end(tab, false),
      (error: unknown) => this.#options.failed(`${tab.name} does not close`, error),
    )
  }

  /** All tabs die, connections fall silent, and what the disk had not flushed may be gone. */
  cutPower(): void {
    for (const tab of this.tabs) this.#end(tab, true)
    this.disk.rewind(this.disk.afterPowerCut())
  }

  /** The browser's database is gone, or as it was `kept` transactions in. */
  rewind(kept: number): void {
    for (const tab of this.tabs) this.#end(tab, false)
    this.disk.rewind(kept)
  }

  #end(tab: Tab, isSilent: boolean): void {
    if (!tab.life.isAlive) return
    const { time, trace, network, died } = this.#options
    trace.note(time.nowMs, `${tab.life.name} ends`)
    this.#tabs.delete(tab.slot)
    tab.life.end()
    this.disk.tabDied(tab.life)
    network.ended(tab.life, isSilent)
    died(tab)
  }

  /** A fresh token each time, from somewhere that takes a while to answer; none where a sign-in lasts. */
  #tokens(life: Life): { readonly token?: () => Promise<string> } {
    const { tokenMs, time, bit } = this.#options
    if (tokenMs === null) return {}
    return {
      token: async () => {
        bit('short-tokens', this.name)
        const issuedMs = epochMs + time.nowMs
        await life.pause(50)
        return String(issuedMs + tokenMs)
      },
    }
  }

  #platform(life: Life): Platform {
    const { seed, network, ports } = this.#options
    const random = seededDice(seed, `tab ${life.name}`)
    const connect = network.connectFor(this.name, life)
    const platform: Platform = {
      clock: life.clock(() => this.skewMs),
      random: ports.random?.(random, life.name) ?? random,
      connect: ports.connect?.(connect, life.name) ?? connect,
      locks: this.browser.locks(life),
      lifecycle: this.browser.lifecycle(life),
      openChannel: (name, listener) => this.browser.channel(life, name, listener),
    }
    return ports.platform?.(platform, life.name) ?? platform
  }
}

const isStoreError = (error: unknown): boolean => error instanceof Error && error.message.startsWith('store/')
