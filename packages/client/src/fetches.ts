/** Documents that are not on this device, got from the relay through the tab that leads. */
import { type Clock, TidemarkError, toTidemarkError } from '@tidemark/base'
import { fromPlainError, toPlainError } from './status.ts'
import type { SyncEngine } from './sync/engine.ts'
import type { TabMessage } from './tabs.ts'

/** How long another tab may take to get a document. */
const fetchTimeoutMs = 30_000

export class Fetches {
  readonly #clock: Clock
  readonly #post: (message: TabMessage) => void
  /** What this tab asked the leading one for. */
  readonly #waiting = new Map<string, PromiseWithResolvers<boolean>>()

  constructor(clock: Clock, post: (message: TabMessage) => void) {
    this.#clock = clock
    this.#post = post
  }

  /**
   * Gets a document from the relay, by `engine` where this tab leads; false when the relay has none of that name.
   *
   * @throws {TidemarkError} `relay/unreachable` without a connection, or what the relay says.
   */
  async fetch(name: string, engine: SyncEngine | null, isConnected: boolean): Promise<boolean> {
    if (engine !== null) return engine.fetch(name)
    if (!isConnected) throw unreachable(name)
    const waiting = this.#waiting.get(name) ?? Promise.withResolvers<boolean>()
    this.#waiting.set(name, waiting)
    this.#post({ type: 'fetch', name })
    // The leader may be gone without a word.
    const cancel = this.#clock.schedule(fetchTimeoutMs, () => waiting.reject(unreachable(name)))
    try {
      return await waiting.promise
    } finally {
      cancel()
      this.#waiting.delete(name)
    }
  }

  /** Another tab asks for a document. */
  fetchFor(name: string, engine: SyncEngine | null): void {
    engine?.fetch(name).then(
      (isFound) => this.#post({ type: 'fetched', name, isFound, error: null }),
      (error: unknown) =>
        this.#post({ type: 'fetched', name, isFound: false, error: toPlainError(toTidemarkError(error, 'relay/unreachable')) }),
    )
  }

  fetched({ name, isFound, error }: TabMessage & { readonly type: 'fetched' }): void {
    const failure = fromPlainError(error)
    if (failure === null) this.#waiting.get(name)?.resolve(isFound)
    else this.#waiting.get(name)?.reject(failure)
  }
}

const unreachable = (name: string): TidemarkError =>
  new TidemarkError('relay/unreachable', `${name} is not on this device, and there is no connection`)
