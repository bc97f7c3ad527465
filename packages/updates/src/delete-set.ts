/**
 * Delete sets: which clocks of which clients are deleted.
 *
 * State vectors do not cover deletions, so whoever wants to know what a replica lacks needs both.
 *
 * Invariant: the ranges of a client are sorted, apart from each other and not empty, kept flat as
 * `[start, end, start, end, …]` with `end` exclusive.
 */
export type DeleteSet = Map<number, number[]>

/** Adds `start` (inclusive) to `end` (exclusive) of `client`. */
export function addRange(set: DeleteSet, client: number, start: number, end: number): void {
  if (end <= start) return
  const ranges = set.get(client)
  if (ranges === undefined) {
    set.set(client, [start, end])
    return
  }
  const last = ranges.length - 1
  if (start > (ranges[last] as number)) {
    ranges.push(start, end)
    return
  }
  // The first range that ends at or behind `start`, and the first that begins behind `end`, bound what melts together.
  const from = firstEndingAtOrBehind(ranges, start)
  let to = from
  while (to < ranges.length && (ranges[to] as number) <= end) to += 2
  if (from === to) ranges.splice(from, 0, start, end)
  else ranges.splice(from, to - from, Math.min(start, ranges[from] as number), Math.max(end, ranges[to - 1] as number))
}

/**
 * Adds many ranges, which keep this file's invariant.
 *
 * One by one each would move everything behind it, which takes a hostile update seconds.
 */
export function addRanges(set: DeleteSet, client: number, added: readonly number[]): void {
  const ranges = set.get(client)
  if (ranges === undefined) set.set(client, [...added])
  else if (added.length <= fewNumbers) {
    for (let i = 0; i < added.length; i += 2) addRange(set, client, added[i] as number, added[i + 1] as number)
  } else set.set(client, joined(ranges, added))
}

/** Ranges in any order, as this file keeps them: sorted, and those that touch melted together. */
export function normalRanges(ranges: number[]): number[] {
  let isNormal = true
  for (let i = 2; i < ranges.length && isNormal; i += 2) isNormal = (ranges[i] as number) > (ranges[i - 1] as number)
  if (isNormal) return ranges
  const starts = Array.from({ length: ranges.length / 2 }, (_, i) => i * 2).sort((a, b) => (ranges[a] as number) - (ranges[b] as number))
  const normal: number[] = []
  for (const at of starts) extend(normal, ranges[at] as number, ranges[at + 1] as number)
  return normal
}

/** Up to here ranges are added one by one. */
const fewNumbers = 64

function joined(a: readonly number[], b: readonly number[]): number[] {
  const both: number[] = []
  for (let i = 0, j = 0; i < a.length || j < b.length; ) {
    const isA = j >= b.length || (i < a.length && (a[i] as number) <= (b[j] as number))
    if (isA) extend(both, a[i++] as number, a[i++] as number)
    else extend(both, b[j++] as number, b[j++] as number)
  }
  return both
}

/** Puts a range behind others that begin no later. */
function extend(ranges: number[], start: number, end: number): void {
  const last = ranges.length - 1
  if (last > 0 && start <= (ranges[last] as number)) ranges[last] = Math.max(ranges[last] as number, end)
  else ranges.push(start, end)
}

/** The parts of `start` to `end` that are not in `ranges`, flat. */
export function subtractRanges(start: number, end: number, ranges: readonly number[] | undefined): number[] {
  const left: number[] = []
  let at = start
  if (ranges !== undefined) {
    for (let i = firstEndingAtOrBehind(ranges, start + 1); i < ranges.length && (ranges[i] as number) < end; i += 2) {
      if ((ranges[i] as number) > at) left.push(at, ranges[i] as number)
      at = Math.max(at, ranges[i + 1] as number)
    }
  }
  if (at < end) left.push(at, end)
  return left
}

/** How many pairs of numbers stand in flat lists of them. */
export function countRanges(lists: ReadonlyMap<number, readonly number[]>): number {
  let numbers = 0
  for (const list of lists.values()) numbers += list.length
  return numbers / 2
}

/** What `a` deletes and `b` does not. */
export function deleteSetDifference(a: DeleteSet, b: DeleteSet): DeleteSet {
  const difference: DeleteSet = new Map()
  for (const [client, ranges] of a) {
    const known = b.get(client)
    for (let i = 0; i < ranges.length; i += 2) {
      const left = subtractRanges(ranges[i] as number, ranges[i + 1] as number, known)
      for (let j = 0; j < left.length; j += 2) addRange(difference, client, left[j] as number, left[j + 1] as number)
    }
  }
  return difference
}

/** The index of the first range whose end is at or behind `clock`. */
function firstEndingAtOrBehind(ranges: readonly number[], clock: number): number {
  let low = 0
  let high = ranges.length / 2
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((ranges[middle * 2 + 1] as number) < clock) low = middle + 1
    else high = middle
  }
  return low * 2
}
