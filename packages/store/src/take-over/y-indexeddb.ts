/**
 * Reads what `y-indexeddb` keeps of one document, and takes it over into a store.
 *
 * Its layout (version 9): one database per document, under the document's name; an object store `updates` with V1 updates
 * under rising numbers, each opening adding the whole state once more; `custom` for values of the app's own.
 *
 * Invariants
 * 1. The database is only ever read: it is left as it was, and none is made where there was none.
 * 2. No more than one slice of its updates is held besides what they add up to.
 */
import { type Random, randomId, systemRandom, TidemarkError } from '@tidemark/base'
import { compact, mergeGrouped, validateUpdate } from '@tidemark/updates'
import { resultOf, toStoreError } from '../idb-request.ts'
import type { LocalStore } from '../local-store.ts'

/** What a database of y-indexeddb holds. */
export interface YIndexeddbDocument {
  /** V1 bytes of the document's whole state. */
  readonly update: Uint8Array
  /** Stored updates that it was made of. */
  readonly updates: number
  /**
   * Whether it is complete. Where it is not, y-indexeddb lost an update that others build on: they are in `update` all
   * the same, and show once what is missing arrives from somebody else.
   */
  readonly isComplete: boolean
}

/** Updates read at once. */
const sliceUpdates = 256
/** One stored update may be a state of any size; what it costs is bounded by its bytes. */
const caps = { maxStructs: 2 ** 26, maxDeleteRanges: 2 ** 26 } as const

/**
 * Reads the database that the `y-indexeddb` package keeps under this name (the document's, as it was given to
 * `IndexeddbPersistence`).
 *
 * @throws {TidemarkError} `store/foreign` when there is no such database or it is none of y-indexeddb's; `updates/invalid`
 *   when an update in it is damaged; `store/failed` when it cannot be read. Nothing was changed then either.
 */
export async function readYIndexeddb({ database }: { readonly database: string }): Promise<YIndexeddbDocument> {
  const handle = await openExisting(database)
  try {
    if (!handle.objectStoreNames.contains('updates')) throw foreign(database, 'has no store of updates')
    const { merged, updates } = await readUpdates(handle, database)
    return { ...completed(merged), updates }
  } catch (error) {
    throw toStoreError(error)
  } finally {
    handle.close()
  }
}

/** Where what was taken over goes. */
export interface ImportYIndexeddbOptions {
  readonly store: LocalStore
  /** The database's name, as it was given to `IndexeddbPersistence`. */
  readonly database: string
  /** Name of the document that it becomes, `<type>/<id>`. */
  readonly name: string
  readonly random?: Random
}

/**
 * Takes a database of y-indexeddb over into a store that no space has open; `@tidemark/client/y-indexeddb` does it for
 * one that is. The document is merged with what the store has of it, and marked to be carried to the relay.
 *
 * @throws {TidemarkError} as `readYIndexeddb`, and `store/…` when the store does not take it; nothing is stored then.
 */
export async function importYIndexeddb(options: ImportYIndexeddbOptions): Promise<YIndexeddbDocument> {
  const { store, database, name, random = systemRandom } = options
  const document = await readYIndexeddb({ database })
  await store.commit({
    updates: [{ name, writer: randomId(random), n: 1, bytes: document.update, origin: 'remote' }],
    docs: [{ name, carry: true }],
  })
  return document
}

const foreign = (database: string, what: string): TidemarkError => new TidemarkError('store/foreign', `${JSON.stringify(database)} ${what}`)

/** An upgrade begins only where there was no database; undone, it leaves none. */
function openExisting(name: string): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    let isMissing = false
    const request = indexedDB.open(name)
    request.onupgradeneeded = () => {
      isMissing = true
      request.transaction?.abort()
    }
    request.onsuccess = () => {
      const { result } = request
      result.onversionchange = () => result.close()
      resolve(result)
    }
    request.onerror = () => reject(isMissing ? foreign(name, 'is no database here') : toStoreError(request.error))
  })
}

async function readUpdates(handle: IDBDatabase, database: string): Promise<{ merged: Uint8Array; updates: number }> {
  const store = handle.transaction('updates', 'readonly').objectStore('updates')
  let merged: Uint8Array | null = null
  let updates = 0
  let after: IDBKeyRange | null = null
  for (;;) {
    const [keys, values]: [IDBValidKey[], unknown[]] = await Promise.all([
      resultOf(store.getAllKeys(after, sliceUpdates)),
      resultOf<unknown[]>(store.getAll(after, sliceUpdates)),
    ])
    if (keys.length === 0) break
    const slice = values.map((value, i) => checked(value, keys[i] as IDBValidKey, database))
    merged = mergeGrouped(merged === null ? slice : [merged, ...slice])
    updates += slice.length
    after = IDBKeyRange.lowerBound(keys.at(-1), true)
  }
  return { merged: merged ?? mergeGrouped([]), updates }
}

function checked(value: unknown, key: IDBValidKey, database: string): Uint8Array {
  if (!(value instanceof Uint8Array)) throw foreign(database, `holds something other than an update at ${String(key)}`)
  validateUpdate(value, caps)
  return value
}

/** Re-encoded where it is whole: the copies of the state that y-indexeddb adds at each opening fall together. */
function completed(merged: Uint8Array): { update: Uint8Array; isComplete: boolean } {
  try {
    return { update: compact([merged]), isComplete: true }
  } catch (error) {
    if (error instanceof TidemarkError && error.code === 'updates/gap') return { update: merged, isComplete: false }
    throw error
  }
}
