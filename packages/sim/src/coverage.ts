/**
 * Which kinds of action met which kinds of fault, so that a fault that never bites shows.
 *
 * A pair is hit when the action happens while the fault is active, or shortly after a fault of a moment.
 */
export interface CoverageReport {
  readonly faults: Readonly<Record<string, number>>
  readonly actions: Readonly<Record<string, number>>
  /** `fault action` → how often. */
  readonly pairs: Readonly<Record<string, number>>
}

/** For how long a fault of a moment counts as active. */
const momentMs = 5_000

export class Coverage {
  readonly #faults = new Map<string, number>()
  readonly #actions = new Map<string, number>()
  readonly #pairs = new Map<string, number>()
  readonly #activeUntilMs = new Map<string, number>()

  fault(name: string, nowMs: number, forMs: number): void {
    add(this.#faults, name)
    this.#activeUntilMs.set(name, Math.max(this.#activeUntilMs.get(name) ?? 0, nowMs + Math.max(forMs, momentMs)))
  }

  action(name: string, nowMs: number): void {
    add(this.#actions, name)
    for (const [fault, untilMs] of this.#activeUntilMs) if (untilMs >= nowMs) add(this.#pairs, `${fault} ${name}`)
  }

  report(): CoverageReport {
    return {
      faults: Object.fromEntries(this.#faults),
      actions: Object.fromEntries(this.#actions),
      pairs: Object.fromEntries(this.#pairs),
    }
  }
}

const add = (counts: Map<string, number>, key: string): void => void counts.set(key, (counts.get(key) ?? 0) + 1)

/** The sum of several reports. */
export function sumCoverage(reports: readonly CoverageReport[]): CoverageReport {
  const sum = (parts: readonly Readonly<Record<string, number>>[]): Record<string, number> => {
    const counts = new Map<string, number>()
    for (const part of parts) for (const [key, count] of Object.entries(part)) counts.set(key, (counts.get(key) ?? 0) + count)
    return Object.fromEntries(counts)
  }
  return {
    faults: sum(reports.map((one) => one.faults)),
    actions: sum(reports.map((one) => one.actions)),
    pairs: sum(reports.map((one) => one.pairs)),
  }
}
