/**
 * What may be said beyond the first build of version 1, and how two builds find out about it.
 *
 * The relay names what it offers in `features`, ahead of `welcome`; a client that reads it names what it understands, right
 * behind. Who does not know the message steps over it. A type that is only ever an answer needs no such agreement; what stands
 * in the place of something else, as `stale` does, is said only to who understands it.
 */

/**
 * | feature | what it allows |
 * | --- | --- |
 * | state | `subscribe`, `unsubscribe`, and their answer `state` |
 * | scope | `scope`: only chosen documents are sent |
 * | stale | `stale` in a listing by document, in place of large states |
 * | audit | `audit`, and its answer `lacking` |
 * | slow | `slow` |
 * | purged | `purged` |
 * | awareness | `awareness`, both ways |
 */
export const features = ['state', 'scope', 'stale', 'audit', 'slow', 'purged', 'awareness'] as const

export type Feature = (typeof features)[number]

/** Those of `names` that this build knows. */
export const knownFeatures = (names: readonly string[]): ReadonlySet<Feature> => new Set(features.filter((name) => names.includes(name)))
