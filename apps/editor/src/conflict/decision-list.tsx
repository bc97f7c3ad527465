/** The record: every decision of the report, the latest first. */
import { ChevronRight, Scale } from 'lucide-react'
import { useNow } from '../device/use-now.ts'
import type { OpenReport } from '../fieldbook.ts'
import { countWords, lastDecisionWords, type ReportConflict, type ReportDecision } from './conflict-words.ts'
import { DecisionItem } from './decision-item.tsx'

interface Props {
  readonly report: OpenReport
  readonly decisions: readonly ReportDecision[]
  readonly conflicts: readonly ReportConflict[]
  readonly self: string
}

export function DecisionList({ report, decisions, conflicts, self }: Props) {
  const nowMs = useNow(decisions.length > 0 ? 20_000 : null)
  if (decisions.length === 0) return null
  const last = lastDecisionWords(decisions, conflicts)
  return (
    <details className="decisions" data-testid="decisions">
      <summary>
        <Scale aria-hidden="true" />
        {countWords(decisions.length)}
        {last !== null && <span className="decisions-last">{last}</span>}
        <ChevronRight aria-hidden="true" className="decisions-chevron" />
      </summary>
      <ol className="decision-list" aria-label="Decisions, the latest first">
        {decisions.toReversed().map((decision) => (
          <DecisionItem key={decision.id} report={report} decision={decision} conflicts={conflicts} self={self} nowMs={nowMs} />
        ))}
      </ol>
    </details>
  )
}
