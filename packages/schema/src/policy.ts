/**
 * Policies: how the heads of a field become what is read. Data never depend on them, so a field's policy can change
 * without rewriting anything.
 */

/** How a critical field reads while its value is in conflict. */
export type Provisional = 'latest' | 'base' | 'none'

/** The latest write wins, causal order first. */
export interface LatestPolicy {
  readonly name: 'latest'
}

/** A pure function makes one value of several. */
export interface MergedPolicy {
  readonly name: 'merged'
  readonly merge: (base: unknown, values: readonly unknown[]) => unknown
}

/** A person decides. */
export interface CriticalPolicy {
  readonly name: 'critical'
  /** `null` when a reader must tell settled from open. */
  readonly provisional: Provisional | null
  /** Of several values that one signed-in user set, the latest alone stands. */
  readonly sameAuthor: 'latest' | null
  /** Equal values that were set independently are a conflict too. */
  readonly equalIsConflict: boolean
}

/** The relay, or whoever arbitrates, accepts or refuses. */
export interface ArbitratedPolicy {
  readonly name: 'arbitrated'
}

/** How a field is read. */
export type Policy = LatestPolicy | MergedPolicy | CriticalPolicy | ArbitratedPolicy

/** The policy of `latest()` and of references. */
export const latestPolicy: LatestPolicy = Object.freeze({ name: 'latest' })
/** The policy of `arbitrated()`. */
export const arbitratedPolicy: ArbitratedPolicy = Object.freeze({ name: 'arbitrated' })

/** Whether a write must say what the person was shown. */
export const needsBasis = (policy: Policy): boolean => policy.name === 'critical'
