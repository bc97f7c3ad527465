/**
 * The machine that runs the shipped relay: its log on a simulated disk, its lives, its backups.
 *
 * What the log called durable is durable: a kill takes only what was not stored yet. A restore puts an old
 * backup in the disk's place.
 */
import { TidemarkError } from '@tidemark/base'
import {
  type Authorize,
  createMemoryDisk,
  createMemoryLog,
  createRelay,
  createTombstones,
  type Log,
  type LogEntry,
  type MemoryDisk,
  type Relay,
  type RelayBounds,
  type RelayHooks,
} from '@tidemark/relay'
import type { GuardFile } from '@tidemark/schema'
import * as Y from 'yjs'
import { Contents, type Decoded, rangesIn, rangesOf } from './contents.ts'
import { inLife } from './delayed-store.ts'
import { type Dice, seededDice } from './dice.ts'
import { Life } from './life.ts'
import { Mirror } from './mirror.ts'
import type { Network } from './network.ts'
import type { FaultName } from './profile.ts'
import type { Trace } from './trace.ts'
import type { VirtualTime } from './virtual-time.ts'

/** An update as the log has it. */
export interface Logged {
  readonly document: string
  readonly decoded: Decoded
  readonly principal: string
  readonly kind: LogEntry['kind']
}

/** How the log's disk behaves at the moment; changed by faults. */
export interface LogState {
  minDelayMs: number
  maxDelayMs: number
  /** Probability that an append fails with nothing stored. */
  failure: number
  failNext: number
  /** Nothing more fits: appends are refused, and nothing of them is stored. */
  isFull: boolean
  /** So many appends are stored next and yet reported as failed. */
  tornNext: number
  /** The relay dies behind its next append, before it can answer, and comes back after so long. */
  crashNextMs: number | null
}

export interface RelayHostOptions {
  readonly seed: number
  readonly time: VirtualTime
  readonly dice: Dice
  /** For what is read when a space opens. */
  readonly openingDice: Dice
  readonly trace: Trace
  readonly network: Network
  readonly limits: Partial<RelayBounds>
  readonly guardFile: GuardFile
  /** What the app adds to one life of the relay. */
  readonly hooks: (life: Life) => RelayHooks
  readonly wrapLog: (log: Log, life: Life, disk: MemoryDisk) => Log
  readonly died: () => void
  readonly logged: (logged: Logged) => void
  /** Called when the log tells the relay that these are durable. */
  readonly appended: (entries: readonly LogEntry[], seqs: readonly number[]) => void
  /** Called when an append fails: for want of room, or otherwise. */
  readonly failed: (how: 'full' | 'otherwise') => void
  /** Called when the disk is an older one from now on. */
  readonly restored: () => void
  /** Called when a fault changes what happens to the relay. */
  readonly bit: (fault: FaultName) => void
}

/** Who works on a device, as the space and the relay know that person. */
export const userOf = (device: string): string => `user-${device}`

export const spaceName = 'sim'

/** The document that a stock client dials; null for Tidemark's own path. */
const stockDocument = (url: string): string | null => /^ws:\/\/relay\.sim\/sim\/(.+)$/.exec(url)?.[1] ?? null

/** A commit that takes longer than this is slow. */
const slowMs = 20

export class RelayHost {
  readonly state: LogState
  readonly #options: RelayHostOptions
  readonly #readers = new Set<string>()
  readonly #signedOut = new Set<string>()
  #disk: MemoryDisk = createMemoryDisk()
  #backup: MemoryDisk | null = null
  /** Kept apart from the disk and its backups. */
  readonly #tombstones = createTombstones()
  #contents = new Contents()
  /** Everything that ever was durable, also what a restore lost. */
  readonly ever = new Contents()
  #life: Life | null = null
  #relay: Relay | null = null
  #log: Log | null = null
  #underWay = new Set<() => void>()
  #lives = 0
  #cancelStart: () => void = () => {}

  constructor(options: RelayHostOptions, state: LogState) {
    this.#options = options
    this.state = state
  }

  get relay(): Relay | null {
    return this.#relay
  }

  get isUp(): boolean {
    return this.#relay !== null
  }

  get disk(): MemoryDisk {
    return this.#disk
  }

  /** What the log holds. */
  get contents(): Contents {
    return this.#contents
  }

  /** How many incarnations the log has had. */
  get incarnations(): number {
    return this.#disk.spaces.get(spaceName)?.incarnations.length ?? 0
  }

  get head(): number {
    return this.#disk.spaces.get(spaceName)?.head ?? 0
  }

  /** Whether the device may only read; otherwise it may write. Holds for connections made from now on, and where asked at once. */
  setReadOnly(device: string, isReadOnly: boolean, atOnce = false): void {
    if (isReadOnly) this.#readers.add(device)
    else this.#readers.delete(device)
    if (atOnce) this.#relay?.recheck(userOf(device))
  }

  /** Whether the device's person may come in at all; holds at once, also for connections that are open. */
  setSignedOut(device: string, isSignedOut: boolean): void {
    if (isSignedOut) this.#signedOut.add(device)
    else this.#signedOut.delete(device)
    this.#relay?.recheck(userOf(device))
  }

  isReadOnly(device: string): boolean {
    return this.#readers.has(device)
  }

  start(): void {
    if (this.#relay !== null) return
    const { time, trace, network, seed, limits, guardFile, hooks, wrapLog } = this.#options
    const life = new Life(time, `relay${++this.#lives}`)
    trace.note(time.nowMs, `${life.name} starts`)
    const log = wrapLog(this.#openLog(life), life, this.#disk)
    this.#log = log
    const clock = life.clock(() => 0)
    const authorize: Authorize = ({ address: device, token }) => {
      // Without tokens a sign-in lasts.
      const expiresAtMs = token === '' ? null : Number(token)
      if (this.#signedOut.has(device)) throw new TidemarkError('relay/signed-out', `${device} is signed out`)
      if (expiresAtMs !== null && expiresAtMs <= clock.now()) throw new TidemarkError('relay/signed-out', 'the token has expired')
      return { principal: userOf(device), grants: [{ prefix: '', access: this.#readers.has(device) ? 'read' : 'decide' }], expiresAtMs }
    }
    const relay = createRelay({ log, clock, random: seededDice(seed, life.name), limits, authorize, guardFile, hooks: hooks(life) })
    this.#life = life
    this.#relay = relay
    network.accept = (device, socket, url) => {
      const info = { address: device }
      const document = stockDocument(url)
      const handlers = document === null ? relay.connect(socket, info) : relay.connectStock(socket, { space: spaceName, document }, info)
      return { life, handlers }
    }
  }

  startAfter(delayMs: number): void {
    this.#cancelStart()
    this.#cancelStart = this.#options.time.schedule(delayMs, () => this.start())
  }

  /** The process dies now; appends under way are stored or not. */
  kill(isSilent = false): void {
    const life = this.#life
    if (life === null) return
    const { time, trace, network, dice, died } = this.#options
    trace.note(time.nowMs, `${life.name} dies`)
    this.#life = null
    this.#relay = null
    network.accept = null
    life.end()
    for (const complete of this.#underWay) if (dice.chance(0.5)) complete()
    this.#underWay = new Set()
    network.ended(life, isSilent)
    died()
  }

  /** The relay is asked to stop, and is gone once it has. */
  stop(): void {
    const relay = this.#relay
    const life = this.#life
    if (relay === null || life === null) return
    this.#options.network.accept = null
    void relay.close().then(() => {
      if (this.#life === life) this.kill()
    })
  }

  backup(): void {
    this.#backup = structuredClone(this.#disk)
  }

  get hasBackup(): boolean {
    return this.#backup !== null
  }

  /** Kills the relay and puts the last backup in its disk's place. */
  restore(): void {
    if (this.#backup === null) return
    this.#options.bit('restore')
    this.kill()
    this.#disk = structuredClone(this.#backup)
    this.#contents = this.readContents()
    this.#options.restored()
  }

  compact(document: string): void {
    const log = this.#log
    const isKnown = this.#disk.spaces.get(spaceName)?.documents.has(document) === true
    if (log === null || !isKnown) return
    this.#options.bit('compact')
    log.compact(spaceName, document).catch((error: unknown) => {
      if (!(error instanceof TidemarkError) || error.code !== 'relay/log-failed') throw error
    })
  }

  /** Reads the disk anew, snapshots and rows, as Yjs does. */
  read(): Mirror {
    const mirror = new Mirror()
    this.eachUpdate((name, update) => mirror.add(name, update))
    return mirror
  }

  readContents(): Contents {
    const contents = new Contents()
    this.eachUpdate((name, update) => contents.add(name, update))
    return contents
  }

  /** Shows every snapshot and every row of the log. */
  eachUpdate(add: (name: string, update: Uint8Array) => void): void {
    const space = this.#disk.spaces.get(spaceName)
    for (const { name, snapshot } of space?.documents.values() ?? []) if (snapshot !== null) add(name, snapshot.update)
    for (const { document, update, kind } of space?.rows ?? []) if (kind !== 'purge') add(document, update)
  }

  #openLog(life: Life): Log {
    const { seed, time, trace, logged } = this.#options
    const disk = this.#disk
    const contents = this.#contents
    const log = createMemoryLog({
      random: seededDice(seed, `log of ${life.name}`),
      disk,
      tombstones: this.#tombstones,
      beforeCommit: () => this.#beforeCommit(life),
      afterCommit: (batch) => {
        for (const { document, update, principal, kind } of batch) {
          trace.bytes(time.nowMs, `log ${document}`, update)
          if (kind === 'purge') continue
          const decoded = Y.decodeUpdate(update)
          const ranges = rangesIn(decoded)
          contents.addRanges(document, ranges)
          this.ever.addRanges(document, ranges)
          logged({ document, decoded, principal, kind })
        }
        return this.#afterCommit(life, batch)
      },
    })
    return this.#delayed(log, life)
  }

  async #beforeCommit(life: Life): Promise<void> {
    const underWay = this.#underWay
    await new Promise<void>((resolve) => {
      const complete = (): void => {
        underWay.delete(complete)
        resolve()
      }
      underWay.add(complete)
      life.schedule(this.#delayMs(), complete)
    })
    const { state } = this
    if (state.isFull) {
      this.#options.bit('log-full')
      this.#options.failed('full')
      throw new TidemarkError('relay/disk-full', 'the simulated disk is full')
    }
    if (state.failNext > 0) {
      state.failNext--
      this.#options.failed('otherwise')
      this.#options.bit('log-fails')
      throw new TidemarkError('relay/log-failed', 'the simulated log failed')
    }
    if (!this.#options.dice.chance(state.failure)) return
    this.#options.bit('flaky-log')
    this.#options.failed('otherwise')
    throw new TidemarkError('relay/log-failed', 'the simulated log failed')
  }

  async #afterCommit(life: Life, _batch: readonly LogEntry[]): Promise<void> {
    const { state } = this
    if (state.crashNextMs !== null && life === this.#life) {
      const downMs = state.crashNextMs
      state.crashNextMs = null
      this.#options.bit('log-crash')
      this.kill()
      this.startAfter(downMs)
    }
    await life.pause(1)
    if (state.tornNext === 0) return
    state.tornNext--
    this.#options.bit('log-torn')
    this.#options.failed('otherwise')
    throw new TidemarkError('relay/log-failed', 'the simulated log stored a batch and said that it did not')
  }

  #delayMs(): number {
    const delayMs = this.#options.dice.between(this.state.minDelayMs, this.state.maxDelayMs)
    if (delayMs > slowMs) this.#options.bit('slow-log')
    return delayMs
  }

  /** A compacted state also holds the deletions that are in no update: what stands in something that somebody deleted is deleted. */
  #noteSnapshot(disk: MemoryDisk, contents: Contents, document: string): void {
    const snapshot = disk.spaces.get(spaceName)?.documents.get(document)?.snapshot
    if (snapshot == null) return
    const ranges = rangesOf(snapshot.update)
    contents.addRanges(document, ranges)
    this.ever.addRanges(document, ranges)
  }

  /** Reads take virtual time, and never answer a relay that died. */
  #delayed(log: Log, life: Life): Log {
    const [disk, contents] = [this.#disk, this.#contents]
    const read = <T>(work: () => Promise<T>): Promise<T> => inLife(life, life.pause(this.#delayMs()).then(work))
    return {
      open: (space) => read(() => log.open(space)),
      renew: (space) => read(() => log.renew(space)),
      append: (batch) => {
        if (batch.length === this.#options.limits.maxBatchItems) this.#options.bit('small-limits')
        const appended = log.append(batch).then((places) => {
          const { appended: tell } = this.#options
          if (life.isAlive)
            tell(
              batch,
              places.map(({ seq }) => seq),
            )
          return places
        })
        return inLife(life, appended)
      },
      changes: (space, after, limits) => {
        // A reader that has fallen out of what the relay keeps at hand.
        if (this.#options.limits.maxRingItems !== undefined) this.#options.bit('small-limits')
        return read(() => log.changes(space, after, limits))
      },
      changedDocuments: async (space, from, after, limits) => {
        const page = await read(() => log.changedDocuments(space, from, after, limits))
        if (!page.done && this.#options.limits.maxPageItems !== undefined) this.#options.bit('small-limits')
        return page
      },
      load: (space, document) => read(() => log.load(space, document)),
      claims: (space, clients) => read(() => log.claims(space, clients)),
      spaces: () => read(() => log.spaces()),
      readerCursor: (reader, space) => read(() => log.readerCursor(reader, space)),
      saveReaderCursor: (reader, space, cursor) => inLife(life, log.saveReaderCursor(reader, space, cursor)),
      awaiting: (space, limit) =>
        inLife(
          life,
          life.pause(this.#options.openingDice.between(1, 20)).then(() => log.awaiting(space, limit)),
        ),
      compact: (space, document) => read(() => log.compact(space, document).then(() => this.#noteSnapshot(disk, contents, document))),
      close: () => inLife(life, log.close()),
    }
  }
}
