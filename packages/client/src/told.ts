/**
 * What the other tabs told of, so that what nobody told of is noticed.
 *
 * Why it exists: a tab may end between storing an edit and telling of it. The leading tab finds the edit when it sends it, and
 * then tells in that tab's place.
 */
import type { StoredUpdate } from '@tidemark/store'
import type { StoredDocuments } from './stored.ts'
import type { Sent } from './sync/pusher.ts'

export class Told {
  readonly #writer: string
  readonly #sinceMs: number
  /** By writer the last number that was told of. */
  readonly #upTo = new Map<string, number>()

  /** @param sinceMs when this tab began to listen, ms since 1970: what was stored before it has read. */
  constructor(writer: string, sinceMs: number) {
    this.#writer = writer
    this.#sinceMs = sinceMs
  }

  note(updates: readonly StoredUpdate[]): void {
    for (const { writer, n } of updates) this.#upTo.set(writer, Math.max(n, this.#upTo.get(writer) ?? 0))
  }

  /** Documents in which something is sent that nobody told of; from here on it counts as told. */
  missing(sent: readonly Sent[]): StoredDocuments {
    const isUntold = ({ writer, n }: StoredUpdate): boolean => writer !== this.#writer && n > (this.#upTo.get(writer) ?? 0)
    const untold = sent.filter(({ changedMs, updates }) => changedMs >= this.#sinceMs && updates.some(isUntold))
    const updates = untold.flatMap((one) => one.updates)
    this.note(updates)
    return { updates, revisions: new Map(untold.map(({ name, revision }) => [name, revision])) }
  }
}
