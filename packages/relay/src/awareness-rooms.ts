/**
 * Who is where: the awareness states of the documents of one space.
 *
 * Why it exists: stock clients show each other's cursors through the relay, and a relay must forget them when
 * their connection ends. Nothing of it is stored.
 *
 * Invariants
 * 1. An awareness id belongs to the session that first sent it, until that session leaves.
 * 2. Who is signed in is so by the relay's word: it sets `$user` in each state, whatever the sender says.
 * 3. A session owns a bounded number of ids, each with a bounded state.
 * 4. What changes is gathered: a room is told at most so often, and the less often the more there is to tell in all; what
 *    changed twice meanwhile is told once.
 */
import type { Clock } from '@tidemark/base'
import type { AwarenessEntry } from '@tidemark/protocol'
import { jsonDepth, updateLimits } from '@tidemark/updates'
import type { RelayBounds } from './limits.ts'
import { anonymous } from './sign-in.ts'

export type { AwarenessEntry }

/** States that members are told of; each encoding of them is made once for all. */
export class Told {
  readonly entries: readonly AwarenessEntry[]
  readonly #encodings = new Map<string, unknown>()

  constructor(entries: readonly AwarenessEntry[]) {
    this.entries = entries
  }

  /** What `encode` gave for this form the first time. */
  as<T>(form: string, encode: (entries: readonly AwarenessEntry[]) => T): T {
    if (!this.#encodings.has(form)) this.#encodings.set(form, encode(this.entries))
    return this.#encodings.get(form) as T
  }
}

export interface AwarenessMember {
  /** States changed; also those that this very member sent, which a stock client takes as a sign of life. */
  awareness(told: Told): void
}

interface Owned extends AwarenessEntry {
  readonly owner: AwarenessMember
}

interface Room {
  /** With how many ids each owns. */
  readonly members: Map<AwarenessMember, number>
  readonly states: Map<number, Owned>
  /** What is to be told; null for a state that is gone. */
  readonly changed: Map<number, AwarenessEntry>
  /** Who said something of which nothing was taken: the sign of life is due all the same. */
  readonly unheard: Set<AwarenessMember>
  /** Of the states. */
  bytes: number
  /** When it may be told next. */
  nextMs: number
  cancel: (() => void) | null
}

const removed = 'null'
const nothing = new Told([])

export class AwarenessRooms {
  readonly #bounds: RelayBounds
  readonly #clock: Clock
  readonly #rooms = new Map<string, Room>()

  constructor(bounds: RelayBounds, clock: Clock) {
    this.#bounds = bounds
    this.#clock = clock
  }

  /** Enters a document's room; the states that stand there are returned. */
  enter(document: string, member: AwarenessMember): readonly AwarenessEntry[] {
    const room = this.#rooms.get(document) ?? emptyRoom()
    this.#rooms.set(document, room)
    room.members.set(member, room.members.get(member) ?? 0)
    return this.states(document)
  }

  states(document: string): readonly AwarenessEntry[] {
    return [...(this.#rooms.get(document)?.states.values() ?? [])]
  }

  /** Takes what a member says; what it may not say or what is older is left out. All members hear of the rest. */
  update(document: string, member: AwarenessMember, said: readonly AwarenessEntry[], principal: string): void {
    const room = this.#rooms.get(document)
    if (room === undefined) return
    let owned = room.members.get(member) ?? 0
    let taken = 0
    for (const entry of said.flatMap((one) => stamped(one, principal))) {
      const present = room.states.get(entry.client)
      if (present === undefined && (entry.state === removed || owned >= this.#bounds.maxAwarenessStates)) continue
      if (present !== undefined && (present.owner !== member || !isNewer(entry, present))) continue
      const more = entry.state.length - (present?.state.length ?? 0)
      if (more > 0 && room.bytes + more > this.#bounds.maxRoomBytes) continue
      if (present === undefined) owned++
      if (entry.state === removed) {
        room.states.delete(entry.client)
        room.bytes -= present?.state.length ?? 0
        owned--
      } else {
        room.bytes += more
        room.states.set(entry.client, { ...entry, owner: member })
      }
      room.changed.set(entry.client, entry)
      taken++
    }
    room.members.set(member, owned)
    if (taken === 0) room.unheard.add(member)
    this.#tellSoon(room)
  }

  /** Leaves; the others hear that the member's states are gone. */
  leave(document: string, member: AwarenessMember): void {
    const room = this.#rooms.get(document)
    if (room === undefined) return
    room.members.delete(member)
    room.unheard.delete(member)
    for (const { client, clock, state, owner } of room.states.values()) {
      if (owner !== member) continue
      room.bytes -= state.length
      room.states.delete(client)
      room.changed.set(client, { client, clock, state: removed })
    }
    if (room.members.size > 0) {
      if (room.changed.size > 0) this.#tellSoon(room)
      return
    }
    room.cancel?.()
    this.#rooms.delete(document)
  }

  #tellSoon(room: Room): void {
    room.cancel ??= this.#clock.schedule(Math.max(0, room.nextMs - this.#clock.monotonic()), () => this.#tell(room))
  }

  #tell(room: Room): void {
    const { presenceGatherMs, presenceGatherMaxMs, presenceBytesPerMs } = this.#bounds
    const entries = [...room.changed.values()]
    const unheard = [...room.unheard]
    room.cancel = null
    room.changed.clear()
    room.unheard.clear()
    const bytes = entries.reduce((sum, { state }) => sum + state.length + entryHeadBytes, 0) * room.members.size
    room.nextMs = this.#clock.monotonic() + Math.min(presenceGatherMaxMs, presenceGatherMs + bytes / presenceBytesPerMs)
    const told = new Told(entries)
    for (const one of entries.length > 0 ? [...room.members.keys()] : unheard) one.awareness(entries.length > 0 ? told : nothing)
  }
}

/** What an entry takes beside its state. */
const entryHeadBytes = 16

const emptyRoom = (): Room => ({
  members: new Map(),
  states: new Map(),
  changed: new Map(),
  unheard: new Set(),
  bytes: 0,
  nextMs: 0,
  cancel: null,
})

const isNewer = (entry: AwarenessEntry, present: AwarenessEntry): boolean =>
  entry.clock > present.clock || (entry.clock === present.clock && entry.state === removed)

/** The state with its user's id, or nothing for one that is no JSON object, or nested deeper than receivers can compare. Where nobody signs in nobody is named. */
function stamped(entry: AwarenessEntry, principal: string): AwarenessEntry[] {
  if (entry.state === removed) return [entry]
  let state: unknown
  try {
    state = JSON.parse(entry.state)
  } catch {
    // reason: what is no JSON would break every stock client that hears it.
    return []
  }
  if (state === null) return [{ ...entry, state: removed }]
  if (jsonDepth(entry.state) > updateLimits.maxValueDepth) return []
  if (typeof state !== 'object' || Array.isArray(state)) return []
  const { $user: _, ...rest } = state as Record<string, unknown>
  const isNamed = principal !== anonymous.principal
  if (!isNamed && !('$user' in state)) return [entry]
  return [{ ...entry, state: JSON.stringify(isNamed ? { ...rest, $user: principal } : rest) }]
}
