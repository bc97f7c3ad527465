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
 */
import type { AwarenessEntry } from '@tidemark/protocol'
import type { RelayBounds } from './limits.ts'
import { anonymous } from './sign-in.ts'

export type { AwarenessEntry }

export interface AwarenessMember {
  /** States changed; also those that this very member sent, which a stock client takes as a sign of life. */
  awareness(entries: readonly AwarenessEntry[]): void
}

interface Owned extends AwarenessEntry {
  readonly owner: AwarenessMember
}

interface Room {
  readonly members: Set<AwarenessMember>
  readonly states: Map<number, Owned>
}

const removed = 'null'

export class AwarenessRooms {
  readonly #bounds: RelayBounds
  readonly #rooms = new Map<string, Room>()

  constructor(bounds: RelayBounds) {
    this.#bounds = bounds
  }

  /** Enters a document's room; the states that stand there are returned. */
  enter(document: string, member: AwarenessMember): readonly AwarenessEntry[] {
    const room = this.#rooms.get(document) ?? { members: new Set(), states: new Map() }
    this.#rooms.set(document, room)
    room.members.add(member)
    return this.states(document)
  }

  states(document: string): readonly AwarenessEntry[] {
    return [...(this.#rooms.get(document)?.states.values() ?? [])]
  }

  /** Takes what a member says; what it may not say or what is older is left out. All members hear of the rest. */
  update(document: string, member: AwarenessMember, said: readonly AwarenessEntry[], principal: string): void {
    const room = this.#rooms.get(document)
    if (room === undefined) return
    const entries = said.flatMap((entry) => stamped(entry, principal))
    let owned = 0
    for (const one of room.states.values()) if (one.owner === member) owned++
    const taken = entries.filter((entry) => {
      const present = room.states.get(entry.client)
      if (present === undefined && (entry.state === removed || owned >= this.#bounds.maxAwarenessStates)) return false
      if (present !== undefined && (present.owner !== member || !isNewer(entry, present))) return false
      if (present === undefined) owned++
      if (entry.state === removed) {
        room.states.delete(entry.client)
        owned--
      } else room.states.set(entry.client, { ...entry, owner: member })
      return true
    })
    // Without any, the sender still gets its sign of life.
    if (taken.length === 0) member.awareness([])
    else for (const one of [...room.members]) one.awareness(taken)
  }

  /** Leaves; the others hear that the member's states are gone. */
  leave(document: string, member: AwarenessMember): void {
    const room = this.#rooms.get(document)
    if (room === undefined) return
    room.members.delete(member)
    const gone = [...room.states.values()].filter((one) => one.owner === member)
    for (const { client } of gone) room.states.delete(client)
    if (room.members.size === 0) this.#rooms.delete(document)
    if (gone.length === 0) return
    const entries = gone.map(({ client, clock }) => ({ client, clock, state: removed }))
    for (const one of [...room.members]) one.awareness(entries)
  }
}

const isNewer = (entry: AwarenessEntry, present: AwarenessEntry): boolean =>
  entry.clock > present.clock || (entry.clock === present.clock && entry.state === removed)

/** The state with its user's id, or nothing for one that is no JSON object. Where nobody signs in nobody is named. */
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
  if (typeof state !== 'object' || Array.isArray(state)) return []
  const { $user: _, ...rest } = state as Record<string, unknown>
  const isNamed = principal !== anonymous.principal
  if (!isNamed && !('$user' in state)) return [entry]
  return [{ ...entry, state: JSON.stringify(isNamed ? { ...rest, $user: principal } : rest) }]
}
