/**
 * The hooks of an app that is simulated: asked, they think for a while, and now and then fail.
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

type Verdict = Awaited<ReturnType<NonNullable<RelayHooks['arbitrate']>>>

/** What the app holds a field to be, and by whose intent. */
interface Held {
  readonly id: string
  readonly user: string
  readonly value: Json | undefined
}

export interface SimulatedHooksOptions {
  readonly dice: Dice
  /** Called when a fault of hooks bites, for so long. */
  readonly bit: (fault: FaultName, forMs: number) => void
}

export class SimulatedHooks {
  readonly #options: SimulatedHooksOptions
  readonly #verdicts = new Map<string, Verdict>()
  readonly #held = new Map<string, Held>()
  trouble: HookTrouble

  constructor(options: SimulatedHooksOptions, trouble: HookTrouble) {
    this.#options = options
    this.trouble = trouble
  }

  /** The hooks of one life of the relay. */
  of(life: Life): RelayHooks {
    return { arbitrate: (request) => this.#answer(life, () => this.#arbitrate(request)) }
  }

  #answer<T>(life: Life, judge: () => T): T | Promise<T> {
    const { dice, bit } = this.#options
    const { minDelayMs, maxDelayMs, failure } = this.trouble
    const delayMs = dice.between(minDelayMs, maxDelayMs)
    const isFailing = failure > 0 && dice.chance(failure)
    const answer = isFailing ? dice.pick([failing, nonsense]) : judge
    if (isFailing) bit('flaky-hook', 0)
    if (delayMs > slowMs) bit('slow-hook', delayMs)
    return delayMs === 0 ? answer() : life.pause(delayMs).then(answer)
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

/** A hook that thinks for longer is slow. */
const slowMs = 100

const failing = (): never => {
  throw new Error('the simulated hook failed')
}
/** No verdict at all. */
const nonsense = <T>(): T => ({ verdict: 'perhaps' }) as T

const spell = (value: Json | undefined): string => (value === undefined ? 'free' : JSON.stringify(value))
const isSame = (a: Json | undefined, b: Json | undefined): boolean => spell(a) === spell(b)
