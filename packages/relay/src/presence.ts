/**
 * The presence of one Tidemark session: in which documents it is, and what it hears of the others there.
 *
 * Invariants
 * 1. A session is in a room from its first `awareness` of the document to the one that says it leaves, or to its end.
 * 2. It is in a bounded number of rooms, of documents that it may see; one that it may see no longer it leaves.
 * 3. A full socket goes without: states are told again when they are renewed.
 */
import { TidemarkError } from '@tidemark/base'
import { type Awareness, encodeRelayMessages, isDocumentName, type Socket } from '@tidemark/protocol'
import { type AwarenessMember, type AwarenessRooms, Told } from './awareness-rooms.ts'
import type { RelayBounds } from './limits.ts'

export interface PresenceOptions {
  readonly rooms: AwarenessRooms
  readonly bounds: RelayBounds
  readonly socket: Pick<Socket, 'bufferedBytes'>
  readonly principal: () => string
  readonly maySee: (document: string) => boolean
  readonly send: (frames: readonly Uint8Array[]) => void
}

export class Presence {
  readonly #options: PresenceOptions
  readonly #members = new Map<string, AwarenessMember>()

  constructor(options: PresenceOptions) {
    this.#options = options
  }

  /** @throws {TidemarkError} `relay/limit` when it is in too many documents. */
  take({ document, isHere, entries }: Awareness): void {
    const { rooms, bounds, maySee, principal } = this.#options
    const member = this.#members.get(document)
    if (!isHere) {
      if (member !== undefined) this.#leave(document, member)
      return
    }
    if (!isDocumentName(document) || !maySee(document)) return
    if (member === undefined && this.#members.size >= bounds.maxPresences) {
      throw new TidemarkError('relay/limit', `${bounds.maxPresences} documents are open for presence`)
    }
    const here = member ?? this.#enter(document)
    if (entries.length > 0) rooms.update(document, here, entries, principal())
  }

  /** What it may see has changed. */
  regrant(): void {
    for (const [document, member] of this.#members) if (!this.#options.maySee(document)) this.#leave(document, member)
  }

  close(): void {
    for (const [document, member] of this.#members) this.#leave(document, member)
  }

  #enter(document: string): AwarenessMember {
    const member: AwarenessMember = { awareness: (told) => this.#tell(document, told) }
    this.#members.set(document, member)
    this.#tell(document, new Told(this.#options.rooms.enter(document, member)))
    return member
  }

  #leave(document: string, member: AwarenessMember): void {
    this.#members.delete(document)
    this.#options.rooms.leave(document, member)
  }

  #tell(document: string, told: Told): void {
    const { socket, bounds, send } = this.#options
    if (told.entries.length === 0 || socket.bufferedBytes > bounds.highWaterBytes) return
    send(
      told.as('frames', (entries) =>
        encodeRelayMessages([{ type: 'awareness', document, isHere: true, entries }], bounds.announced.maxFrameBytes),
      ),
    )
  }
}
