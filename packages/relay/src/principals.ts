/**
 * What one principal has open and uses over all of its connections.
 *
 * Where nobody signs in, all are one principal: then only each connection's own bounds hold.
 */
import { type Clock, TidemarkError } from '@tidemark/base'
import type { RelayBounds } from './limits.ts'
import { Bucket, type Costs } from './pacer.ts'
import { anonymous } from './sign-in.ts'

/** The rates of one connection or principal. */
export interface Rates {
  /** What an update of so many bytes costs. */
  update(bytes: number): Costs
  /** What the request for a document's state costs. */
  request(): Costs
}

export function createRates(clock: Clock, { updateRate, byteRate, requestRate }: RelayBounds, factor = 1): Rates {
  const scaled = ({ perSecond, burst }: RelayBounds['updateRate']) =>
    new Bucket(clock, { perSecond: perSecond * factor, burst: burst * factor })
  const [updates, bytes, requests] = [scaled(updateRate), scaled(byteRate), scaled(requestRate)]
  return {
    update: (size) => [
      [updates, 1],
      [bytes, size],
    ],
    request: () => [[requests, 1]],
  }
}

interface Use {
  sessions: number
  readonly rates: Rates
}

const none: Rates = { update: () => [], request: () => [] }

export class Principals {
  readonly #clock: Clock
  readonly #bounds: RelayBounds
  readonly #uses = new Map<string, Use>()

  constructor(clock: Clock, bounds: RelayBounds) {
    this.#clock = clock
    this.#bounds = bounds
  }

  /**
   * Counts one more connection, until `leave`; gives the rates that its connections share.
   *
   * @throws {TidemarkError} `relay/limit` when it has as many as it may.
   */
  enter(principal: string): Rates {
    if (principal === anonymous.principal) return none
    const use = this.#uses.get(principal) ?? {
      sessions: 0,
      rates: createRates(this.#clock, this.#bounds, this.#bounds.principalRateFactor),
    }
    if (use.sessions >= this.#bounds.maxSessionsPerPrincipal) {
      throw new TidemarkError('relay/limit', `${use.sessions} connections of one user are open`)
    }
    use.sessions++
    this.#uses.set(principal, use)
    return use.rates
  }

  leave(principal: string): void {
    const use = this.#uses.get(principal)
    if (use === undefined) return
    use.sessions--
    // Who comes back at once has a full bucket again; the bound on connections from one address keeps that from paying.
    if (use.sessions === 0) this.#uses.delete(principal)
  }
}
