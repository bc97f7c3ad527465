/**
 * Candidates: the values that stand in a field now, each with everybody who set it.
 *
 * Invariants
 * 1. A pure function of the heads and the declared policy: same heads, same candidates in the same order, everywhere.
 * 2. Every head is in one candidate, but a withdrawal beside a value, and what `sameAuthor` passes over.
 */
import { compareEntries, type KnownEntry } from './entry.ts'
import { canonicalJson } from './json.ts'
import type { CriticalPolicy } from './policy.ts'

/** Heads of equal value, in order; the least one names the group. */
export type Group = readonly [KnownEntry, ...KnownEntry[]]

/** What of a critical policy says which heads are one candidate. */
export type Grouping = Pick<CriticalPolicy, 'sameAuthor' | 'equalIsConflict'>

const spelling = (entry: KnownEntry): string => (entry.v === undefined ? '' : canonicalJson(entry.v))

/** Groups `heads`, which are in order. Withdrawals stand only where nothing else does. */
export function groupHeads(heads: readonly KnownEntry[], grouping: Grouping): readonly Group[] {
  if (heads.length === 1) return [heads as unknown as Group]
  const groups = new Map<string, [KnownEntry, ...KnownEntry[]]>()
  for (const head of candidateHeads(heads, grouping)) {
    const key = grouping.equalIsConflict && head.k === 'set' ? `${head.key}:${spelling(head)}` : spelling(head)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [head])
    else group.push(head)
  }
  return [...groups.values()]
}

function candidateHeads(heads: readonly KnownEntry[], { sameAuthor }: Grouping): readonly KnownEntry[] {
  const standing = standingHeads(heads)
  if (sameAuthor !== 'latest') return standing
  const latestOf = new Map<string, KnownEntry>()
  for (const head of standing) if (isOwnSet(head)) latestOf.set(head.by, head)
  return standing.filter((head) => !isOwnSet(head) || latestOf.get(head.by) === head)
}

const isOwnSet = (head: KnownEntry): boolean => head.k === 'set' && head.by !== ''

/** The heads that are values: all but withdrawals, and withdrawals where nothing else stands. */
export function standingHeads(heads: readonly KnownEntry[]): readonly KnownEntry[] {
  const standing = heads.filter((head) => head.k !== 'withdraw')
  return standing.length > 0 ? standing : heads
}

/** The same heads, in order of stamp and dot. */
export const inOrder = (heads: readonly KnownEntry[]): readonly KnownEntry[] => (heads.length < 2 ? heads : [...heads].sort(compareEntries))
