import * as Y from 'yjs'
import { createStampClock, type StampClock } from '../src/index.ts'

let clients = 1

/** A document with a client id of its own, small and never used twice in a test file. */
export function newDoc(): Y.Doc {
  const doc = new Y.Doc({ guid: 'test' })
  doc.clientID = ++clients
  return doc
}

/** A device's clock that a test moves; `skewMs` is how wrong it is. */
export function testClock(skewMs = 0): { now: () => number; advance(byMs: number): void } {
  let ms = 1_800_000_000_000 + skewMs
  return {
    now: () => ms,
    advance: (byMs) => {
      ms += byMs
    },
  }
}

/** Gives `to` everything that `from` has. */
export const sync = (from: Y.Doc, to: Y.Doc): void => Y.applyUpdate(to, Y.encodeStateAsUpdate(from, Y.encodeStateVector(to)), 'remote')

export const stampsAt = (ms: number): StampClock => createStampClock({ now: () => ms })
