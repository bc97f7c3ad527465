/** The relay's hooks under test: an app's own, or simulated ones; what they are asked and say is told. */
import type { Clock, Random } from '@tidemark/base'
import type { ArbitrationRequest, RelayHooks } from '@tidemark/relay'
import type { Life } from './life.ts'

/** What hooks have of the world: each life of the relay has its own. */
export interface HookSurroundings {
  /** Virtual time; what waits by it never wakes when the relay dies. */
  readonly clock: Clock
  readonly random: Random
}

/** Makes the hooks of one life of the relay. What they remember across lives stands in a closure around it, as an app's database does. */
export type HooksUnderTest = (relay: HookSurroundings) => RelayHooks

/** An `arbitrate` that is asked about an intent, and what it says. */
export interface Asked {
  /** The life of the relay. */
  readonly life: string
  readonly atMs: number
  readonly request: ArbitrationRequest
}

export interface HookWitness {
  asked(asked: Asked): void
  /** `verdict` is null where the hook failed. */
  said(asked: Asked, verdict: unknown): void
}

export function witnessed(hooks: RelayHooks, life: Life, nowMs: () => number, witness: HookWitness): RelayHooks {
  const { arbitrate } = hooks
  if (arbitrate === undefined) return hooks
  return {
    ...hooks,
    arbitrate: (request) => {
      const asked: Asked = { life: life.name, atMs: nowMs(), request }
      witness.asked(asked)
      return heard(
        () => arbitrate(request),
        (verdict) => {
          if (life.isAlive) witness.said(asked, verdict)
        },
      )
    },
  }
}

/** Runs a hook and hears what it says, at once or later. */
function heard<T>(run: () => T | Promise<T>, hear: (answer: T | null) => void): T | Promise<T> {
  try {
    const answer = run()
    if (answer instanceof Promise) answer.then(hear, () => hear(null))
    else hear(answer)
    return answer
  } catch (error) {
    hear(null)
    throw error
  }
}
