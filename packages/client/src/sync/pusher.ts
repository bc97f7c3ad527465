/**
 * Sends what is pending, and clears it when the relay has it durably.
 *
 * There is no queue: what is pending is read from the store each time, so it is right after a crash, a
 * reload, or another tab's edits. One push or carry of a document is under way at a time; what is written
 * meanwhile goes with the next, so a busy relay gets fewer and larger pushes.
 *
 * What a push holds is refused whole, so it is pushed again in halves until one update alone is refused. That one, and what
 * builds on it, is taken out of the document, which forks; everything else of it goes on.
 */
import { type Clock, type ErrorCode, TidemarkError, toTidemarkError } from '@tidemark/base'
import { type Ack, type ClientMessage, type Refuse, type RelayLimits, wireLimits } from '@tidemark/protocol'
import type { Acknowledged, DocPatch, LocalStore, PendingDocument, StoredDocument, StoredUpdate } from '@tidemark/store'
import { mergeGrouped, stateAsV1 } from '@tidemark/updates'
import { withoutDamage } from '../damage.ts'
import { endsBranch, firstPending, refusedWith, type UpdateKey } from './branching.ts'
import type { NamedChange } from './receiver.ts'

interface InFlight {
  readonly kind: 'push' | 'carry'
  readonly name: string
  readonly update: Uint8Array
  /** Of the document that it was made of. */
  readonly revision: number
  /** What an acknowledgement clears. */
  readonly marks: readonly { readonly writer: string; readonly upTo: number }[]
  /** The stored updates that were merged. */
  readonly updates: readonly StoredUpdate[]
  /** When the document changed last, ms since 1970. */
  readonly changedMs: number
  /** Whether they are refused together: no part of them stands by itself. */
  readonly isOne: boolean
}

/** A document of which something is being sent, as it is stored. */
export type Sent = Pick<InFlight, 'name' | 'revision' | 'updates' | 'changedMs'>

export interface PusherOptions {
  readonly store: LocalStore
  readonly clock: Clock
  readonly limits: RelayLimits
  readonly send: (messages: readonly ClientMessage[]) => void
  /** `names`: the documents of which the relay took something, also where none of it was pending. */
  readonly acknowledged: (items: readonly Acknowledged[], names: readonly string[]) => void
  readonly refused: (name: string, error: TidemarkError) => void
  /** These updates are no longer part of the document: it is to be read anew. */
  readonly forked: (name: string, updates: readonly UpdateKey[], error: TidemarkError) => void
  readonly failed: (error: TidemarkError) => void
  /** Erases these documents with the acknowledgements of what the relay took of them before; what else is pending of them stays. */
  readonly erase: (names: readonly string[], acknowledged: readonly Acknowledged[]) => Promise<void>
  /** The relay asked for pushes to be held, or that is over. */
  readonly held: () => void
  /** Of these documents something is about to be sent. */
  readonly sending: (documents: readonly Sent[]) => void
}

const documentsAtOnce = 64
const retryMs = 1_000
/** Bytes of own updates whose echo on the feed is recognised, so that they are not stored twice. */
const maxEchoBytes = 4 << 20

export class Pusher {
  readonly #options: PusherOptions
  readonly #inFlight = new Map<number, InFlight>()
  readonly #busy = new Set<string>()
  /** Documents that this connection may not carry; what the relay has lost of them stays marked for the next one. */
  readonly #uncarried = new Set<string>()
  /** How many updates of a document are pushed together, while it is looked for the one that is refused. */
  readonly #together = new Map<string, number>()
  /** Documents that were erased for good while this connection stood. */
  readonly #purged = new Set<string>()
  readonly #echoes: { readonly name: string; readonly update: Uint8Array }[] = []
  #n = 0
  #echoBytes = 0
  #cancelHold: (() => void) | null = null
  #holdUntilMs: number | null = null
  #isRunning = false
  #isAskedAgain = false
  #isClosed = false
  #settling: Promise<void> = Promise.resolve()
  readonly #retries = new Set<() => void>()

  constructor(options: PusherOptions) {
    this.#options = options
  }

  /** Resolves when every answer that came so far is stored. */
  get settled(): Promise<void> {
    return this.#settling
  }

  /** Looks for pending changes and sends them; cheap when there are none. */
  wake(): void {
    this.#isAskedAgain = true
    void this.#run()
  }

  /** The relay asks to be left alone for so long; what is written meanwhile goes in fewer, larger pushes. */
  hold(holdMs: number): void {
    const { clock, held } = this.#options
    const waitMs = Math.min(holdMs, wireLimits.maxHoldMs)
    this.#cancelHold?.()
    this.#holdUntilMs = clock.now() + waitMs
    this.#cancelHold = clock.schedule(waitMs, () => {
      this.#cancelHold = this.#holdUntilMs = null
      held()
      this.wake()
    })
    held()
  }

  /** Until when pushes are held, ms since 1970; null while they are not. */
  get holdUntilMs(): number | null {
    return this.#holdUntilMs
  }

  /** What was refused may be tried again. */
  retry(): void {
    this.#uncarried.clear()
    this.wake()
  }

  /** These were erased for good; what the relay took of them before goes too, once it is acknowledged. */
  purged(names: readonly string[]): void {
    for (const name of names) this.#purged.add(name)
  }

  /** Whether the relay's change is this replica's own push, byte for byte. */
  isEcho(change: NamedChange): boolean {
    return this.#echoes.some((echo) => echo.name === change.name && sameBytes(echo.update, change.bytes))
  }

  ack(ack: Ack): void {
    const done = [...this.#inFlight].filter(([n]) => n <= ack.n)
    if (done.length === 0) return
    for (const [n, one] of done) {
      this.#inFlight.delete(n)
      this.#together.delete(one.name)
    }
    const acknowledged = done.flatMap(([, one]) => one.marks.map((mark) => ({ name: one.name, seq: ack.seq, ...mark })))
    const docs = done.map(
      ([, one]): DocPatch =>
        one.kind === 'carry'
          ? { name: one.name, carry: false, carried: one.revision, problem: null, lastSeq: ack.seq }
          : { name: one.name, lastSeq: ack.seq },
    )
    const names = done.map(([, one]) => one.name)
    this.#settle(done, async () => {
      const isPurged = ({ name }: { readonly name: string }): boolean => this.#purged.has(name)
      const [erased, kept] = [acknowledged.filter(isPurged), acknowledged.filter((one) => !isPurged(one))]
      await this.#options.store.commit({ acknowledged: kept, docs: docs.filter((one) => !isPurged(one)) })
      this.#options.acknowledged(acknowledged, names)
      const purged = names.filter((name) => this.#purged.has(name))
      if (purged.length > 0) await this.#options.erase(purged, erased)
    })
  }

  refuse(refuse: Refuse): void {
    const one = this.#inFlight.get(refuse.n)
    if (one === undefined) return
    this.#inFlight.delete(refuse.n)
    const error = new TidemarkError(refuse.code, refuse.detail)
    if (error.retryable) {
      const cancel = this.#options.clock.schedule(retryMs, () => {
        this.#retries.delete(cancel)
        this.#busy.delete(one.name)
        this.wake()
      })
      this.#retries.add(cancel)
      return
    }
    // What the relay lacks is handed on whole, once; a document that even so does not fit is an orphan, and reported.
    const isToCarry = refuse.code === 'relay/incomplete' && one.kind === 'push'
    this.#settle([[refuse.n, one]], async () => {
      if (isToCarry) await this.#options.store.commit({ docs: [{ name: one.name, carry: true }] })
      else await this.#refused(one, error)
    })
  }

  close(): void {
    this.#isClosed = true
    for (const cancel of this.#retries) cancel()
    this.#cancelHold?.()
  }

  /** Stores an answer, in order; the document may be pushed again only then. */
  #settle(done: readonly (readonly [number, InFlight])[], store: () => Promise<void>): void {
    this.#settling = this.#settling
      .then(store)
      .then(() => {
        for (const [, one] of done) this.#busy.delete(one.name)
        this.wake()
      })
      .catch((error: unknown) => {
        if (!this.#isClosed) this.#options.failed(toTidemarkError(error, 'store/failed'))
      })
  }

  async #run(): Promise<void> {
    if (this.#isRunning) return
    this.#isRunning = true
    try {
      while (this.#isAskedAgain && !this.#isClosed) {
        this.#isAskedAgain = false
        await this.#send()
      }
    } catch (error) {
      if (!this.#isClosed) this.#options.failed(toTidemarkError(error, 'store/failed'))
    } finally {
      this.#isRunning = false
    }
  }

  async #send(): Promise<void> {
    const room = Math.min(documentsAtOnce, this.#options.limits.maxPushesInFlight - this.#inFlight.size)
    if (room <= 0 || this.#cancelHold !== null) return
    const { store } = this.#options
    const carrying = await store.carrying(this.#busy.size + this.#uncarried.size + room)
    const toCarry = carrying.filter((name) => !this.#busy.has(name) && !this.#uncarried.has(name)).slice(0, room)
    const documents = toCarry.length > 0 ? await store.load(toCarry) : new Map<string, StoredDocument>()
    const pushable = await this.#pushable(room)
    if (this.#isClosed) return
    const carries = await this.#built('carry', [...documents.values()], carryOf)
    const pushes = await this.#built('push', await Promise.all(pushable.map((one) => this.#part(one))), pushOf)
    const next = [...carries, ...pushes].slice(0, room)
    if (this.#isClosed) return
    const messages: ClientMessage[] = []
    for (const one of next) {
      if (one.update.length > this.#options.limits.maxUpdateBytes) await this.#refuseHere(one, 'relay/too-large')
      else messages.push(this.#start(one))
    }
    if (messages.length > 0 && !this.#isClosed) {
      this.#options.sending(next)
      this.#options.send(messages)
    }
    if (next.length === room) this.#isAskedAgain = true
  }

  /** What can be sent; a document that cannot be merged is taken care of by itself, and stops no other. */
  async #built<T extends StoredDocument>(
    kind: InFlight['kind'],
    documents: readonly T[],
    build: (stored: T) => InFlight,
  ): Promise<InFlight[]> {
    const built: InFlight[] = []
    for (const stored of documents) {
      try {
        built.push(build(stored))
      } catch (cause) {
        await this.#damaged(kind, stored, cause)
      }
    }
    return built
  }

  /** What of a document is pushed together. */
  async #part({ record, updates }: PendingDocument): Promise<Part> {
    const { name } = record
    const limit = this.#together.get(name) ?? updates.length
    const stored = limit >= updates.length ? undefined : (await this.#options.store.load([name])).get(name)
    const part = stored === undefined ? [] : firstPending(stored, limit)
    const isOne = updates.length === 1 || part.length === 1 || (stored !== undefined && part.length === 0)
    return { record, snapshot: null, updates: part.length === 0 ? updates : part, isOne }
  }

  /** Its damage is quarantined, and what is left looked at again; what cannot be told apart is reported. */
  async #damaged(kind: InFlight['kind'], stored: StoredDocument, cause: unknown): Promise<void> {
    const { name } = stored.record
    const rest = await withoutDamage(this.#options.store, stored)
    if (rest !== null) this.#isAskedAgain = true
    else
      await this.#refused(
        { kind, name, updates: [], isOne: true },
        new TidemarkError('updates/invalid', `what is stored of ${name} cannot be merged`, { cause }),
      )
  }

  /** Up to `room` documents to push, oldest first; those that are refused or under way do not take the place of others. */
  async #pushable(room: number): Promise<PendingDocument[]> {
    for (let limit = this.#busy.size + room; ; limit *= 2) {
      const pending = await this.#options.store.pending(limit)
      const pushable = pending.filter((one) => isPushable(one) && !this.#busy.has(one.record.name))
      if (pushable.length >= room || pending.length < limit) return pushable
    }
  }

  #start(one: InFlight): ClientMessage {
    const n = ++this.#n
    this.#inFlight.set(n, one)
    this.#busy.add(one.name)
    this.#echoes.push({ name: one.name, update: one.update })
    this.#echoBytes += one.update.length
    while (this.#echoBytes > maxEchoBytes) this.#echoBytes -= this.#echoes.shift()?.update.length ?? this.#echoBytes
    return { type: one.kind, n, document: one.name, update: one.update }
  }

  #refuseHere(one: InFlight, code: ErrorCode): Promise<void> {
    const { maxUpdateBytes } = this.#options.limits
    return this.#refused(one, new TidemarkError(code, `${one.update.length} bytes where the relay takes ${maxUpdateBytes}`))
  }

  /** What may not be carried now stays to be carried: no one else may have what the relay lost. */
  async #refused(one: Refused, error: TidemarkError): Promise<void> {
    if (one.kind === 'push' && endsBranch(error.code)) return this.#isolate(one, error)
    if (one.kind === 'carry') this.#uncarried.add(one.name)
    await this.#options.store.commit({ docs: [{ name: one.name, problem: error.code }] })
    this.#options.refused(one.name, error)
  }

  /** Halves what was refused together; of a single update, ends the branch. */
  async #isolate({ name, updates, isOne }: Refused, error: TidemarkError): Promise<void> {
    this.#isAskedAgain = true
    this.#together.set(name, Math.ceil(updates.length / 2))
    if (!isOne) return
    this.#together.delete(name)
    const { store } = this.#options
    // Again, where another tab stored something of the document meanwhile.
    for (let isForked = false; !isForked; ) {
      const stored = (await store.load([name])).get(name)
      const refused = stored === undefined ? [] : refusedWith(stored, updates)
      if (stored === undefined || refused.length === 0) return
      const { forks } = await store.commit({ forks: [{ name, follows: stored.record.revision, refused, code: error.code }] })
      isForked = forks.has(name)
      if (isForked) {
        const keys = refused.map(({ writer, n }) => ({ writer, n }))
        this.#options.forked(name, keys, error)
        if (this.#purged.has(name)) await this.#options.erase([name], [])
      }
    }
  }
}

/** What a document is pushed as. */
type Part = StoredDocument & { readonly isOne: boolean }

type Refused = Pick<InFlight, 'kind' | 'name' | 'updates' | 'isOne'>

const isPushable = (one: PendingDocument): boolean => one.record.problem === null && !one.record.carry && one.updates.length > 0

function pushOf({ record, updates, isOne }: Part): InFlight {
  const upTo = new Map<string, number>()
  for (const { writer, n } of updates) upTo.set(writer, Math.max(n, upTo.get(writer) ?? 0))
  const marks = [...upTo].map(([writer, n]) => ({ writer, upTo: n }))
  const update = mergeGrouped(updates.map(({ bytes }) => bytes))
  const { name, revision, changedMs } = record
  return { kind: 'push', name, revision, changedMs, update, marks, updates, isOne }
}

function carryOf({ record, snapshot, updates }: StoredDocument): InFlight {
  const all = updates.map((update) => update.bytes)
  const marks = Object.entries(record.pending).map(([writer, range]) => ({ writer, upTo: range.to }))
  const update = mergeGrouped(snapshot === null ? all : [stateAsV1(snapshot), ...all])
  const { name, revision, changedMs } = record
  return { kind: 'carry', name, revision, changedMs, update, marks, updates: [], isOne: true }
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}
