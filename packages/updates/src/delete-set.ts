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
