/**
 * Builds with one mistake each, which the model must catch. Most are the shipped package with something done to its
 * document; three are registers of their own, because the mistake is in how the values are stored.
 */
import { TidemarkError } from '@tidemark/base'
import * as Y from 'yjs'
import { type Dot, type Entry, entriesName, stampMs } from '../../src/index.ts'
import { Case, type Look, type Options, type Read, type Replica, type Subject, shipped } from './subject.ts'

const key = (dot: Dot): string => dot.join('.')

const entriesOf = (doc: Y.Doc): Entry[] => doc.getArray<Entry>(entriesName).toArray()

/** The shipped package, and after each write something that is done to the document. */
const then =
  (damage: (doc: Y.Doc, options: Options) => void, keptEntries = Number.MAX_SAFE_INTEGER): Subject =>
  (doc, options) => {
    const replica = shipped(doc, { ...options, keptEntries })
    const after = (write: () => void): void => {
      doc.transact(() => {
        write()
        damage(doc, options)
      })
    }
    return {
      ...replica,
      look: () => {
        const look = replica.look()
        return {
          set: (value) => after(() => look.set(value)),
          withdraw: () => after(() => look.withdraw()),
          decide: (choice) => after(() => look.decide(choice)),
        }
      },
    }
  }

/** Removes superseded entries from the left without asking whether what they supersede has arrived. */
export const unguardedPrune = then((doc, { keptEntries }) => {
  const array = doc.getArray<Entry>(entriesName)
  const named = new Set(entriesOf(doc).flatMap((entry) => entry.o.map(key)))
  while (array.length > keptEntries && named.has(key((array.get(0) as Entry).i))) array.delete(0, 1)
})

/** Removes decisions that something has superseded. */
export const prunedDecision = then((doc) => {
  const named = new Set(entriesOf(doc).flatMap((entry) => entry.o.map(key)))
  const index = entriesOf(doc).findIndex((entry) => entry.k === 'decide' && named.has(key(entry.i)))
  if (index >= 0) doc.getArray(entriesName).delete(index, 1)
})

/** Takes what the replica holds when a value is saved for what the person was shown. */
export const replicaObservedBasis: Subject = (doc, options) => {
  const replica = shipped(doc, options)
  return {
    ...replica,
    look: () => {
      const look = replica.look()
      return { ...look, set: (value) => replica.look().set(value) }
    },
  }
}

/** Lets a plain set supersede all heads, also those of a conflict. */
export const setThatEndsConflicts: Subject = (doc, options) => {
  const entity = Case.attach(doc, options)
  const replica = shipped(doc, options)
  return {
    ...replica,
    look: () => {
      const look = replica.look()
      const set = (value: string | null): void => {
        if (entity.conflicts.length === 0) {
          look.set(value)
          return
        }
        const named = new Set(entriesOf(doc).flatMap((entry) => entry.o.map(key)))
        const o = entriesOf(doc).flatMap((entry) => (entry.f === 'f' && !named.has(key(entry.i)) ? [entry.i] : []))
        const i = [doc.clientID, Y.getState(doc.store, doc.clientID)]
        const t = options.clock.now() * 1024
        doc.getArray(entriesName).push([{ i, f: 'f', ...(value === null ? {} : { v: value }), o, by: options.user, t, k: 'set', s: 1 }])
      }
      return { ...look, set }
    },
  }
}

/** Passes over candidates whose stamp is more than a minute ahead of the reader's own clock. */
export const readerSideClockGuard: Subject = (doc, options) => {
  const replica = shipped(doc, options)
  const read = (): Read => {
    const before = replica.read()
    const named = new Set(entriesOf(doc).flatMap((entry) => entry.o.map(key)))
    const heads = entriesOf(doc).filter((entry) => entry.f === 'f' && !named.has(key(entry.i)))
    const ahead = heads.filter((head) => stampMs(head.t) > options.clock.now() + 60_000).map((head) => head.v ?? null)
    const values = before.values.filter((value) => !ahead.includes(value))
    return { ...before, values: values.length === 0 ? [null] : values }
  }
  return { ...replica, read }
}

/** Undoes by a stock `Y.UndoManager` over the entries. */
export const stockUndo: Subject = (doc, options) => {
  const manager = new Y.UndoManager(doc.getArray(entriesName), { captureTimeout: 0, trackedOrigins: new Set([null]) })
  const replica = then(() => undefined, options.keptEntries)(doc, options)
  return { ...replica, undo: () => void manager.undo() }
}

interface Raw {
  readonly i: Dot
  readonly v: string | null
  readonly o: readonly Dot[]
  readonly t: number
}

/** A register of its own; the parts that it does not have never differ. */
function bare(read: () => (string | null)[], set: (value: string | null) => void): Replica {
  const look: Look = { set, withdraw: () => undefined, decide: () => undefined }
  return {
    read: () => ({ values: read(), deleted: false, late: false, decisions: [], syncing: false }),
    look: () => look,
    undo: () => undefined,
    delete: () => undefined,
    restore: () => undefined,
    close: () => undefined,
  }
}

/** A `Y.Map`: the greater client id wins, and the other value is gone. */
export const plainMap: Subject = (doc) => {
  const map = doc.getMap<string | null>('fields')
  return bare(
    () => [map.get('f') ?? null],
    (value) => {
      map.set('f', value)
    },
  )
}

function rawRegister(array: () => Y.Array<Raw>, doc: Y.Doc, { clock }: Options, isEager: boolean): Replica {
  const heads = (): Raw[] => {
    const all = array().toArray()
    const named = new Set(all.flatMap((entry) => entry.o.map(key)))
    return all.filter((entry) => !named.has(key(entry.i))).sort((a, b) => a.t - b.t || a.i[0] - b.i[0])
  }
  const read = (): (string | null)[] => {
    const values = [...new Set(heads().map((entry) => entry.v))]
    return values.length === 0 ? [null] : values
  }
  let last = 0
  return bare(read, (v) => {
    if (read().length > 1) throw new TidemarkError('schema/in-conflict', 'two values stand')
    doc.transact(() => {
      const o = heads().map((entry) => entry.i)
      if (isEager) array().delete(0, array().length)
      last = Math.max(last + 1, clock.now() * 1024)
      array().push([{ i: [doc.clientID, Y.getState(doc.store, doc.clientID)], v, o: isEager ? [] : o, t: last }])
    })
  })
}

/** Makes the array of entries when it is first needed, inside a `Y.Map`. */
export const lazyNestedArray: Subject = (doc, options) => {
  const map = doc.getMap<Y.Array<Raw>>('fields')
  const array = (): Y.Array<Raw> => map.get('f') ?? map.set('f', new Y.Array<Raw>())
  const none = new Y.Doc({ guid: 'none' }).getArray<Raw>('none')
  const replica = rawRegister(array, doc, options, false)
  return { ...replica, read: () => ({ ...rawRegister(() => map.get('f') ?? none, doc, options, false).read() }) }
}

/** No mistake: a root array, entries that name what they supersede, nothing removed. */
export const plainRegister: Subject = (doc, options) => rawRegister(() => doc.getArray<Raw>('raw'), doc, options, false)

/** Deletes what it supersedes and pushes the new value, with nothing that names the old. */
export const deleteAndPush: Subject = (doc, options) => rawRegister(() => doc.getArray<Raw>('raw'), doc, options, true)
