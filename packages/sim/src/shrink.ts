/**
 * Shrinks a failing run to few steps: parts are left out for as long as the same oracle still fails (delta debugging,
 * Zeller and Hildebrandt, 2002), then waits are shortened.
 */
import { runSteps, type SimulationOptions } from './simulate.ts'
import type { Step } from './step.ts'

export interface Shrunk {
  readonly steps: readonly Step[]
  readonly oracle: string
  readonly runs: number
}

export interface ShrinkOptions extends SimulationOptions {
  readonly seed: number
  /** Runs at most. */
  readonly maxRuns?: number
  /** Options made anew for each run, such as wrappers with a memory. */
  readonly fresh?: () => Partial<SimulationOptions>
  /** Called behind each run. */
  readonly onRun?: (runs: number, steps: number) => void
}

/** The shortest part of `steps` that was found to fail by `oracle` too. */
export async function shrink(steps: readonly Step[], oracle: string, options: ShrinkOptions): Promise<Shrunk> {
  const { maxRuns = 400, onRun, fresh } = options
  let best = steps
  let runs = 0
  const fails = async (candidate: readonly Step[]): Promise<boolean> => {
    if (runs >= maxRuns || candidate.length === 0) return false
    runs++
    const { failures } = await runSteps(candidate, { ...options, ...fresh?.() })
    const isSame = failures.some((failure) => failure.oracle === oracle)
    if (isSame) best = candidate
    onRun?.(runs, best.length)
    return isSame
  }
  for (let size = Math.ceil(best.length / 2); size >= 1 && runs < maxRuns; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let from = 0; from < best.length; ) {
      const without = [...best.slice(0, from), ...best.slice(from + size)]
      // A pause that is left out with its step may be what mattered; it goes over to the next one.
      if (!(await fails(without)) && !(await fails(withPause(best, from, size)))) from += size
    }
  }
  await shortenWaits()
  return { steps: best, oracle, runs }

  async function shortenWaits(): Promise<void> {
    for (let i = 0; i < best.length; i++) {
      for (const factor of [0, 0.1, 0.5]) {
        const step = best[i] as Step
        const shorter = best.with(i, { ...step, afterMs: Math.floor(step.afterMs * factor) })
        if (step.afterMs > 0 && (await fails(shorter))) break
      }
    }
  }
}

/** `steps` without `size` of them from `from` on, whose pauses go over to the step behind. */
function withPause(steps: readonly Step[], from: number, size: number): readonly Step[] {
  const next = steps[from + size]
  const pauseMs = steps.slice(from, from + size).reduce((sum, step) => sum + step.afterMs, 0)
  if (next === undefined || pauseMs === 0) return []
  return [...steps.slice(0, from), { ...next, afterMs: next.afterMs + pauseMs }, ...steps.slice(from + size + 1)]
}
