/**
 * What the browser does with the origin's storage as a whole: whether it promised to keep it, how much there is
 * room for, and whether it deleted the database since the last start.
 *
 * A browser that evicts takes everything that the origin stored, so only a mark outside can tell a database that
 * was evicted from one that was never there.
 */
import { type Clock, guarded, type ObservableValue } from '@tidemark/base'
import type { StorageEstimate, StoreStatus } from './stored.ts'

/**
 * Remembers outside of the origin's storage that a database was made: a cookie, or a place of the app's own, such
 * as its server. `database` is a short word that tells nothing of space or user.
 */
export interface EvictionMarker {
  has(database: string): boolean | Promise<boolean>
  set(database: string): void | Promise<void>
  clear(database: string): void | Promise<void>
}

/** How long an estimate is shown before a commit asks for another, ms. */
const estimateForMs = 60_000

/** A cookie of this page's host and path `/`, for a year from the last start; null where there are no cookies, as in workers. */
export function cookieMarker(): EvictionMarker | null {
  const page = (globalThis as { document?: Document }).document
  // Where cookies are refused the getter throws.
  if (page === undefined || !canRead(page)) return null
  const nameOf = (database: string): string => `tidemark-${database}`
  const write = (database: string, value: string, maxAgeS: number): void => {
    const secure = globalThis.location?.protocol === 'https:' ? '; secure' : ''
    page.cookie = `${nameOf(database)}=${value}; path=/; max-age=${maxAgeS}; samesite=strict${secure}`
  }
  return {
    has: (database) => page.cookie.split('; ').some((cookie) => cookie.startsWith(`${nameOf(database)}=`)),
    set: (database) => write(database, '1', 365 * 24 * 60 * 60),
    clear: (database) => write(database, '', 0),
  }
}

function canRead(page: Document): boolean {
  try {
    return typeof page.cookie === 'string'
  } catch {
    return false
  }
}

/** What was deleted on purpose was not evicted. */
export async function forgetMark(databaseName: string, marker: EvictionMarker | null): Promise<void> {
  await answer(() => marker?.clear(markOf(databaseName)))
}

/** The word that a marker knows a database by. */
export const markOf = (databaseName: string): string => hash(databaseName, 0x811c9dc5) + hash(databaseName, 0x2f0b4c47)

function hash(text: string, seed: number): string {
  let state = seed
  for (let i = 0; i < text.length; i++) state = Math.imul(state ^ text.charCodeAt(i), 0x01000193)
  return (state >>> 0).toString(36)
}

export interface OriginStorageOptions {
  readonly databaseName: string
  readonly marker: EvictionMarker | null
  /** Whether to ask the browser to keep what is stored under pressure; some ask the person. */
  readonly persist: boolean
  readonly clock: Clock
  readonly status: ObservableValue<StoreStatus>
}

/** Keeps the status told of all that; what the browser or the marker refuses is shown as unknown, never thrown. */
export class OriginStorage {
  readonly #options: OriginStorageOptions
  #estimatedMs = Number.NEGATIVE_INFINITY

  constructor(options: OriginStorageOptions) {
    this.#options = options
  }

  /** The database was opened; `isNew` when there was none. */
  async opened(isNew: boolean): Promise<void> {
    const { marker, databaseName } = this.#options
    const mark = markOf(databaseName)
    const known = isNew && marker !== null ? await answer(() => marker.has(mark)) : null
    const evicted = !isNew ? 'no' : known === null ? 'unknown' : known ? 'yes' : 'no'
    // One eviction stays in view for as long as this tab lives.
    if (this.#options.status.get().evicted !== 'yes') this.#show({ evicted })
    await answer(() => marker?.set(mark))
  }

  /** Asks for the promise to keep the data, then for the estimate. */
  async ask(): Promise<void> {
    const storage = storageManager()
    if (storage === undefined) return
    const isPersisted = await answer(() => storage.persisted?.())
    if (isPersisted === false && this.#options.persist) await answer(() => storage.persist?.())
    await this.#estimate(storage)
  }

  /** Something was stored, or did not fit. */
  committed(isFull: boolean): void {
    const nowMs = this.#options.clock.monotonic()
    const storage = storageManager()
    if (storage === undefined || (!isFull && nowMs < this.#estimatedMs + estimateForMs)) return
    this.#estimatedMs = nowMs
    void this.#estimate(storage)
  }

  async #estimate(storage: StorageManager): Promise<void> {
    this.#estimatedMs = this.#options.clock.monotonic()
    const [persisted, estimate] = await Promise.all([answer(() => storage.persisted?.()), answer(() => storage.estimate?.())])
    const next: StorageEstimate = {
      persisted: persisted ?? null,
      usageBytes: estimate?.usage ?? null,
      quotaBytes: estimate?.quota ?? null,
    }
    this.#show({ estimate: next })
  }

  #show(change: Partial<StoreStatus>): void {
    const { status } = this.#options
    guarded(() => status.set({ ...status.get(), ...change }))
  }
}

const storageManager = (): StorageManager | undefined => (globalThis as { navigator?: Navigator }).navigator?.storage

async function answer<T>(ask: () => T | Promise<T> | undefined): Promise<T | null> {
  try {
    return (await ask()) ?? null
  } catch {
    return null
  }
}
