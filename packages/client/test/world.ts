/**
 * A small world for tests: devices with a database each, tabs on them, a network that can be cut, and the
 * shipped relay behind it. Messages are delivered in later turns of the event loop, in order.
 */
import { type Clock, type Observable, systemClock, systemRandom } from '@tidemark/base'
import type { Connect, SocketHandlers } from '@tidemark/protocol'
import { createMemoryLog, createRelay, type Log, type Relay } from '@tidemark/relay'
import { createMemoryDatabase, type LocalStore, type MemoryDatabase, type MemoryFaults, memoryStore, type OpenStore } from '@tidemark/store'
import { z } from 'zod'
import { critical, defineEntity, latest, openSpace, type Platform, richText, type Space, text } from '../src/index.ts'

export const Report = defineEntity('report', {
  version: 1,
  fields: { title: latest(z.string().max(100)), severity: latest(z.enum(['low', 'high']).default('low')), notes: text(), body: richText() },
})

export const Finding = defineEntity('finding', {
  version: 1,
  fields: { title: latest(z.string()), severity: critical(z.enum(['low', 'medium', 'high'])) },
})

/** Resolves when `test` holds for the value, now or after a change. */
export function until<T>(observable: Observable<T>, test: (value: T) => boolean): Promise<T> {
  return new Promise((resolve) => {
    const look = (): boolean => {
      const value = observable.get()
      if (!test(value)) return false
      unsubscribe()
      resolve(value)
      return true
    }
    let unsubscribe = (): void => {}
    if (!look()) {
      unsubscribe = observable.subscribe(look)
      look()
    }
  })
}

export const live = (space: Space): Promise<unknown> => until(space.status, (status) => status.phase === 'live')
export const confirmed = (space: Space): Promise<unknown> =>
  until(space.status, (status) => status.pending.documents === 0 && !status.saving && status.phase === 'live')

/** A store with some methods of its own. */
export const changedStore = (store: LocalStore, own: Partial<LocalStore>): LocalStore =>
  new Proxy(store, {
    get: (target, key) => {
      if (Object.hasOwn(own, key)) return Reflect.get(own, key) as unknown
      const value = Reflect.get(target, key, target) as unknown
      return typeof value === 'function' ? value.bind(target) : value
    },
  })

/** The relay as devices reach it: it can be down, and be another one after a restart. */
export class Network {
  log: Log = createMemoryLog({ random: systemRandom })
  relay: Relay | null = createRelay({ log: this.log, clock: systemClock, random: systemRandom })
  readonly #cuts = new Set<() => void>()
  connections = 0

  readonly connect: Connect = (_url, handlers) => {
    const toRelay: (() => void)[] = []
    let isOpen = true
    let target: SocketHandlers | null = null
    const later = (run: () => void): void => void setImmediate(run)
    const end = (code: number, reason: string): void => {
      if (!isOpen) return
      isOpen = false
      this.#cuts.delete(cut)
      this.connections -= target === null ? 0 : 1
      later(() => {
        handlers.close(code, reason)
        target?.close(code, reason)
      })
    }
    const cut = (): void => end(1006, 'cut')
    this.#cuts.add(cut)
    later(() => {
      if (this.relay === null) return cut()
      this.connections++
      target = this.relay.connect({
        send: (bytes) => later(() => isOpen && handlers.message(bytes.slice())),
        close: end,
        bufferedBytes: 0,
      })
      target.open()
      handlers.open()
      for (const run of toRelay) run()
    })
    return {
      send: (bytes) => later(() => isOpen && target?.message(bytes.slice())),
      close: end,
      bufferedBytes: 0,
    }
  }

  /** Ends every connection at once, as a killed process or a lost network does. */
  cut(): void {
    for (const one of [...this.#cuts]) one()
  }

  /** The relay dies; what it had committed stays in its log. */
  kill(): void {
    this.relay = null
    this.cut()
  }

  /** A relay over `log`; by default the one that was there. */
  start(log: Log = this.log): void {
    this.log = log
    this.relay = createRelay({ log, clock: systemClock, random: systemRandom })
  }
}

/** One device: a database, and locks and channels between its tabs. */
export class Device {
  readonly #network: Network
  readonly user: string
  readonly database: MemoryDatabase = createMemoryDatabase()
  readonly #locks = new Map<string, (() => void)[]>()
  readonly #channels = new Map<string, Set<(message: unknown) => void>>()
  readonly spaces: Space[] = []

  constructor(network: Network, user: string) {
    this.#network = network
    this.user = user
  }

  async tab(
    options: { paused?: boolean; faults?: MemoryFaults; scope?: 'space' | 'opened'; store?: OpenStore; clock?: Clock } = {},
  ): Promise<Space> {
    const { faults, clock, ...rest } = options
    const store = memoryStore({ database: this.database, ...(faults === undefined ? {} : { faults }) })
    const space = await openSpace({
      name: 'acme',
      user: { id: this.user },
      entities: [Report, Finding],
      store,
      relay: { url: 'ws://relay.test' },
      platform: { ...this.platform(), ...(clock === undefined ? {} : { clock }) },
      ...rest,
    })
    this.spaces.push(space)
    return space
  }

  /** What a tab of this device runs on. */
  platform(): Platform {
    return {
      clock: systemClock,
      random: systemRandom,
      connect: this.#network.connect,
      lifecycle: { isOnline: () => true, listen: () => () => {} },
      locks: { hold: (name, held, signal) => this.#hold(name, held, signal) },
      openChannel: (name, listener) => {
        const listeners = this.#channels.get(name) ?? new Set()
        this.#channels.set(name, listeners)
        listeners.add(listener)
        return {
          post: (message) => {
            const copy = structuredClone(message)
            for (const other of listeners) if (other !== listener) setImmediate(() => listeners.has(other) && other(copy))
          },
          close: () => void listeners.delete(listener),
        }
      },
    }
  }

  #hold(name: string, held: () => Promise<void>, signal: AbortSignal): void {
    const queue = this.#locks.get(name) ?? []
    this.#locks.set(name, queue)
    const run = (): void => {
      const next = (): void => {
        queue.shift()
        queue[0]?.()
      }
      if (signal.aborted) next()
      else void held().then(next)
    }
    queue.push(run)
    if (queue.length === 1) setImmediate(run)
  }
}
