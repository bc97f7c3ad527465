/**
 * Reads of the log that several sessions of a space ask for at the same time: one read, and one encoding, for all of them.
 *
 * Why it exists: after an outage, or once a crowd of slow readers reads again, hundreds stand at the same place of the log. Read
 * and encoded for each of them, every page would pass through memory hundreds of times.
 *
 * Invariants
 * 1. What is shared is a read under way; nothing is kept once it is over, so what was purged or compacted is not shown again.
 * 2. Reads are alike only when their keys are: whoever needs the log as of some head must have that head in the key.
 */
import type { RelayMessage } from '@tidemark/protocol'
import type { ChangedDocumentsPage } from './log.ts'
import { sharedFrames } from './shared-frames.ts'

export class SharedReads {
  readonly #underWay = new Map<string, Promise<unknown>>()

  /** What `read` gives, or what another read with this key is about to give. All callers of one key must expect the same type. */
  share<T>(key: string, read: () => Promise<T>): Promise<T> {
    const known = this.#underWay.get(key)
    if (known !== undefined) return known as Promise<T>
    const reading = read().finally(() => this.#underWay.delete(key))
    this.#underWay.set(key, reading)
    return reading
  }
}

/** A page of a listing by document, with its encodings. */
export interface ListedPage extends ChangedDocumentsPage {
  /** The frames of the message; sessions that name the same view of the page get the same ones. */
  frames(view: string | null, message: RelayMessage): Iterable<Uint8Array>
}

export function listedPage(page: ChangedDocumentsPage, maxFrameBytes: number): ListedPage {
  const known = new Map<string, Iterable<Uint8Array>>()
  const bytes = page.documents.reduce((sum, { update }) => sum + update.length, 0)
  return {
    ...page,
    frames: (view, message) => {
      const frames = (view === null ? undefined : known.get(view)) ?? sharedFrames(message, bytes, maxFrameBytes)
      if (view !== null) known.set(view, frames)
      return frames
    },
  }
}
