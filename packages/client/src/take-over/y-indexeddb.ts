/** Takes documents over that an app kept in y-indexeddb before it used Tidemark. */
import { documentName } from '@tidemark/protocol'
import type { EntityDefinition } from '@tidemark/schema'
import { readYIndexeddb, type YIndexeddbDocument } from '@tidemark/store/y-indexeddb'
import type { Space } from '../space.ts'

export interface TakeOverOptions {
  /** The database's name, as it was given to `IndexeddbPersistence`. */
  readonly database: string
  /** The entity that the document becomes; fields that stand in a `Y.Map` are named by its `mapping`. */
  readonly entity: Pick<EntityDefinition, 'type'>
  /** The entity's id. */
  readonly id: string
}

/**
 * Takes one database of y-indexeddb over into an open space: it is merged with what is there under this id, shown at
 * once, and carried to the relay. The database is left untouched; doing it twice changes nothing.
 *
 * @throws {TidemarkError} `store/foreign` when there is no such database of y-indexeddb; `updates/invalid` when it is
 *   damaged; `protocol/name` for an id that none may have; `store/…` when this device does not take it; nothing is stored then.
 */
export async function importYIndexeddb(space: Space, { database, entity, id }: TakeOverOptions): Promise<YIndexeddbDocument> {
  const name = documentName(entity.type, id)
  const document = await readYIndexeddb({ database })
  await space.documents.adopt([{ name, update: document.update }])
  return document
}
