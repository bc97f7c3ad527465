/**
 * Receipts: what a write resolves to.
 *
 * `saved` and `confirmed` are observed from the start, so a receipt that nobody awaits never raises an
 * unhandled rejection; a failure is in the status too.
 */
import { type Clock, isErrorCode, TidemarkError } from '@tidemark/base'
import type { Acknowledged, LocalStore } from '@tidemark/store'
import type { StoredAt } from './saver.ts'
import { within } from './settled.ts'
import type { UpdateKey } from './sync/branching.ts'

export interface Receipt {
  /** Resolves when the write is in this browser's database. Rejects only when the space closes before that. */
  readonly saved: Promise<void>
  /**
   * Resolves when the relay has the write on stable storage; stays open while offline.
   * Rejects with the reason when the relay refuses the write, and with `client/closed` when the space closes first.
   */
  readonly confirmed: Promise<void>
  /**
   * `confirmed`, and `client/not-confirmed` after `timeoutMs`: the write then goes on waiting, and may still be confirmed.
   * For what must not be done twice or on an assumption: `docs/guide/synchronising.md`.
   */
  confirmedWithin(timeoutMs: number): Promise<void>
}

interface Expected {
  readonly n: number
  resolve(): void
  reject(error: TidemarkError): void
}

/** Knows which of this tab's writes the relay has, and settles the receipts that wait for it. */
export class Confirmations {
  readonly #writer: string
  readonly #expected = new Map<string, Expected[]>()
  /** Document → the highest number of this writer that is acknowledged. */
  readonly #upTo = new Map<string, number>()
  /** Documents that the relay refuses, until something of them is acknowledged or tried again. */
  readonly #refusals = new Map<string, TidemarkError>()
  readonly #clock: Pick<Clock, 'schedule'>
  readonly #store: Pick<LocalStore, 'load' | 'refused'>
  /** Why a document forked last: what is written on a branch that has ended is refused too. */
  readonly #forks = new Map<string, TidemarkError>()
  /** Numbers of this writer that were taken out of their document: a later acknowledgement does not cover them. */
  readonly #gone = new Map<number, TidemarkError>()
  /** Refusals that other tabs told of, while it is looked up whether they are so still. */
  readonly #heard = new Map<string, TidemarkError>()
  #finding: Promise<void> | null = null
  #isClosed = false

  constructor(writer: string, clock: Pick<Clock, 'schedule'>, store: Pick<LocalStore, 'load' | 'refused'>) {
    this.#writer = writer
    this.#clock = clock
    this.#store = store
  }

  /** `names`: the documents of which the relay took something; a refusal of before counts no more there, whoever wrote. */
  acknowledged(items: readonly Acknowledged[], names: readonly string[] = []): void {
    // A number that is acknowledged covers those below it, but for the refused ones, which are being looked up.
    if (this.#finding === null) this.#acknowledge(items, names)
    else void this.#finding.then(() => this.#acknowledge(items, names))
  }

  #acknowledge(items: readonly Acknowledged[], names: readonly string[]): void {
    this.#forget(names)
    for (const { name, writer, upTo } of items) {
      if (writer !== this.#writer) continue
      this.#upTo.set(name, Math.max(upTo, this.#upTo.get(name) ?? 0))
      const expected = this.#expected.get(name) ?? []
      this.#keep(
        name,
        expected.filter((one) => one.n > upTo),
      )
      for (const one of expected) if (one.n <= upTo) one.resolve()
    }
  }

  refused(name: string, error: TidemarkError): void {
    this.#refusals.set(name, error)
    const expected = this.#expected.get(name) ?? []
    this.#keep(name, [])
    for (const one of expected) one.reject(error)
  }

  /** These updates were taken out of the document; what else waits goes on waiting. */
  forked(name: string, updates: readonly UpdateKey[], error: TidemarkError): void {
    this.#forks.set(name, error)
    const gone = new Set(updates.flatMap(({ writer, n }) => (writer === this.#writer ? [n] : [])))
    for (const n of gone) this.#gone.set(n, error)
    const expected = this.#expected.get(name) ?? []
    this.#keep(
      name,
      expected.filter(({ n }) => !gone.has(n)),
    )
    for (const one of expected) if (gone.has(one.n)) one.reject(error)
  }

  /** What was refused, of these documents or of all, is tried again: writes from now on are awaited. */
  retried(names: readonly string[] | null): void {
    this.#forget(names ?? [...this.#refusals.keys(), ...this.#heard.keys()])
  }

  /** Another tab told of a refusal. A tab that was frozen hears of it late, when it may long have been tried again. */
  async heardRefused(name: string, error: TidemarkError): Promise<void> {
    this.#heard.set(name, error)
    const isRefused = await this.#store.load([name]).then(
      (stored) => stored.get(name)?.record.problem != null,
      () => true,
    )
    if (this.#heard.get(name) !== error || this.#isClosed) return
    this.#heard.delete(name)
    if (isRefused) this.refused(name, error)
  }

  #forget(names: readonly string[]): void {
    for (const name of names) {
      this.#refusals.delete(name)
      this.#heard.delete(name)
    }
  }

  /** Settles the writes that are no longer behind their document's mark, whoever told of their acknowledgement or refusal. */
  find(): Promise<void> {
    const finding = this.#find()
    // reason: whoever called hears of a failure; what is acknowledged meanwhile only waits for its end.
    const ended = finding
      .catch(() => undefined)
      .then(() => {
        if (this.#finding === ended) this.#finding = null
      })
    this.#finding = ended
    return finding
  }

  async #find(): Promise<void> {
    const waiting = new Map([...this.#expected].map(([name, expected]) => [name, expected.map((one) => one.n)]))
    if (waiting.size === 0) return
    // The refused ones after the others: what is refused between the two is taken for one that waits still, and told of later.
    const stored = await this.#store.load([...waiting.keys()])
    for (const { name, code, updates } of await this.#store.refused()) {
      const reason = code !== null && isErrorCode(code) ? code : 'relay/refused'
      if (waiting.has(name)) this.forked(name, updates, new TidemarkError(reason, `the relay refused a change of ${name}`))
    }
    const items = [...stored.values()].flatMap(({ record }): Acknowledged[] => {
      const from = record.pending[this.#writer]?.from ?? Number.POSITIVE_INFINITY
      const done = (waiting.get(record.name) ?? []).filter((n) => n < from)
      return done.length === 0 ? [] : [{ name: record.name, writer: this.#writer, upTo: Math.max(...done), seq: record.lastSeq }]
    })
    this.#acknowledge(items, [])
  }

  close(): void {
    this.#isClosed = true
    for (const name of [...this.#expected.keys()]) this.refused(name, closedError())
  }

  /** The receipt of writes that will be stored at `stored`; of none at all when the write changed nothing. */
  receipt(stored: readonly Promise<StoredAt>[]): Receipt {
    const saved = Promise.all(stored)
    const confirmed = saved.then((places) => Promise.all(places.map((at) => this.#confirmation(at))))
    const done = observed(confirmed)
    return { saved: observed(saved), confirmed: done, confirmedWithin: (timeoutMs) => within(done, timeoutMs, this.#clock) }
  }

  /** The receipt of nothing: settled, and shared, since a space may open thousands of documents. */
  readonly settled: Receipt = this.receipt([])

  #confirmation({ name, n, isAside }: StoredAt): Promise<void> {
    if (isAside) return Promise.reject(this.#forks.get(name) ?? onEndedBranch(name))
    const taken = this.#gone.get(n)
    if (taken !== undefined) return Promise.reject(taken)
    if (n <= (this.#upTo.get(name) ?? 0)) return Promise.resolve()
    const refusal = this.#isClosed ? closedError() : this.#refusals.get(name)
    if (refusal !== undefined) return Promise.reject(refusal)
    return new Promise((resolve, reject) => {
      const expected = this.#expected.get(name) ?? []
      expected.push({ n, resolve, reject })
      this.#expected.set(name, expected)
    })
  }

  #keep(name: string, expected: Expected[]): void {
    if (expected.length === 0) this.#expected.delete(name)
    else this.#expected.set(name, expected)
  }
}

const onEndedBranch = (name: string): TidemarkError =>
  new TidemarkError('relay/refused', `it builds on a change of ${name} that the relay refused`)

const closedError = (): TidemarkError => new TidemarkError('client/closed', 'the space was closed before the relay confirmed this write')

function observed(promise: Promise<unknown>): Promise<void> {
  const done = promise.then(() => undefined)
  done.catch(() => undefined)
  return done
}
