/** One decision of the record: who, when, what, why, instead of what; and how to change one's mind. */
import { useRef, useState } from 'react'
import type { OpenReport } from '../fieldbook.ts'
import { assessments, optionOf } from '../report/assessment.ts'
import { authorName, decisionState, type ReportConflict, type ReportDecision, rejectedWords } from './conflict-words.ts'
import { Moment } from './moment.tsx'
import { ReviseForm } from './revise-form.tsx'

interface Props {
  readonly report: OpenReport
  readonly decision: ReportDecision
  readonly conflicts: readonly ReportConflict[]
  readonly self: string
  readonly nowMs: number
}

export function DecisionItem({ report, decision, conflicts, self, nowMs }: Props) {
  // The decision as it was shown when the form opened: that, and nothing that came later, is what is revised.
  const [revising, setRevising] = useState<ReportDecision | null>(null)
  const button = useRef<HTMLButtonElement>(null)
  const { field, value, user, at, reason, rejected, stands } = decision
  const option = optionOf(field, value)
  const state = decisionState(decision, conflicts)
  const isOver = !stands || state !== null
  return (
    <li className="decision" data-testid="decision" data-stands={stands}>
      <p className="decision-what" data-weight={option.weight}>
        {assessments[field].name}
        <span className="weight-dot" aria-hidden="true" />
        <strong>{option.name}</strong>
        {state !== null && <span className="decision-state">{state}</span>}
      </p>
      <p className="decision-who">
        {authorName(user, self)} <Moment atMs={at} nowMs={nowMs} />
      </p>
      {reason !== '' && <q className="decision-reason">{reason}</q>}
      {rejected.length > 0 && <p className="decision-rejected">Instead of {rejectedWords(decision, self)}</p>}
      {!isOver && revising === null && (
        <button ref={button} type="button" className="button-quiet" data-testid="revise" onClick={() => setRevising(decision)}>
          Change the decision
        </button>
      )}
      {!isOver && revising !== null && (
        <ReviseForm
          report={report}
          decision={revising}
          onClose={() => {
            setRevising(null)
            requestAnimationFrame(() => button.current?.focus())
          }}
        />
      )}
    </li>
  )
}
