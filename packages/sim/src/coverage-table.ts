/** The coverage report as lines of text. */
import type { CoverageReport } from './coverage.ts'
import { faultNames } from './profile.ts'

/** How many pairs of fault and action were hit, which faults never bit, and those that were not hit or the whole table. */
export function coverageLines(report: CoverageReport, actions: readonly string[], isWhole: boolean): string[] {
  const faults = faultNames.filter((name) => (report.drawn[name] ?? 0) > 0)
  if (faults.length === 0) return []
  const pairs = faults.flatMap((fault) => actions.map((action) => `${fault} ${action}`))
  const missed = pairs.filter((pair) => (report.pairs[pair] ?? 0) === 0)
  const share = ((pairs.length - missed.length) / pairs.length) * 100
  const lines = [`${pairs.length - missed.length} of ${pairs.length} pairs of faults and actions hit (${share.toFixed(1)} %)`]
  const never = faults.filter((name) => (report.faults[name] ?? 0) === 0)
  if (never.length > 0) lines.push(`faults that never bit: ${never.join(', ')}`)
  if (isWhole) lines.push(...table(report, faults, actions))
  else if (missed.length > 0 && missed.length <= 60) lines.push(`not hit: ${missed.join(', ')}`)
  return lines
}

function table(report: CoverageReport, faults: readonly string[], actions: readonly string[]): string[] {
  const columns = ['seeds', 'idle', 'bites', ...actions]
  const width = Math.max(...columns.map((column) => column.length)) + 1
  const row = (name: string, cells: readonly string[]): string => [name.padEnd(14), ...cells.map((cell) => cell.padStart(width))].join('')
  const count = (counts: Readonly<Record<string, number>>, key: string): string => String(counts[key] ?? 0)
  return [
    row('fault', columns),
    ...faults.map((fault) =>
      row(fault, [
        ...[report.drawn, report.idle, report.faults].map((counts) => count(counts, fault)),
        ...actions.map((action) => count(report.pairs, `${fault} ${action}`)),
      ]),
    ),
    row('done', ['', '', '', ...actions.map((action) => count(report.actions, action))]),
  ]
}
