/**
 * What was proposed in arbitrated fields, what an app's hook said of it, and what the relay answered, by the order of its log.
 *
 * An acceptance is held against what its author was shown, which is noted when somebody proposes; nothing here asks what
 * an answer says that it was based on. A relay that was restored from a backup answers again what it no longer knows to
 * have answered, which is documented: from then on only that everybody gets an answer is still judged.
 */
import type { ArbitratedValue } from '@tidemark/schema'
import type { Json } from '@tidemark/store'
import type { ValuesByField } from './entities.ts'
import { type Appended, type Dot, entriesIn, type WriteRecord } from './ledger.ts'
import type { Asked } from './relay-hooks.ts'
import type { Logged } from './relay-host.ts'

/** Somebody proposed a value. */
export interface Proposed {
  readonly write: WriteRecord
  readonly field: string
  readonly value: Json
  /** What the field read as before; null where nobody knows what was shown. */
  readonly shown: ArbitratedValue<Json> | null
  readonly after: ArbitratedValue<Json>
}

interface Intent {
  readonly user: string
  readonly value: string
  answer: string | null
  isReplaced: boolean
}

interface Field {
  /** What was accepted last. */
  current: string
  readonly intents: Map<string, Intent>
  /** What intents name; in an update it may stand behind them. */
  readonly replaced: Set<string>
  /** Refusals that are still to be shown: intent → user. */
  readonly told: Map<string, string>
  /** The relay's client id is the same in all documents, so its dots are a document's own. */
  readonly answers: Set<string>
}

/** A thing that must not be. */
type Objection = string | null

/** Who says what becomes of a proposal: the relay by itself, a hook that goes by what was shown as the relay does, or an app's own. */
export type DecidedBy = 'relay' | 'simulated hook' | 'app'

/** For how long a hook may think before the relay asks again. */
const hookMs = 10_000

export class ArbitrationLedger {
  readonly #fieldsOf: (document: string) => ValuesByField
  readonly #isGone: (document: string) => boolean
  /** What the authors of intents were shown; client ids are used once. */
  readonly #shown = new Map<string, string>()
  readonly #fields = new Map<string, Field>()
  /** Intent → what its hook said of it. */
  readonly #said = new Map<string, Set<string>>()
  /** Documents about which a hook is thinking. */
  readonly #thinking = new Map<string, Asked>()
  #isRestored = false
  decidedBy: DecidedBy = 'relay'

  /** @param isGone whether nobody has to be answered in a document any more. */
  constructor(fieldsOf: (document: string) => ValuesByField, isGone: (document: string) => boolean) {
    this.#fieldsOf = fieldsOf
    this.#isGone = isGone
  }

  proposed({ write, field, shown }: Proposed): void {
    const entry = write.appended.find(({ f, k }) => f === field && k === 'propose')
    if (entry !== undefined && shown !== null) this.#shown.set(keyOf(entry.i), spell(shown.value))
  }

  restored(): void {
    this.#isRestored = true
  }

  /** A hook is asked: once the intent is durable, and about one at a time in a document. */
  asked(asked: Asked): Objection {
    const { life, atMs, request } = asked
    const { document, field, id } = request
    const other = this.#thinking.get(document)
    this.#thinking.set(document, asked)
    if (!this.#intents(document, field).has(id)) return `a hook is asked about ${id} in ${document}, which is not in the log`
    if (other === undefined || other.life !== life || atMs - other.atMs >= hookMs) return null
    return `a hook is asked about ${id} in ${document} while it thinks about ${other.request.id}`
  }

  /** Null where the hook failed. */
  said(asked: Asked, verdict: unknown): void {
    const { document, id } = asked.request
    if (this.#thinking.get(document) === asked) this.#thinking.delete(document)
    const { accept, reason } = (verdict ?? {}) as { readonly accept?: boolean; readonly reason?: string }
    const key = `${document} ${id}`
    this.#said.set(key, (this.#said.get(key) ?? new Set()).add(accept === true ? 'accept' : `refuse ${reason}`))
  }

  /** Takes an update as the log has it; gives what is wrong with the answers in it. */
  logged({ document, decoded }: Logged): readonly string[] {
    const fields = this.#fieldsOf(document)
    if (fields.size === 0) return []
    return entriesIn(decoded).flatMap((entry) => {
      if (!fields.has(entry.f)) return []
      const place = `${document} ${entry.f}`
      const field = this.#fields.get(place) ?? {
        current: spell(undefined),
        intents: new Map(),
        replaced: new Set(),
        told: new Map(),
        answers: new Set(),
      }
      this.#fields.set(place, field)
      const objection = entry.k === 'propose' ? this.#noteIntent(field, entry) : this.#noteAnswer(document, field, entry)
      return objection === null || this.#isRestored ? [] : [`${document}.${entry.f}: ${objection}`]
    })
  }

  /** Intents in the log that nobody answered or replaced. */
  waiting(document: string, field: string): readonly string[] {
    return [...this.#intents(document, field)].filter(([, { answer, isReplaced }]) => answer === null && !isReplaced).map(([key]) => key)
  }

  /** Whether an intent in the log waits for its answer. */
  get isOpen(): boolean {
    const held = [...this.#fields].filter(([place]) => !this.#isGone(place.slice(0, place.indexOf(' '))))
    return held.some(([, { intents }]) => [...intents.values()].some(({ answer, isReplaced }) => answer === null && !isReplaced))
  }

  /** The refusals that are to be shown; null where that is not known. */
  told(document: string, field: string): readonly string[] | null {
    return this.#isRestored ? null : [...(this.#fields.get(`${document} ${field}`)?.told.keys() ?? [])]
  }

  #intents(document: string, field: string): ReadonlyMap<string, Intent> {
    return this.#fields.get(`${document} ${field}`)?.intents ?? new Map<string, Intent>()
  }

  #noteIntent({ intents, replaced, told }: Field, { i, v, o, by }: Appended): Objection {
    const key = keyOf(i)
    if (intents.has(key)) return null
    intents.set(key, { user: by, value: spell(v), answer: null, isReplaced: replaced.has(key) })
    for (const dot of o) {
      replaced.add(keyOf(dot))
      const before = intents.get(keyOf(dot))
      if (before !== undefined) before.isReplaced = true
      // A refusal is known by the intent that it refused.
      for (const [refused] of [...told]) if (intents.get(refused)?.answer === keyOf(dot)) told.delete(refused)
    }
    return null
  }

  #noteAnswer(document: string, field: Field, { i, k, v, o, why }: Appended): Objection {
    const answer = keyOf(i)
    if (field.answers.has(answer)) return null
    field.answers.add(answer)
    const key = o.map(keyOf).find((dot) => field.intents.has(dot))
    const intent = key === undefined ? undefined : field.intents.get(key)
    if (key === undefined || intent === undefined) return 'an answer to what nobody proposed'
    const [before, shown] = [field.current, this.#shown.get(key)]
    const isAgain = intent.answer !== null
    intent.answer = answer
    if (k === 'accept') {
      field.current = spell(v)
      for (const [refused, user] of [...field.told]) if (user === intent.user) field.told.delete(refused)
    } else field.told.set(key, intent.user)
    if (isAgain) return `${intent.value} of ${intent.user} was answered before`
    if (intent.isReplaced) return `${intent.value} of ${intent.user} was answered though its author had replaced it`
    const said = k === 'accept' ? k : `refuse ${why}`
    if (this.decidedBy !== 'relay' && this.#said.get(`${document} ${key}`)?.has(said) !== true)
      return `the answer to ${intent.value} of ${intent.user} is "${said}", which its hook did not say`
    if (k !== 'accept') return null
    if (field.current !== intent.value) return `${intent.value} of ${intent.user} was accepted as ${field.current}`
    if (shown === undefined || shown === before || this.decidedBy === 'app') return null
    return `${intent.value} of ${intent.user} was accepted over ${before}, where its author was shown ${shown}`
  }
}

const keyOf = ([client, clock]: Dot): string => `${client}.${clock}`
const spell = (value: Json | undefined): string => (value === undefined ? 'nothing' : JSON.stringify(value))
