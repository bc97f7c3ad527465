/**
 * The documents of a space as Yjs bytes: for archives, take-over from other stores, and tools.
 *
 * It reads what the database has together with what memory has and the database did not take yet, so that a full disk
 * or a refusing relay holds nothing back from whoever wants to rescue it.
 */
import { TidemarkError, toTidemarkError } from '@tidemark/base'
import { isDocumentName } from '@tidemark/protocol'
import { isPendingUpdate, type LocalStore, type RefusedChange, type StoredDocument, type StoredUpdate } from '@tidemark/store'
import { emptyUpdate, mergeGrouped, stateAsV1, validateUpdate } from '@tidemark/updates'
import * as Y from 'yjs'
import { intact } from './damage.ts'
import type { Documents } from './documents.ts'
import type { OpenDocument } from './open-document.ts'
import type { StoredDocuments } from './stored.ts'

/** A document as bytes. */
export interface DocumentBytes {
  /** Document name, `<type>/<id>`. */
  readonly name: string
  /** V1 bytes of everything that this device has of it, also of what the relay refused and is kept aside. */
  readonly state: Uint8Array
  /** What the relay has not acknowledged of it, because it waits or was refused; null when that is nothing. */
  readonly pending: {
    /** V1 bytes. */
    readonly update: Uint8Array
    /** When the oldest of it was stored, ms since 1970; null when nothing of it is stored yet. */
    readonly sinceMs: number | null
    /** The code of the relay's refusal; null while it only waits. */
    readonly problem: string | null
  } | null
}

export interface SpaceDocuments {
  /**
   * Names of all documents here. Where the database cannot be read, those that are open in this tab, and `problem` says why.
   */
  list(): Promise<{ readonly names: readonly string[]; readonly problem: TidemarkError | null }>
  /** The named documents, as far as they are here; where the database cannot be read, what is open in this tab. */
  read(names: readonly string[]): Promise<{ readonly documents: readonly DocumentBytes[]; readonly problem: TidemarkError | null }>
  /**
   * Takes documents in that come from elsewhere: an archive, another database. They are merged with what is here, shown at
   * once, and carried to the relay, which keeps of them what it lacks. Resolves when they are in this device's database.
   *
   * @throws {TidemarkError} `protocol/name` or `updates/invalid` for what no document may have, `store/…` when the database
   *   does not take them, `client/closed`; nothing is stored then.
   */
  adopt(documents: readonly { readonly name: string; readonly update: Uint8Array }[]): Promise<void>
}

export interface SpaceDocumentsOptions {
  readonly store: LocalStore
  readonly documents: Documents
  readonly nextKey: () => { readonly writer: string; readonly n: number }
  /** Whether this device has chosen documents only: of what it takes in it may have passed over a part. */
  readonly isChosen: boolean
  readonly adopted: (stored: StoredDocuments) => void
  /** @throws {TidemarkError} `client/closed` */
  readonly checkOpen: () => void
}

/** The parts of an adopted document are counted by its bytes alone: it may be a state of any size. */
const adoptedCaps = { maxStructs: 2 ** 26, maxDeleteRanges: 2 ** 26 } as const

export function createSpaceDocuments({ store, documents, nextKey, isChosen, adopted, checkOpen }: SpaceDocumentsOptions): SpaceDocuments {
  return {
    async list() {
      checkOpen()
      const open = documents.all().map(({ name }) => name)
      const { value, problem } = await attempt(() => store.changedAfter(-1), [])
      return { names: [...new Set([...value, ...open])].sort(), problem }
    },
    async read(names) {
      checkOpen()
      const { value, problem } = await attempt(() => store.load(names), new Map<string, StoredDocument>())
      const refused = await attempt(() => store.refused(), [])
      const partsOf = (name: string): Parts => ({
        stored: value.get(name),
        open: documents.get(name),
        refused: refused.value.filter((change) => change.name === name),
      })
      const found = [...new Set(names)].map((name) => readable(name, partsOf(name)))
      return { documents: found.flatMap(({ bytes }) => bytes ?? []), problem: problem ?? found.find((one) => one.problem)?.problem ?? null }
    },
    async adopt(adoptees) {
      checkOpen()
      for (const { name, update } of adoptees) {
        if (!isDocumentName(name)) throw new TidemarkError('protocol/name', `${JSON.stringify(name)} is not a document name`)
        validateUpdate(update, adoptedCaps)
      }
      const updates = adoptees.map(({ name, update }): StoredUpdate => ({ ...nextKey(), name, bytes: update, origin: 'remote' }))
      const { revisions } = await store.commit({
        updates,
        docs: adoptees.map(({ name }) => ({ name, carry: true, ...(isChosen ? { behind: 1 } : {}) })),
      })
      adopted({ updates, revisions })
    },
  }
}

async function attempt<T>(read: () => Promise<T>, instead: T): Promise<{ value: T; problem: TidemarkError | null }> {
  try {
    return { value: await read(), problem: null }
  } catch (error) {
    return { value: instead, problem: toTidemarkError(error, 'store/failed') }
  }
}

/** One damaged record holds back nothing else: what can be read is given, and the problem names the document that lacks a part. */
function readable(name: string, parts: Parts) {
  try {
    return { bytes: bytesOf(name, parts), problem: null }
  } catch (cause) {
    const problem = new TidemarkError('updates/invalid', `a damaged part of ${name} was left out`, { cause })
    const { stored } = parts
    return { bytes: stored === undefined ? null : bytesOf(name, { ...parts, stored: intact(stored) }), problem }
  }
}

/** What there is of one document: in the database, in memory, and beside it. */
interface Parts {
  readonly stored: StoredDocument | undefined
  readonly open: OpenDocument | undefined
  readonly refused: readonly RefusedChange[]
}

/** Null also for what was only announced, so that nobody takes an empty document for one that is there. */
function bytesOf(name: string, { stored, open, refused }: Parts): DocumentBytes | null {
  if (stored === undefined && open === undefined) return null
  const { snapshot, updates, record } = stored ?? { snapshot: null, updates: [], record: null }
  const aside = refused.flatMap((change) => change.updates.map(({ bytes }) => bytes))
  const kept = mergeGrouped([...(snapshot === null ? [] : [stateAsV1(snapshot)]), ...updates.map(({ bytes }) => bytes), ...aside])
  const isUnsaved = open !== undefined && open.unsaved > 0
  const inMemory =
    isUnsaved || stored === undefined ? Y.encodeStateAsUpdate((open as OpenDocument).doc, Y.encodeStateVectorFromUpdate(kept)) : null
  const isNothing = inMemory === null && kept.length === emptyUpdate.length
  if (isNothing) return null
  const waiting = record === null ? [] : updates.filter(isPendingUpdate(record)).map(({ bytes }) => bytes)
  waiting.push(...aside)
  if (isUnsaved && inMemory !== null) waiting.push(inMemory)
  const since = [record?.pendingSinceMs ?? [], ...refused.map(({ sinceMs }) => sinceMs)].flat()
  return {
    name,
    state: inMemory === null ? kept : mergeGrouped([kept, inMemory]),
    pending:
      waiting.length === 0
        ? null
        : {
            update: mergeGrouped(waiting),
            sinceMs: since.length === 0 ? null : Math.min(...since),
            problem: record?.problem ?? refused.at(-1)?.code ?? null,
          },
  }
}
