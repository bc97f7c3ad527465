/** A closed range of neighbouring keys. */
export interface KeyRun {
  readonly from: string
  readonly to: string
}

/**
 * Covers the wanted among `existing` keys, which are in order, with at most `maxRuns` ranges.
 *
 * Ranges are cut where most unwanted keys lie between, so that few are read for nothing.
 */
export function runsOf(existing: readonly string[], wanted: ReadonlySet<string>, maxRuns: number): KeyRun[] {
  const indexes = existing.flatMap((key, index) => (wanted.has(key) ? [index] : []))
  if (indexes.length === 0) return []
  const gaps = indexes.slice(1).map((index, i) => ({ before: i + 1, unwanted: index - (indexes[i] as number) - 1 }))
  const cuts = gaps
    .filter(({ unwanted }) => unwanted > 0)
    .sort((a, b) => b.unwanted - a.unwanted)
    .slice(0, maxRuns - 1)
    .map(({ before }) => before)
    .sort((a, b) => a - b)
  const keyAt = (position: number): string => existing[indexes[position] as number] as string
  return [0, ...cuts].map((start, i) => ({ from: keyAt(start), to: keyAt((cuts[i] ?? indexes.length) - 1) }))
}
