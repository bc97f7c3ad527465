/**
 * Who else is in one document and what they show of themselves: the part of y-protocols' `Awareness` that editor bindings use,
 * over our own clock and line.
 *
 * Why it is not that class: it starts a timer of its own for every document and reads the system's clock.
 *
 * Invariants
 * 1. A state is taken when its clock is higher than the last one's, or equal and it takes the state away, as y-protocols does.
 * 2. Nobody but this document's user changes the state of its own client id; when Yjs changes that id, the old state goes
 *    and the new one is there in the same tick.
 * 3. Nothing of it is stored.
 */
import { guarded, TidemarkError } from '@tidemark/base'
import { type AwarenessEntry, wireLimits } from '@tidemark/protocol'
import type * as Y from 'yjs'

/** What one client shows of itself: any JSON. The relay sets `$user` to who is signed in, where anybody signs in. */
// biome-ignore lint/suspicious/noExplicitAny: reason: editor bindings read their own parts of it, as from y-protocols' class.
export type AwarenessState = Record<string, any>

/** Client ids by what became of their states. */
export interface AwarenessChanges {
  readonly added: readonly number[]
  readonly updated: readonly number[]
  readonly removed: readonly number[]
}

/** `change`: states differ from before; `update`: also where they were only renewed. */
export type AwarenessEvent = 'change' | 'update'
/** `origin` is `local` for one's own. */
export type AwarenessListener = (changes: AwarenessChanges, origin: unknown) => void

/** Takes the place of y-protocols' `Awareness` in editor bindings. */
export interface EntityAwareness {
  readonly doc: Y.Doc
  readonly clientID: number
  /** States by client id; one's own among them. */
  readonly states: ReadonlyMap<number, AwarenessState>
  readonly meta: ReadonlyMap<number, { readonly clock: number; readonly lastUpdated: number }>
  getStates(): ReadonlyMap<number, AwarenessState>
  /** One's own state; null while nothing is shown of oneself. */
  getLocalState(): AwarenessState | null
  /**
   * Shows this of oneself from now on, and nothing with null. Once the document is closed nothing happens: editors that are
   * taken down after it may still call this.
   *
   * @throws {TidemarkError} `schema/invalid` for what is no JSON object, `schema/too-large` above 64 KiB; the state stays as it was.
   */
  setLocalState(state: AwarenessState | null): void
  /** Sets one part of one's own state; nothing happens while nothing is shown. Throws as `setLocalState`. */
  setLocalStateField(field: string, value: unknown): void
  on(event: AwarenessEvent, listener: AwarenessListener): void
  off(event: AwarenessEvent, listener: AwarenessListener): void
}

export interface AwarenessOptions {
  readonly doc: Y.Doc
  readonly nowMs: () => number
  /** Own states changed. */
  readonly say: (entries: readonly AwarenessEntry[]) => void
}

/** What became of the state of one client. */
interface Put {
  readonly client: number
  readonly kind: keyof AwarenessChanges | 'renewed'
}

/** JSON of a state that is taken away, as it stands on the wire. */
export const noState = 'null'

export class Awareness implements EntityAwareness {
  readonly doc: Y.Doc
  readonly states = new Map<number, AwarenessState>()
  readonly meta = new Map<number, { readonly clock: number; readonly lastUpdated: number }>()
  readonly #options: AwarenessOptions
  readonly #json = new Map<number, string>()
  readonly #listeners = { change: new Set<AwarenessListener>(), update: new Set<AwarenessListener>() }
  readonly #stop: () => void
  #client: number
  #isClosed = false

  constructor(options: AwarenessOptions) {
    this.#options = options
    this.doc = options.doc
    this.#client = this.doc.clientID
    const look = (): void => this.#followClient()
    this.doc.on('afterTransactionCleanup', look)
    this.#stop = () => this.doc.off('afterTransactionCleanup', look)
    // From 1: a stock client passes over the first state of an id whose clock is 0.
    this.#put({ client: this.#client, clock: 1, state: '{}' })
  }

  get clientID(): number {
    return this.doc.clientID
  }

  getStates(): ReadonlyMap<number, AwarenessState> {
    return this.states
  }

  getLocalState(): AwarenessState | null {
    return this.states.get(this.#client) ?? null
  }

  setLocalState(state: AwarenessState | null): void {
    const json = jsonOf(state)
    if (this.#isClosed) return
    const entry = { client: this.#client, clock: (this.meta.get(this.#client)?.clock ?? 0) + 1, state: json }
    this.#tell([this.#put(entry)], 'local')
    this.#options.say([entry])
  }

  setLocalStateField(field: string, value: unknown): void {
    const state = this.getLocalState()
    if (state !== null) this.setLocalState({ ...state, [field]: value })
  }

  on(event: AwarenessEvent, listener: AwarenessListener): void {
    this.#listeners[event]?.add(listener)
  }

  off(event: AwarenessEvent, listener: AwarenessListener): void {
    this.#listeners[event]?.delete(listener)
  }

  /** One's own state as it is said to others; nothing while none is shown. */
  own(): readonly AwarenessEntry[] {
    const [json, clock] = [this.#json.get(this.#client), this.meta.get(this.#client)?.clock]
    return json === undefined || clock === undefined ? [] : [{ client: this.#client, clock, state: json }]
  }

  /** Says one's own state again, as a sign of life. */
  renew(): void {
    if (this.getLocalState() !== null) this.setLocalState(this.getLocalState())
  }

  /** Takes what others say. */
  take(entries: readonly AwarenessEntry[], origin: unknown): void {
    const taken = entries.filter((entry) => entry.client !== this.#client)
    this.#tell(
      taken.map((entry) => this.#put(entry)),
      origin,
    )
  }

  /** Forgets others, so that they are taken again with whatever clock they come back. */
  forget(clients: readonly number[]): void {
    const others = clients.filter((client) => client !== this.#client && this.states.has(client))
    const changes = others.map((client) => this.#put({ client, clock: this.meta.get(client)?.clock ?? 0, state: noState }))
    for (const client of clients) if (client !== this.#client) this.meta.delete(client)
    this.#tell(changes, 'left')
  }

  /** What takes one's own state away. */
  close(): readonly AwarenessEntry[] {
    this.#stop()
    this.#isClosed = true
    const own = this.own().map(({ client, clock }) => ({ client, clock: clock + 1, state: noState }))
    this.#tell(
      own.map((entry) => this.#put(entry)),
      'local',
    )
    return own
  }

  /** Yjs takes another id when it sees its own used by somebody else. */
  #followClient(): void {
    const [before, after] = [this.#client, this.doc.clientID]
    if (before === after) return
    const json = this.#json.get(before)
    this.#client = after
    if (json === undefined) return
    const gone = { client: before, clock: (this.meta.get(before)?.clock ?? 0) + 1, state: noState }
    const entries = [gone, { client: after, clock: 1, state: json }]
    this.#tell(
      entries.map((entry) => this.#put(entry)),
      'local',
    )
    this.#options.say(entries)
  }

  /** What became of one state; null for an older or an unreadable one. */
  #put({ client, clock, state }: AwarenessEntry): Put | null {
    const before = this.#json.get(client)
    const known = this.meta.get(client)?.clock ?? -1
    if (clock < known || (clock === known && (state !== noState || before === undefined))) return null
    const value = state === noState ? null : readState(state)
    if (value === undefined) return null
    this.meta.set(client, { clock, lastUpdated: this.#options.nowMs() })
    if (value === null) {
      this.states.delete(client)
      return this.#json.delete(client) ? { kind: 'removed', client } : null
    }
    this.#json.set(client, state)
    if (state === before) return { kind: 'renewed', client }
    this.states.set(client, value)
    return { kind: before === undefined ? 'added' : 'updated', client }
  }

  #tell(puts: readonly (Put | null)[], origin: unknown): void {
    const of = (...kinds: readonly string[]): number[] =>
      puts.flatMap((put) => (put !== null && kinds.includes(put.kind) ? [put.client] : []))
    const [added, removed] = [of('added'), of('removed')]
    this.#emit('change', { added, updated: of('updated'), removed }, origin)
    this.#emit('update', { added, updated: of('updated', 'renewed'), removed }, origin)
  }

  #emit(event: AwarenessEvent, changes: AwarenessChanges, origin: unknown): void {
    if (changes.added.length + changes.updated.length + changes.removed.length === 0) return
    for (const listener of [...this.#listeners[event]]) guarded(() => listener(changes, origin))
  }
}

/** @throws {TidemarkError} */
function jsonOf(state: AwarenessState | null): string {
  if (state === null) return noState
  let json: string | undefined
  try {
    json = JSON.stringify(state)
  } catch (cause) {
    throw new TidemarkError('schema/invalid', 'an awareness state is JSON', { cause })
  }
  if (typeof state !== 'object' || Array.isArray(state) || !json?.startsWith('{')) {
    throw new TidemarkError('schema/invalid', 'an awareness state is a JSON object')
  }
  const bytes = new TextEncoder().encode(json).length
  if (bytes > wireLimits.maxAwarenessBytes) throw new TidemarkError('schema/too-large', `an awareness state of ${bytes} bytes`)
  return json
}

/** The state, null for one that is taken away, nothing for what is none. */
function readState(json: string): AwarenessState | null | undefined {
  try {
    const state: unknown = JSON.parse(json)
    return typeof state === 'object' && !Array.isArray(state) ? (state as AwarenessState | null) : undefined
  } catch {
    return undefined // reason: the relay lets no such state through; another build's tab may
  }
}
