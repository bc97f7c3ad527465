/**
 * What the tabs of one device share besides the disk: locks, channels, and the browser's word about the network.
 *
 * Everything belongs to a life: a tab that dies gives its locks back and hears nothing more.
 */
import type { Platform } from '@tidemark/client'
import type { Dice } from './dice.ts'
import type { Life } from './life.ts'

type Locks = Platform['locks']
type Lifecycle = Platform['lifecycle']
type Channel = ReturnType<Platform['openChannel']>
type LifecycleEvent = Parameters<Parameters<Lifecycle['listen']>[0]>[0]

interface Claim {
  readonly life: Life
  readonly held: () => Promise<void>
  isHeld: boolean
}

interface Listener {
  readonly life: Life
  readonly hear: (message: unknown) => void
  /** Messages keep their order. */
  lastAtMs: number
}

/** What a channel hands over: plain data and bytes, copied. */
function copied(value: unknown): unknown {
  if (typeof value === 'function' || typeof value === 'symbol') throw new TypeError(`a ${typeof value} cannot be posted`)
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Uint8Array) return value.slice()
  if (Array.isArray(value)) return value.map(copied)
  if (Object.getPrototypeOf(value) !== Object.prototype) return structuredClone(value)
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, copied(inner)]))
}

export class Browser {
  readonly #dice: Dice
  readonly #nowMs: () => number
  readonly #locks = new Map<string, Claim[]>()
  readonly #channels = new Map<string, Set<Listener>>()
  readonly #watchers = new Set<{ readonly life: Life; readonly listener: (event: LifecycleEvent) => void }>()
  isOnline = true

  constructor(dice: Dice, nowMs: () => number) {
    this.#dice = dice
    this.#nowMs = nowMs
  }

  locks(life: Life): Locks {
    return {
      hold: (name, held, signal) => {
        const claim: Claim = { life, held, isHeld: false }
        const queue = this.#locks.get(name) ?? []
        this.#locks.set(name, queue)
        queue.push(claim)
        const leave = (): void => this.#leave(queue, claim)
        life.onEnd(leave)
        signal.addEventListener('abort', () => {
          if (!claim.isHeld) leave()
        })
        this.#grant(queue)
      },
    }
  }

  lifecycle(life: Life): Lifecycle {
    return {
      isOnline: () => this.isOnline,
      listen: (listener) => {
        const watcher = { life, listener }
        this.#watchers.add(watcher)
        life.onEnd(() => this.#watchers.delete(watcher))
        return () => void this.#watchers.delete(watcher)
      },
    }
  }

  /** Tells every tab, or one. */
  tell(event: LifecycleEvent, only?: Life): void {
    if (event !== 'visible') this.isOnline = event === 'online'
    for (const { life, listener } of [...this.#watchers]) if (only === undefined || only === life) life.schedule(0, () => listener(event))
  }

  channel(life: Life, name: string, hear: (message: unknown) => void): Channel {
    const listeners = this.#channels.get(name) ?? new Set()
    this.#channels.set(name, listeners)
    const own: Listener = { life, hear, lastAtMs: 0 }
    listeners.add(own)
    life.onEnd(() => listeners.delete(own))
    return {
      post: (message) => {
        if (!life.isAlive || listeners.size < 2) return
        const copy = copied(message)
        for (const other of listeners) if (other !== own) this.#post(listeners, other, copy)
      },
      close: () => void listeners.delete(own),
    }
  }

  #post(listeners: ReadonlySet<Listener>, to: Listener, message: unknown): void {
    const nowMs = this.#nowMs()
    to.lastAtMs = Math.max(to.lastAtMs, nowMs + this.#dice.between(0, 3))
    to.life.schedule(to.lastAtMs - nowMs, () => {
      if (listeners.has(to)) to.hear(message)
    })
  }

  #grant(queue: Claim[]): void {
    const first = queue[0]
    if (first === undefined || first.isHeld) return
    first.life.schedule(this.#dice.between(0, 3), () => {
      if (queue[0] !== first || first.isHeld) return
      first.isHeld = true
      void first.held().then(() => this.#leave(queue, first))
    })
  }

  #leave(queue: Claim[], claim: Claim): void {
    const at = queue.indexOf(claim)
    if (at < 0) return
    queue.splice(at, 1)
    if (at === 0) this.#grant(queue)
  }
}
