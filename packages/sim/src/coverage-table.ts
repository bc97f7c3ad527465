/** The coverage report as lines of text. */
import type { CoverageReport } from './coverage.ts'
import { faultNames } from './profile.ts'

/** How many pairs of fault and action were hit, and either those that were not or the whole table. */
export function coverageLines(report: CoverageReport, actions: readonly string[], isWhole: boolean): string[] {
  const pairs = faultNames.flatMap((fault) => actions.map((action) => `${fault} ${action}`))
  const missed = pairs.filter((pair) => (report.pairs[pair] ?? 0) === 0)
  const share = ((pairs.length - missed.length) / pairs.length) * 100
  const lines = [`${pairs.length - missed.length} of ${pairs.length} pairs of faults and actions hit (${share.toFixed(1)} %)`]
  if (isWhole) {
    lines.push(['fault'.padEnd(14), ...actions.map((action) => action.padStart(9))].join(''))
    for (const fault of faultNames)
      lines.push([fault.padEnd(14), ...actions.map((action) => String(report.pairs[`${fault} ${action}`] ?? 0).padStart(9))].join(''))
  } else if (missed.length > 0 && missed.length <= 40) lines.push(`not hit: ${missed.join(', ')}`)
  return lines
}
