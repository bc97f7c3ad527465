/**
 * Which kinds of action met which kinds of fault, so that a fault that never bites shows.
 *
 * A pair is hit when the action really did something on a device within a few seconds of a moment in which the fault
 * really changed what happened to that device or to the relay: a commit that failed, a message that was held, a
 * connection that broke. A fault that found nothing to disturb does not count.
 */
export interface CoverageReport {
  /** How often each fault bit; how often each action did something. */
  readonly faults: Readonly<Record<string, number>>
  readonly actions: Readonly<Record<string, number>>
  /** `fault action` → how often. */
  readonly pairs: Readonly<Record<string, number>>
  /** How many seeds had the fault on, and in how many of them it never bit. */
  readonly drawn: Readonly<Record<string, number>>
  readonly idle: Readonly<Record<string, number>>
}

/** How far apart an action and the bite of a fault may be. */
const windowMs = 5_000
/** Bites of one fault at one place that come closer than this are one. */
const restMs = 500

/** What happens to the relay happens to everybody. */
export const everybody = '*'

interface Done {
  readonly verb: string
  readonly device: string
  readonly atMs: number
}

export class Coverage {
  readonly #faults = new Map<string, number>()
  readonly #actions = new Map<string, number>()
  readonly #pairs = new Map<string, number>()
  /** `fault` → place → until when it was last felt there. */
  readonly #felt = new Map<string, Map<string, number>>()
  readonly #drawn: Iterable<string>
  #recent: Done[] = []

  constructor(drawn: Iterable<string>) {
    this.#drawn = drawn
  }

  /** The fault changes what happens to a device now, and goes on doing so for `forMs`. */
  bit(fault: string, device: string, nowMs: number, forMs = 0): void {
    const places = this.#felt.get(fault) ?? new Map<string, number>()
    this.#felt.set(fault, places)
    const before = places.get(device) ?? Number.NEGATIVE_INFINITY
    places.set(device, Math.max(before, nowMs + forMs))
    if (nowMs < before + restMs) return
    add(this.#faults, fault)
    this.#recent = this.#recent.filter(({ atMs }) => atMs >= nowMs - windowMs)
    for (const done of this.#recent) if (device === everybody || device === done.device) add(this.#pairs, `${fault} ${done.verb}`)
  }

  /** An action did something. */
  did(verb: string, device: string, nowMs: number): void {
    add(this.#actions, verb)
    for (const [fault, places] of this.#felt) {
      const untilMs = Math.max(places.get(device) ?? Number.NEGATIVE_INFINITY, places.get(everybody) ?? Number.NEGATIVE_INFINITY)
      if (untilMs >= nowMs - windowMs) add(this.#pairs, `${fault} ${verb}`)
    }
    this.#recent.push({ verb, device, atMs: nowMs })
  }

  report(): CoverageReport {
    const drawn = [...this.#drawn]
    return {
      faults: Object.fromEntries(this.#faults),
      actions: Object.fromEntries(this.#actions),
      pairs: Object.fromEntries(this.#pairs),
      drawn: Object.fromEntries(drawn.map((name) => [name, 1])),
      idle: Object.fromEntries(drawn.filter((name) => !this.#faults.has(name)).map((name) => [name, 1])),
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
    drawn: sum(reports.map((one) => one.drawn)),
    idle: sum(reports.map((one) => one.idle)),
  }
}
