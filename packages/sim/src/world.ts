/**
 * One simulated world: devices, network, relay, and what is known about them.
 *
 * It runs the shipped `openSpace` and `createRelay` unchanged, behind their ports.
 */
import type { Space } from '@tidemark/client'
import type { Log, MemoryDisk } from '@tidemark/relay'
import { guardFile } from '@tidemark/schema'
import type { Json } from '@tidemark/store'
import type * as Y from 'yjs'
import { ArbitrationLedger, type Proposed } from './arbitration-ledger.ts'
import { ChosenDocuments } from './chosen.ts'
import { CollectionLedger } from './collection-ledger.ts'
import type { Ranges } from './contents.ts'
import { Coverage, everybody } from './coverage.ts'
import { CriticalLedger } from './critical-ledger.ts'
import { type ClientPorts, Device, type Tab } from './device.ts'
import type { Write } from './device-disk.ts'
import { seededDice } from './dice.ts'
import { rootsOf, type SimulatedEntity } from './entities.ts'
import { Ledger, type WriteRecord } from './ledger.ts'
import type { Life } from './life.ts'
import { canonical } from './mirror.ts'
import { type Line, Network } from './network.ts'
import { PlainClient, plainName } from './plain-client.ts'
import { PresenceLedger } from './presence.ts'
import type { FaultName, Profile } from './profile.ts'
import { Purges } from './purges.ts'
import type { HookEvent, HooksUnderTest } from './relay-hooks.ts'
import { type Logged, RelayHost } from './relay-host.ts'
import { SealedDisk } from './sealed-disk.ts'
import type { SimulatedHooks } from './simulated-hooks.ts'
import { Trace } from './trace.ts'
import { VirtualTime } from './virtual-time.ts'
import { hooksOf, simulatedHooks } from './world-hooks.ts'

/** Ways to stand between shipped code and its ports. */
export interface Ports extends ClientPorts {
  log?(log: Log, life: Life, disk: MemoryDisk): Log
}

export interface WorldOptions {
  readonly seed: number
  readonly replicas: number
  readonly documents: number
  readonly entities: readonly SimulatedEntity[]
  readonly profile: Profile
  readonly ports: Ports
  /** The app's own hooks in the relay; simulated ones where faults of hooks are on. */
  readonly hooks: HooksUnderTest | null
  /** Whether the app has actions of its own, which write what the ledger cannot know. */
  readonly hasCustomActions: boolean
  readonly isTraceKept: boolean
}

/** What oracles hear of while the world runs. */
export type WorldEvent =
  | { readonly type: 'wrote' | 'saved' | 'confirmed'; readonly write: WriteRecord; readonly how: string }
  | {
      readonly type: 'set'
      readonly tab: Tab
      readonly document: string
      readonly patch: Readonly<Record<string, Json>>
      readonly value: unknown
    }
  | { readonly type: 'refused'; readonly write: WriteRecord; readonly code: string; readonly detail: string }
  | { readonly type: 'received'; readonly device: string; readonly document: string; readonly ranges: Ranges }
  | {
      readonly type: 'stored'
      readonly device: string
      readonly writes: readonly Write[]
      /** The same as they stand on a sealed disk. */
      readonly sealed: readonly Write[] | null
    }
  | { readonly type: 'nonce-repeated'; readonly device: string; readonly nonce: string }
  | ({ readonly type: 'proposed' } & Proposed)
  | ({ readonly type: 'logged' } & Logged)
  | HookEvent
  /** A tab shows that it has stopped synchronising, and why. */
  | { readonly type: 'stopped'; readonly tab: Tab; readonly code: string; readonly message: string }
  | { readonly type: 'relay-restored' }
  | { readonly type: 'log-failed'; readonly how: 'full' | 'otherwise' }
  | { readonly type: 'tab-died'; readonly tab: Tab }
  | { readonly type: 'relay-died' }
  | { readonly type: 'tick' }

export interface Failure {
  /** The oracle's name, which begins with the promise it guards. */
  readonly oracle: string
  readonly detail: string
  readonly atMs: number
}

export class World {
  readonly time = new VirtualTime()
  readonly trace: Trace
  readonly network: Network
  readonly relay: RelayHost
  readonly devices: readonly Device[]
  readonly ledger: Ledger
  readonly critical: CriticalLedger
  readonly collections: CollectionLedger
  readonly chosen: ChosenDocuments
  readonly arbitration: ArbitrationLedger
  readonly purges: Purges
  /** Null where the app has hooks of its own, or none. */
  readonly hooks: SimulatedHooks | null
  readonly presence = new PresenceLedger(({ device }) => this.#bit('presence', device.name))
  readonly plain: PlainClient
  readonly coverage: Coverage
  readonly options: WorldOptions
  readonly documents: readonly string[]
  readonly failures: Failure[] = []
  readonly #listeners: ((event: WorldEvent) => void)[] = []
  readonly #changed = new Set<Tab>()
  readonly #faultEnds: (() => void)[] = []
  #isLossToJudge = false

  constructor(options: WorldOptions) {
    this.options = options
    const { seed, profile, isTraceKept, entities } = options
    this.trace = new Trace(isTraceKept)
    const { time, trace } = this
    this.coverage = new Coverage(profile.faults)
    this.network = new Network({ time, trace, dice: seededDice(seed, 'network'), bit: (fault, device) => this.#bit(fault, device) })
    this.documents = Array.from({ length: options.documents }, (_, i) => `${at(entities, i).definition.type}/d${i}`)
    this.ledger = new Ledger(() => time.nowMs, {
      wrote: (write) => this.emit({ type: 'wrote', write, how: '' }),
      saved: (write, how) => this.emit({ type: 'saved', write, how }),
      confirmed: (write, how) => this.emit({ type: 'confirmed', write, how }),
      refused: (write, { code, message }) => this.emit({ type: 'refused', write, code, detail: message }),
    })
    this.critical = new CriticalLedger(this.ledger, (document, field) => this.entityOf(document).critical.has(field))
    this.collections = new CollectionLedger(this.ledger)
    this.arbitration = new ArbitrationLedger(
      (document) => this.entityOf(document).arbitrated,
      (document) => this.purges.has(document),
    )
    this.hooks = simulatedHooks(this)
    this.purges = new Purges(this)
    this.relay = this.#makeRelay()
    const names = Array.from({ length: options.replicas }, (_, i) => String.fromCharCode(97 + i))
    this.chosen = new ChosenDocuments({ seed, devices: names, documents: this.documents, isOn: profile.faults.has('chosen') })
    this.devices = names.map((name) => this.#makeDevice(name))
    this.network.addDevice(plainName, this.usualLine())
    this.plain = new PlainClient({
      time,
      trace,
      network: this.network,
      clientId: (document) => seededDice(seed, `plain ${document}`).uint32(),
    })
  }

  /** Switches the relay on and opens a tab on each device. */
  start(): void {
    this.relay.start()
    // Somebody makes backups, where one is to be restored.
    const dice = seededDice(this.options.seed, 'backup')
    if (this.options.profile.faults.has('restore')) this.time.schedule(dice.between(2_000, 120_000), () => this.relay.backup())
    for (const device of this.devices) device.openTab(1)
  }

  device(name: string): Device | undefined {
    return this.devices.find((one) => one.name === name)
  }

  entityOf(document: string): SimulatedEntity {
    const type = document.slice(0, document.indexOf('/'))
    return this.options.entities.find(({ definition }) => definition.type === type) as SimulatedEntity
  }

  /** A document's content in one spelling. */
  contentOf(document: string, doc: Y.Doc): string {
    return canonical(doc, rootsOf(this.entityOf(document).definition))
  }

  get tabs(): readonly Tab[] {
    return this.devices.flatMap((device) => device.tabs)
  }

  listen(listener: (event: WorldEvent) => void): void {
    this.#listeners.push(listener)
  }

  emit(event: WorldEvent): void {
    for (const listener of this.#listeners) listener(event)
  }

  note(text: string): void {
    this.trace.note(this.time.nowMs, text)
  }

  fail(oracle: string, detail: string): void {
    if (this.failures.length >= 20) return
    this.failures.push({ oracle, detail, atMs: this.time.nowMs })
    this.note(`FAILED ${oracle}: ${detail}`)
  }

  /** Ends a fault after `delayMs`, unless all faults end before. */
  later(delayMs: number, run: () => void): void {
    this.#faultEnds.push(this.time.schedule(delayMs, run))
  }

  /** What faults have still to do is not done: the world is healed as a whole. */
  endFaults(): void {
    for (const cancel of this.#faultEnds.splice(0)) cancel()
  }

  /** Somebody asks to try again what was refused on a device. */
  retried(device: Device): void {
    device.retries++
    device.retriedAtMs = this.time.nowMs
  }

  /** Something may have been lost in a documented way; judged when everything has settled. */
  lost(): void {
    this.#isLossToJudge = true
  }

  /** What is due behind every event. True when the run is over because an oracle failed. */
  afterEvent(): boolean {
    if (this.#isLossToJudge) this.#excuse()
    for (const tab of this.#changed) this.#readStatus(tab)
    this.#changed.clear()
    this.emit({ type: 'tick' })
    return this.failures.length > 0
  }

  /** Lets virtual time pass; ends early when an oracle fails. */
  async runFor(durationMs: number): Promise<void> {
    if (this.failures.length > 0) return
    await this.time.runUntil(this.time.nowMs + durationMs, () => this.afterEvent())
  }

  /** The line of a device when nothing is wrong beyond the run's own colour. */
  usualLine(): Line {
    const { latencyMs, loss } = this.options.profile
    return {
      isUp: true,
      isStalledOut: false,
      isStalledIn: false,
      minLatencyMs: latencyMs[0],
      maxLatencyMs: latencyMs[1],
      rate: 1_000,
      loss,
    }
  }

  #bit(fault: FaultName, device: string): void {
    this.coverage.bit(fault, device, this.time.nowMs)
  }

  #makeRelay(): RelayHost {
    const { seed, profile, ports, entities } = this.options
    const { time, trace, network } = this
    const [minDelayMs, maxDelayMs] = profile.logMs
    return new RelayHost(
      {
        seed,
        time,
        trace,
        network,
        dice: seededDice(seed, 'relay'),
        openingDice: seededDice(seed, 'relay opens'),
        limits: profile.limits,
        wrapLog: (log, life, disk) => ports.log?.(log, life, disk) ?? log,
        died: () => this.emit({ type: 'relay-died' }),
        logged: (logged) => this.emit({ type: 'logged', ...logged }),
        failed: (how) => this.emit({ type: 'log-failed', how }),
        restored: () => this.emit({ type: 'relay-restored' }),
        guardFile: guardFile(entities.map(({ definition }) => definition)),
        hooks: (life) => hooksOf(this, life),
        appended: (entries, seqs) => this.emit({ type: 'appended', entries, seqs }),
        bit: (fault) => this.#bit(fault, everybody),
      },
      { minDelayMs, maxDelayMs, failure: profile.logFailure, failNext: 0, isFull: false, tornNext: 0, crashNextMs: null },
    )
  }

  #makeDevice(name: string): Device {
    const { seed, profile, ports, entities } = this.options
    const [minDelayMs, maxDelayMs] = profile.diskMs
    this.network.addDevice(name, this.usualLine())
    const device = new Device(
      name,
      {
        seed,
        ports,
        time: this.time,
        trace: this.trace,
        network: this.network,
        entities: entities.map(({ definition }) => definition),
        scope: (isFirst) => this.chosen.opens(name, isFirst),
        received: (device, document, ranges) => this.#received(device, document, ranges),
        stored: (device, writes, sealed) => this.#noteStored(device, writes, sealed),
        seal: this.#sealOf(name),
        opened: (tab) => this.#opened(tab),
        died: (tab) => {
          this.lost()
          this.emit({ type: 'tab-died', tab })
        },
        bit: (fault, place) => this.#bit(fault, place),
        tokenMs: profile.tokenMs,
        failed: (what, error) => this.fail('P6 nothing fails unseen', `${what}: ${String(error)}`),
      },
      { minDelayMs, maxDelayMs, failure: profile.diskFailure, failNext: 0, isFull: false },
    )
    const { maxSkewMs } = profile
    device.skewMs = seededDice(seed, `skew ${name}`).between(-maxSkewMs, maxSkewMs)
    if (Math.abs(device.skewMs) > 1_000) this.coverage.bit('skew', name, 0, Number.POSITIVE_INFINITY)
    return device
  }

  #opened(tab: Tab): void {
    const space = tab.space as Space
    space.status.subscribe(() => this.#changed.add(tab))
  }

  #readStatus(tab: Tab): void {
    if (!tab.life.isAlive || tab.space === null) return
    const status = tab.space.status.get()
    this.note(`${tab.life.name} ${status.phase} ${status.role} ${status.pending.documents} ${status.saving}`)
    if (!tab.isClosing) this.ledger.claimed(tab, status)
    const { phase, problem } = status
    if (phase === 'stopped' && problem !== null) this.emit({ type: 'stopped', tab, code: problem.code, message: problem.message })
  }

  #received(device: string, document: string, ranges: Ranges): void {
    this.emit({ type: 'received', device, document, ranges })
    for (const other of this.chosen.passedOver(document)) this.#bit('chosen', other)
  }

  #sealOf(device: string): SealedDisk | null {
    const { seed, profile } = this.options
    if (!profile.faults.has('sealed')) return null
    const sealed = seededDice(seed, 'sealed').below(this.options.replicas)
    if (device !== String.fromCharCode(97 + sealed)) return null
    return new SealedDisk({ dice: seededDice(seed, 'seal'), repeated: (nonce) => this.emit({ type: 'nonce-repeated', device, nonce }) })
  }

  #noteStored(device: string, writes: readonly Write[], sealed: readonly Write[] | null): void {
    for (const write of writes) if (write.type === 'update') this.trace.bytes(this.time.nowMs, `${device} stores`, write.update.bytes)
    this.note(`${device} commits ${writes.map(({ type }) => type).join(' ')}`)
    this.emit({ type: 'stored', device, writes, sealed })
  }

  /** A write that no place holds any more is excused; what held it lost it in a documented way. */
  #excuse(): void {
    this.#isLossToJudge = false
    for (const write of this.ledger.writes) {
      if (write.isExcused || this.#isHeld(write)) continue
      write.isExcused = true
    }
  }

  #isHeld({ tab, document, ranges }: WriteRecord): boolean {
    if (tab.life.isAlive) return true
    return this.relay.contents.contains(document, ranges) || this.devices.some((one) => one.disk.contents.contains(document, ranges))
  }
}

const at = <T>(list: readonly T[], index: number): T => list[index % list.length] as T
