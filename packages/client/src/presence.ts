/**
 * The presence of one browser: the awareness of every document that is shown in any of its tabs, over the one connection.
 *
 * Tabs tell each other what they show; the leading one says it to the relay, and tells the others what it hears there.
 *
 * Invariants
 * 1. One timer for all documents, and none while nobody asks for awareness.
 * 2. What a tab shows goes when it leaves; when it dies, after `presenceLimits.silenceMs` without a sign of life.
 * 3. What came by the relay goes with the connection, and comes back with the next one.
 * 4. Nothing of it is stored.
 */
import { type Clock, TidemarkError } from '@tidemark/base'
import type { AwarenessEntry, ClientMessage } from '@tidemark/protocol'
import type * as Y from 'yjs'
import { Awareness, type EntityAwareness, noState } from './awareness.ts'
import type { TabMessage } from './tabs.ts'

export const presenceLimits = {
  /** How often one's own state is said again. Stock clients forget after 30 s, so one that is late or lost costs nobody. */
  renewMs: 12_000,
  /** Longer than browsers hold back the timers of hidden tabs, which is a minute. */
  silenceMs: 90_000,
} as const

/** What tabs tell each other of a document. */
export type PresenceMessage = TabMessage & { readonly type: 'presence' }

export interface PresenceOptions {
  readonly clock: Clock
  /** One tab's life. */
  readonly tab: string
  readonly post: (message: TabMessage) => void
  /** To the relay, where this tab leads and the relay offers it. */
  readonly say: (messages: readonly ClientMessage[]) => void
}

interface Known {
  readonly entry: AwarenessEntry
  /** The tab that shows it; null for what came by the relay. */
  readonly tab: string | null
}

/** One document as all of this browser knows it. */
interface Room {
  /** Tabs that are in it, and when they last said so. */
  readonly tabs: Map<string, number>
  readonly known: Map<number, Known>
  awareness: Awareness | null
}

export class Presence {
  readonly #options: PresenceOptions
  readonly #rooms = new Map<string, Room>()
  #cancelBeat: (() => void) | null = null
  #isConnected = false
  #isClosed = false

  constructor(options: PresenceOptions) {
    this.#options = options
  }

  /** The awareness of an open document, until that is destroyed. @throws {TidemarkError} `client/closed` */
  of(document: string, doc: Y.Doc): EntityAwareness {
    if (this.#isClosed) throw new TidemarkError('client/closed', 'the space was closed')
    const room = this.#room(document)
    if (room.awareness !== null) return room.awareness
    const { clock } = this.#options
    const awareness = new Awareness({ doc, nowMs: () => clock.now(), say: (entries) => this.#said(document, entries, false) })
    room.awareness = awareness
    doc.on('destroy', () => this.#leave(document))
    awareness.take(
      [...room.known.values()].map(({ entry }) => entry),
      'entered',
    )
    this.#said(document, awareness.own(), true)
    return awareness
  }

  /** The relay says something of a document; the other tabs hear of it too. */
  relayed(document: string, entries: readonly AwarenessEntry[]): void {
    const room = this.#rooms.get(document)
    if (room === undefined) return
    // The relay tells also what this browser said.
    const theirs = entries.filter(({ client }) => typeof room.known.get(client)?.tab !== 'string' && !isOwn(room, client))
    if (theirs.length === 0) return
    this.#take(room, theirs, null)
    this.#options.post({ type: 'presence', document, tab: null, isHere: true, asks: false, entries: theirs })
  }

  /** Whether this tab has a connection that takes presence. */
  connected(isConnected: boolean): void {
    if (this.#isConnected === isConnected) return
    this.#isConnected = isConnected
    if (!isConnected) return this.#forgetRelayed()
    for (const [document, room] of this.#rooms) this.#enter(document, room)
    // With higher clocks, which others take even where they have not heard that the states were gone.
    this.#options.post({ type: 'present' })
    this.#renew()
  }

  heard(message: TabMessage): void {
    if (message.type === 'present') this.#renew()
    if (message.type === 'presence') this.#heard(message)
  }

  close(): void {
    for (const document of [...this.#rooms.keys()]) this.#leave(document)
    this.#isClosed = true
    this.#rooms.clear()
    this.#cancelBeat?.()
    this.#cancelBeat = null
  }

  #room(document: string): Room {
    const room = this.#rooms.get(document) ?? { tabs: new Map(), known: new Map(), awareness: null }
    this.#rooms.set(document, room)
    this.#cancelBeat ??= this.#schedule()
    return room
  }

  /** This tab shows something; `asks` when it wants to know of the others. */
  #said(document: string, entries: readonly AwarenessEntry[], asks: boolean): void {
    if (this.#isClosed) return
    const room = this.#room(document)
    const isNew = room.tabs.size === 0
    room.tabs.set(this.#options.tab, this.#options.clock.monotonic())
    this.#keep(room, entries, this.#options.tab)
    this.#options.post({ type: 'presence', document, tab: this.#options.tab, isHere: true, asks, entries })
    if (isNew) this.#enter(document, room)
    else this.#tellRelay(document, room, entries)
  }

  #leave(document: string): void {
    const room = this.#rooms.get(document)
    if (room?.awareness == null) return
    const entries = room.awareness.close()
    room.awareness = null
    this.#options.post({ type: 'presence', document, tab: this.#options.tab, isHere: false, asks: false, entries })
    this.#left(document, room, this.#options.tab, entries)
  }

  /** A tab is no longer in a document. */
  #left(document: string, room: Room, tab: string, entries: readonly AwarenessEntry[]): void {
    room.tabs.delete(tab)
    const shown = [...room.known.values()].flatMap((one) => (one.tab === tab ? [one.entry] : []))
    const gone = [...entries, ...shown.map(({ client, clock }) => ({ client, clock: clock + 1, state: noState }))]
    this.#take(room, gone, tab)
    this.#tellRelay(document, room, gone)
    if (room.tabs.size === 0) this.#rooms.delete(document)
    if (this.#rooms.size > 0) return
    this.#cancelBeat?.()
    this.#cancelBeat = null
  }

  #heard({ document, tab, isHere, asks, entries }: PresenceMessage): void {
    if (this.#isClosed) return
    if (tab === null) {
      const room = this.#rooms.get(document)
      return room === undefined ? undefined : this.#take(room, entries, null)
    }
    if (!isHere) {
      const room = this.#rooms.get(document)
      return room === undefined ? undefined : this.#left(document, room, tab, entries)
    }
    const room = this.#room(document)
    const isNew = room.tabs.size === 0
    room.tabs.set(tab, this.#options.clock.monotonic())
    this.#take(room, entries, tab)
    if (isNew) this.#enter(document, room)
    else this.#tellRelay(document, room, entries)
    if (asks) this.#answer(document, room)
  }

  /** Tells a tab that came what this one shows and, where it leads, what the relay told. */
  #answer(document: string, room: Room): void {
    const { post, tab } = this.#options
    if (room.awareness !== null) post({ type: 'presence', document, tab, isHere: true, asks: false, entries: room.awareness.own() })
    const relayed = [...room.known.values()].flatMap((one) => (one.tab === null ? [one.entry] : []))
    if (this.#isConnected && relayed.length > 0) {
      post({ type: 'presence', document, tab: null, isHere: true, asks: false, entries: relayed })
    }
  }

  /** Says to the relay that this browser is in a document, and what it shows there. */
  #enter(document: string, room: Room): void {
    const own = [...room.known.values()].flatMap((one) => (one.tab === null ? [] : [one.entry]))
    if (this.#isConnected) this.#options.say([{ type: 'awareness', document, isHere: true, entries: own }])
  }

  #tellRelay(document: string, room: Room, entries: readonly AwarenessEntry[]): void {
    const isHere = room.tabs.size > 0
    if (!this.#isConnected || (isHere && entries.length === 0)) return
    this.#options.say([{ type: 'awareness', document, isHere, entries }])
  }

  #take(room: Room, entries: readonly AwarenessEntry[], tab: string | null): void {
    this.#keep(room, entries, tab)
    room.awareness?.take(entries, tab ?? 'relay')
    // Who comes back does so with whatever clock, as after a break of the line.
    room.awareness?.forget(entries.flatMap(({ client, state }) => (state === noState ? [client] : [])))
  }

  #keep(room: Room, entries: readonly AwarenessEntry[], tab: string | null): void {
    for (const entry of entries) {
      if (entry.state === noState) room.known.delete(entry.client)
      else room.known.set(entry.client, { entry, tab })
    }
  }

  /** The line broke: nobody knows who is still there. */
  #forgetRelayed(): void {
    for (const [document, room] of this.#rooms) {
      const gone = [...room.known.values()].flatMap(({ entry, tab }) => (tab === null ? [{ ...entry, state: noState }] : []))
      if (gone.length === 0) continue
      this.#take(room, gone, null)
      this.#options.post({ type: 'presence', document, tab: null, isHere: true, asks: false, entries: gone })
    }
  }

  #renew(): void {
    for (const [document, room] of this.#rooms) {
      // One that shows nothing still says that it is here.
      if (room.awareness?.getLocalState() === null) this.#said(document, [], false)
      else room.awareness?.renew()
    }
  }

  #schedule(): () => void {
    return this.#options.clock.schedule(presenceLimits.renewMs, () => {
      this.#cancelBeat = null
      const nowMs = this.#options.clock.monotonic()
      this.#renew()
      for (const [document, room] of this.#rooms) {
        for (const [tab, heardMs] of room.tabs) if (nowMs - heardMs > presenceLimits.silenceMs) this.#left(document, room, tab, [])
      }
      if (this.#rooms.size > 0) this.#cancelBeat ??= this.#schedule()
    })
  }
}

const isOwn = (room: Room, client: number): boolean => room.awareness?.clientID === client
