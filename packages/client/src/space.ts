/**
 * A space: the documents of one user on this device, and their way to the relay.
 *
 * Opening reads the local database only; everything works without a network from the first moment.
 */

import { type Observable, randomId, TidemarkError } from '@tidemark/base'
import { documentName, isSpaceName } from '@tidemark/protocol'
import type { DecisionRequest, EntityDefinition, EntityInit, Fields, EntityRow as RowValue } from '@tidemark/schema'
import type { LocalStore, OpenStore } from '@tidemark/store'
import { browserPlatform } from './browser-platform.ts'
import type { Entity } from './entity.ts'
import type { Platform } from './platform.ts'
import type { Query, QueryOptions } from './query.ts'
import type { RefusedChanges } from './refused-changes.ts'
import { createSession } from './session.ts'
import type { SpaceDocuments } from './space-documents.ts'
import type { SpaceStatus } from './status.ts'
import type { RelayOptions } from './sync/engine-options.ts'
import type { SpaceSync } from './sync-api.ts'

export interface User {
  /** Stands in what this user writes; one database is kept per space and user. */
  readonly id: string
  readonly name?: string
}

export interface SpaceOptions {
  readonly name: string
  readonly user: User
  readonly entities: readonly EntityDefinition[]
  /** Where documents are kept: `indexedDbStore()` in browsers. */
  readonly store: OpenStore
  /** Without it the space stays on this device. */
  readonly relay?: RelayOptions
  /** Whether this user may decide conflicts of a critical field; everybody may by default. */
  readonly mayDecide?: (request: DecisionRequest) => boolean
  /** Opens without connecting, until `sync.resume()`. */
  readonly paused?: boolean
  /**
   * Which documents this device has: all of the `space`, or those that were `opened` or created here. Then lists show these
   * alone, and `open` gets what is not here from the relay, where there is a connection. `space` by default.
   */
  readonly scope?: 'space' | 'opened'
  /** The app's build, for the relay operator's eyes. */
  readonly build?: string
  /** The surroundings; the browser's own by default. */
  readonly platform?: Platform
}

export interface Space {
  readonly name: string
  readonly user: User
  readonly status: Observable<SpaceStatus>
  readonly sync: SpaceSync
  /** Changes that the relay refused, beside the documents that go on without them. */
  readonly refused: RefusedChanges
  /** All documents as Yjs bytes: for archives, take-over and tools. */
  readonly documents: SpaceDocuments
  /**
   * Creates an entity; it is there at once, and `created` is its receipt.
   *
   * @throws {TidemarkError} `schema/…` when a value does not fit; `client/exists` when `id` was given and is taken here;
   *   `client/unknown-entity` when the space was opened without this entity.
   */
  create<F extends Fields>(entity: EntityDefinition<F>, init: EntityInit<F>, options?: { readonly id?: string }): Promise<Entity<F>>
  /**
   * @throws {TidemarkError} `client/not-found` when it is not on this device; in a space of opened documents, when the relay
   *   has none of that name either, `relay/unreachable` when it cannot be asked, and `relay/…` when it refuses; `relay/purged`
   *   when it was erased for good.
   */
  open<F extends Fields>(entity: EntityDefinition<F>, id: string): Promise<Entity<F>>
  query<F extends Fields>(entity: EntityDefinition<F>, options?: QueryOptions<RowValue<F>>): Query<RowValue<F>>
  /**
   * Saves what waits and closes the space in every tab of this browser; `status.locked` says so there. With a database that is
   * sealed by a passphrase, opening it again asks for it.
   */
  lock(): Promise<void>
  /** Saves what waits, hangs up, and gives the database back. Idempotent. */
  close(): Promise<void>
}

/**
 * Opens a space from this device's database.
 *
 * @throws {TidemarkError} `protocol/name` for a bad space name or user id, `relay/config` for a bad relay address,
 *   `store/…` when the database cannot be opened at all.
 */
export async function openSpace(options: SpaceOptions): Promise<Space> {
  checkOptions(options)
  const platform = options.platform ?? browserPlatform()
  const store = await options.store({ space: options.name, user: options.user.id })
  try {
    return await createSession({ ...options, platform, store, replica: await replicaOf(store, platform) })
  } catch (error) {
    await store.close()
    throw error
  }
}

function checkOptions({ name, user, entities, relay }: SpaceOptions): void {
  if (!isSpaceName(name))
    throw new TidemarkError('protocol/name', `${JSON.stringify(name)} is not a space name: letters, digits, ".", "_" and "-"`)
  if (typeof user.id !== 'string' || user.id === '') throw new TidemarkError('protocol/name', 'a user has an id that is not empty')
  const types = new Set<string>()
  for (const { type } of entities) {
    if (types.has(type)) throw new TidemarkError('schema/definition', `two entities of type ${type}`)
    types.add(type)
    documentName(type, 'x')
  }
  if (relay !== undefined && !isRelayUrl(relay.url)) {
    throw new TidemarkError('relay/config', `the relay's url is ws:// or wss:// with a host, not ${JSON.stringify(relay.url)}`)
  }
}

function isRelayUrl(url: string): boolean {
  const parsed = URL.parse(url)
  return parsed !== null && (parsed.protocol === 'ws:' || parsed.protocol === 'wss:')
}

/** This device's copy of the space has an id of its own, made once. */
async function replicaOf(store: LocalStore, platform: Platform): Promise<string> {
  const { values } = await store.state()
  if (typeof values.replica === 'string') return values.replica
  const replica = randomId(platform.random)
  await store.commit({ state: { replica } })
  return replica
}
