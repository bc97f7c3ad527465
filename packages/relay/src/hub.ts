/**
 * The open spaces of one relay.
 *
 * Invariants
 * 1. A space is open once, and stays open while it has a session or a commit in flight; so whoever opens it
 *    sees the head that the commits move.
 * 2. After a failed append a space is opened again only under a new incarnation.
 */
import { type Clock, TidemarkError } from '@tidemark/base'
import type { Committed } from './commit-queue.ts'
import type { RelayBounds } from './limits.ts'
import type { Log } from './log.ts'
import { type Member, Space } from './space.ts'

export interface Hub {
  readonly openSpaces: number
  /** Opens the space for a member, who leaves it by `leave`. @throws {TidemarkError} `relay/limit` or `relay/log-failed`. */
  join(name: string, member: Member): Promise<Space>
  leave(space: Space, member: Member): void
  committed(batch: readonly Committed[]): void
  failed(spaces: ReadonlySet<string>, error: TidemarkError): void
}

/** @param onOpened told of each space that is opened, before anybody is in it. */
export function createHub(log: Log, clock: Clock, bounds: RelayBounds, onOpened: (space: Space) => void = () => undefined): Hub {
  return new SpaceHub(log, clock, bounds, onOpened)
}

class SpaceHub implements Hub {
  readonly #log: Log
  readonly #clock: Clock
  readonly #bounds: RelayBounds
  readonly #onOpened: (space: Space) => void
  readonly #spaces = new Map<string, Promise<Space>>()
  readonly #opened = new Map<string, Space>()
  readonly #broken = new Set<string>()

  constructor(log: Log, clock: Clock, bounds: RelayBounds, onOpened: (space: Space) => void) {
    this.#log = log
    this.#clock = clock
    this.#bounds = bounds
    this.#onOpened = onOpened
  }

  get openSpaces(): number {
    return this.#spaces.size
  }

  async join(name: string, member: Member): Promise<Space> {
    for (;;) {
      const space = await this.#open(name)
      // Between the opening and here the space may have failed or been closed as idle.
      if (this.#opened.get(name) !== space) continue
      space.members.add(member)
      return space
    }
  }

  leave(space: Space, member: Member): void {
    space.members.delete(member)
    this.#closeIdle()
  }

  committed(batch: readonly Committed[]): void {
    const bySpace = Map.groupBy(batch, ({ commit }) => commit.entry.space)
    for (const [name, commits] of bySpace) this.#opened.get(name)?.committed(commits)
  }

  failed(names: ReadonlySet<string>, error: TidemarkError): void {
    for (const name of names) {
      const space = this.#opened.get(name)
      this.#broken.add(name)
      this.#opened.delete(name)
      this.#spaces.delete(name)
      space?.fail(error)
    }
  }

  #open(name: string): Promise<Space> {
    const known = this.#spaces.get(name)
    if (known !== undefined) return known
    if (this.#spaces.size >= this.#bounds.maxSpaces) {
      return Promise.reject(new TidemarkError('relay/limit', `${this.#bounds.maxSpaces} spaces are open`))
    }
    const opening = this.#load(name)
    this.#spaces.set(name, opening)
    return opening
  }

  async #load(name: string): Promise<Space> {
    try {
      const history = this.#broken.has(name) ? await this.#log.renew(name) : await this.#log.open(name)
      this.#broken.delete(name)
      const space = new Space(name, history, this.#bounds, this.#clock)
      this.#opened.set(name, space)
      this.#onOpened(space)
      return space
    } catch (error) {
      this.#spaces.delete(name)
      throw error
    }
  }

  #closeIdle(): void {
    if (this.#opened.size <= this.#bounds.maxIdleSpaces) return
    const idle = [...this.#opened.values()].filter((space) => space.members.size === 0 && space.inFlight === 0)
    for (const space of idle.slice(0, Math.max(0, idle.length - this.#bounds.maxIdleSpaces))) {
      this.#opened.delete(space.name)
      this.#spaces.delete(space.name)
    }
  }
}
