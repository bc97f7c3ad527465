/**
 * A seed's plan carried out by real devices against a real relay process: real sockets, real SQLite and IndexedDB, real
 * kills. Time is real too, so a run is no function of its seed, and pauses are cut short.
 *
 * At the end everything that anyone was told is saved or confirmed is at the relay, and all devices show the same,
 * as does one that joins then.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type RelayProcess, startRelayProcess } from '@tidemark/app-relay/process'
import { guardFile } from '@tidemark/schema'
import * as Y from 'yjs'
import { Contents } from '../../src/contents.ts'
import { drawPlan, verbsOf } from '../../src/plan.ts'
import type { FaultName } from '../../src/profile.ts'
import { SimReport } from '../../src/report.ts'
import { createWorld } from '../../src/simulate.ts'
import type { Step } from '../../src/step.ts'
import type { Promised } from './device.ts'
import { browserHost, type Host, processHost } from './hosts.ts'

export interface RealRunOptions {
  readonly seed: number
  readonly steps: number
  /** Devices that are processes, and devices that are browsers. */
  readonly processes: number
  readonly browsers: number
  /** An empty directory. */
  readonly directory: string
  /** The built page of the browsers. */
  readonly page: string
}

export interface RealOutcome {
  readonly failures: readonly string[]
  readonly promises: number
  readonly kills: number
}

/** What is done for real; the other faults are the simulator's. */
const faults: readonly FaultName[] = ['offline', 'cut', 'crash-tab', 'relay-kill']
const longestPauseMs = 150
const documents = ['report/d0', 'report/d1', 'report/d2']

export async function realRun(options: RealRunOptions): Promise<RealOutcome> {
  const run = new RealRun(options)
  try {
    return await run.go()
  } finally {
    await run.close()
  }
}

class RealRun {
  readonly #options: RealRunOptions
  readonly #failures: string[] = []
  readonly #promised: Promised[] = []
  readonly #hosts = new Map<string, Host>()
  #relay: RelayProcess | null = null
  #port = 0
  #kills = 0

  constructor(options: RealRunOptions) {
    this.#options = options
  }

  async go(): Promise<RealOutcome> {
    const { seed, steps, processes, browsers } = this.#options
    await this.#startRelay()
    for (let i = 0; i < processes + browsers; i++) this.#addHost(String.fromCharCode(97 + i), i >= processes)
    await Promise.all([...this.#hosts.values()].map((host) => host.open()))
    const world = createWorld(seed, { replicas: processes + browsers, documents: documents.length, faults })
    for (const step of drawPlan(world, verbsOf({}), steps)) {
      await pause(Math.min(step.afterMs, longestPauseMs))
      await this.#carryOut(step)
    }
    await this.#judge()
    return { failures: this.#failures, promises: this.#promised.length, kills: this.#kills }
  }

  async close(): Promise<void> {
    for (const host of this.#hosts.values()) await host.kill()
    await this.#relay?.stop('SIGKILL')
  }

  async #startRelay(): Promise<void> {
    const guard = join(this.#options.directory, 'guard.json')
    writeFileSync(guard, JSON.stringify(guardFile([SimReport])))
    const more = ['--serve', this.#options.page, '--guard', guard]
    this.#relay = await startRelayProcess(join(this.#options.directory, 'relay'), this.#port, more)
    this.#port = Number(new URL(this.#relay.url).port)
  }

  #addHost(name: string, isBrowser: boolean): Host {
    const directory = join(this.#options.directory, name)
    mkdirSync(directory, { recursive: true })
    const url = `ws://127.0.0.1:${this.#port}`
    const about = {
      ...{ name, url, directory, documents },
      promised: (one: Promised) => void this.#promised.push(one),
      failed: (what: string) => void this.#failures.push(what),
    }
    const host = isBrowser ? browserHost(about, url.replace('ws:', 'http:')) : processHost(about)
    this.#hosts.set(name, host)
    return host
  }

  async #carryOut(step: Step): Promise<void> {
    const host = this.#hosts.get(step.who.slice(0, 1))
    if (step.verb === 'relay-kill') {
      this.#kills++
      await this.#relay?.stop('SIGKILL')
      await this.#startRelay()
    } else if (host === undefined || step.verb === 'open-tab' || step.verb === 'close-tab') return
    else if (step.verb === 'offline') await host.obey({ do: 'offline', forMs: Math.min(Number(step.args.at(-1)), 2_000) })
    else if (step.verb === 'cut') await host.obey({ do: 'offline', forMs: 0 })
    else if (step.verb === 'crash-tab') {
      this.#kills++
      await host.kill()
      await host.open()
    } else await host.obey({ do: 'step', step })
  }

  async #judge(): Promise<void> {
    const joined = this.#addHost('z', false)
    await joined.open()
    for (const [name, host] of this.#hosts) {
      const unrest = await host.obey({ do: 'settle' })
      if (unrest !== '') this.#failures.push(`${name} does not come to rest: ${String(unrest)}`)
    }
    const shown = new Map<string, string>()
    for (const [name, host] of this.#hosts) shown.set(name, JSON.stringify(await host.obey({ do: 'look' })))
    const expected = shown.get('z')
    for (const [name, one] of shown) if (one !== expected) this.#failures.push(`${name} shows ${one} where z shows ${expected}`)
    const held = await this.#held()
    for (const { type, document, ranges } of this.#promised) {
      if (!held.contains(document, ranges))
        this.#failures.push(`a write on ${document} was called ${type} and is gone: ${JSON.stringify(ranges)}`)
    }
  }

  /** What the relay has, as a stock client is told: by its own protocol, with nothing of ours between. */
  async #held(): Promise<Contents> {
    const { WebsocketProvider } = await import('y-websocket')
    const held = new Contents()
    for (const document of documents) {
      const doc = new Y.Doc()
      const provider = new WebsocketProvider(`ws://127.0.0.1:${this.#port}/sim`, document, doc, { disableBc: true })
      await new Promise<void>((resolve) => void provider.once('sync', () => resolve()))
      held.add(document, Y.encodeStateAsUpdate(doc))
      provider.destroy()
    }
    return held
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
