/**
 * The hooks of an app that is simulated: asked, they think for a while, now and then fail, and let nobody in and nothing
 * through where a fault says so.
 *
 * What they keep is the app's own database: it outlives the relay, and goes by the identity of an intent, as the relay's
 * documentation asks of a hook.
 */
import type { ArbitrationRequest, RelayHooks } from '@tidemark/relay'
import type { Json } from '@tidemark/store'
import { type Dice, seededDice } from './dice.ts'
import type { Life } from './life.ts'
import type { FaultName } from './profile.ts'

/** How hooks behave at the moment. */
export interface HookTrouble {
  readonly minDelayMs: number
  readonly maxDelayMs: number
  /** Probability that one fails. */
  readonly failure: number
}

export const noHookTrouble: HookTrouble = { minDelayMs: 0, maxDelayMs: 0, failure: 0 }

/** Hooks that are not slow answer at once; the slowest think for longer than the relay waits. */
export function drawHookTrouble(seed: number, faults: ReadonlySet<FaultName>): HookTrouble {
  const dice = seededDice(seed, 'hook trouble')
  const maxDelayMs = dice.pick([300, 3_000, 15_000])
  const failure = dice.pick([0.1, 0.3, 0.6])
  return { minDelayMs: 0, maxDelayMs: faults.has('slow-hook') ? maxDelayMs : 0, failure: faults.has('flaky-hook') ? failure : 0 }
}

/** Faults that need an app with hooks. */
export const hookFaults: readonly FaultName[] = ['slow-hook', 'flaky-hook', 'closed', 'turned-away']

type Verdict = Awaited<ReturnType<NonNullable<RelayHooks['arbitrate']>>>
type Refusal = { readonly refuse: string } | undefined

/** What the app holds a field to be, and by whose intent. */
interface Held {
  readonly id: string
  readonly user: string
  readonly value: Json | undefined
}

/** Who may not write: one user, or nobody may. */
interface Closed {
  readonly user: string | null
  readonly untilMs: number
}

export interface SimulatedHooksOptions {
  readonly dice: Dice
  readonly nowMs: () => number
  /** Called when a fault of hooks bites at the device of this user, or everybody's where it is null, for so long. */
  readonly bit: (fault: FaultName, user: string | null, forMs: number) => void
}

export class SimulatedHooks {
  readonly #options: SimulatedHooksOptions
  readonly #verdicts = new Map<string, Verdict>()
  readonly #held = new Map<string, Held>()
  readonly #closed = new Map<string, Closed>()
  /** User → until when. */
  readonly #turnedAway = new Map<string, number>()
  trouble: HookTrouble

  constructor(options: SimulatedHooksOptions, trouble: HookTrouble) {
    this.#options = options
    this.trouble = trouble
  }

  /** From now on nobody, or this user, may write there, until somebody opens it. */
  close(document: string, user: string | null, untilMs: number): void {
    this.#closed.set(document, { user, untilMs })
  }

  open(document: string): void {
    this.#closed.delete(document)
  }

  isClosed(document: string, user: string): boolean {
    const closed = this.#closed.get(document)
    return closed !== undefined && (closed.user ?? user) === user
  }

  /** Lets no connection of this user in, until it may. */
  turnAway(user: string, untilMs: number): void {
    this.#turnedAway.set(user, untilMs)
  }

  welcome(user: string): void {
    this.#turnedAway.delete(user)
  }

  isTurnedAway(user: string): boolean {
    return this.#turnedAway.has(user)
  }

  /** Everything is allowed, at once, without a failure. */
  heal(): void {
    this.trouble = noHookTrouble
    this.#closed.clear()
    this.#turnedAway.clear()
  }

  /** The hooks of one life of the relay. */
  of(life: Life): RelayHooks {
    return {
      onConnect: ({ principal }) => this.#answer(life, principal, () => this.#admit(principal)),
      beforeCommit: ({ document, principal }) => this.#answer(life, principal, () => this.#gate(document, principal)),
      arbitrate: (request) => this.#answer(life, null, () => this.#arbitrate(request)),
    }
  }

  #answer<T>(life: Life, user: string | null, judge: () => T): T | Promise<T> {
    const { dice, bit } = this.#options
    const { minDelayMs, maxDelayMs, failure } = this.trouble
    const delayMs = dice.between(minDelayMs, maxDelayMs)
    const isFailing = failure > 0 && dice.chance(failure)
    // Of a gate that answers nonsense nothing is known to be wrong: it refuses nothing.
    const answer = isFailing ? (user === null ? dice.pick([failing, nonsense]) : failing) : judge
    if (isFailing) bit('flaky-hook', user, 0)
    if (delayMs > slowMs) bit('slow-hook', user, delayMs)
    return delayMs === 0 ? answer() : life.pause(delayMs).then(answer)
  }

  #admit(user: string): Refusal {
    const untilMs = this.#turnedAway.get(user)
    if (untilMs === undefined) return undefined
    this.#bit('turned-away', user, untilMs)
    return { refuse: awayReason }
  }

  #gate(document: string, user: string): Refusal {
    if (!this.isClosed(document, user)) return undefined
    this.#bit('closed', user, this.#closed.get(document)?.untilMs ?? 0)
    return { refuse: closedReason(document) }
  }

  #bit(fault: FaultName, user: string, untilMs: number): void {
    const { bit, nowMs } = this.#options
    bit(fault, user, untilMs - nowMs())
  }

  /** A value is given over what its author was shown, and to one. */
  #arbitrate({ id, document, field, value, base, current, user }: ArbitrationRequest): Verdict {
    const [key, place] = [`${document} ${id}`, `${document} ${field}`]
    const known = this.#verdicts.get(key)
    const held = this.#held.get(place)
    if (known !== undefined && (!known.accept || held?.id === id)) return known
    // Whoever proposes anew has given up what was granted before and never taken.
    const holds = held === undefined || held.user === user ? current : held.value
    const verdict: Verdict = isSame(base, holds) ? { accept: true } : { accept: false, reason: `it is ${spell(holds)} by now` }
    this.#verdicts.set(key, verdict)
    if (verdict.accept) this.#held.set(place, { id, user, value })
    return verdict
  }
}

export const closedReason = (document: string): string => `${document} is closed`
export const awayReason = 'come back later'

/** A hook that thinks for longer is slow. */
const slowMs = 100

const failing = (): never => {
  throw new Error('the simulated hook failed')
}
/** No verdict at all. */
const nonsense = <T>(): T => ({ verdict: 'perhaps' }) as T

const spell = (value: Json | undefined): string => (value === undefined ? 'free' : JSON.stringify(value))
const isSame = (a: Json | undefined, b: Json | undefined): boolean => spell(a) === spell(b)
