/**
 * A conflict on the page of its report: what happened, the values side by side, and the choice.
 *
 * A pick belongs to the conflict that it was made on. When a further value comes in, the pick is off, so that nobody
 * decides over a value that appeared under their finger; the reason that they wrote stays.
 */
import { useId, useState } from 'react'
import { useNow } from '../device/use-now.ts'
import type { OpenReport } from '../fieldbook.ts'
import { assessments, optionOf } from '../report/assessment.ts'
import { conflictId, focusField } from '../report/critical-field.tsx'
import { Problem } from '../status/problem.tsx'
import { attempt, type Failure } from './attempt.ts'
import { CandidateCard } from './candidate-card.tsx'
import { conflictAdvice, conflictSentence, type ReportConflict, type ReportDecision } from './conflict-words.ts'
import { OtherValue } from './other-value.tsx'
import { ReasonField } from './reason-field.tsx'

interface Props {
  readonly report: OpenReport
  readonly conflict: ReportConflict
  readonly decisions: readonly ReportDecision[]
  readonly self: string
}

type Choice = Parameters<ReportConflict['decide']>[0]
type Pick = { readonly conflict: ReportConflict; readonly choice: Choice; readonly name: string }

export function ConflictCard({ report, conflict, decisions, self }: Props) {
  const id = useId()
  const nowMs = useNow(20_000)
  const [pick, setPick] = useState<Pick | null>(null)
  const [reason, setReason] = useState('')
  const [failure, setFailure] = useState<Failure>(null)
  const { field, candidates } = conflict
  const choice = pick?.conflict === conflict ? pick.choice : null
  const isOvertaken = pick !== null && choice === null
  const noun = assessments[field].name.toLowerCase()

  const decide = (): void => {
    if (choice === null) return
    const failed = attempt(() => report.write(() => conflict.decide(choice, { reason: reason.trim() })))
    setFailure(failed)
    if (failed === null) requestAnimationFrame(() => focusField(field))
  }

  return (
    <section className="conflict" id={conflictId(field)} data-testid="conflict-banner" data-field={field} aria-labelledby={id}>
      <h2 id={id}>{conflictSentence(conflict, self)}</h2>
      <p className="conflict-advice">{conflictAdvice(conflict)}</p>
      <div className="candidates" role="radiogroup" aria-label={`Which ${noun} holds`}>
        {candidates.map((candidate) => (
          <CandidateCard
            key={candidate.id}
            field={field}
            candidate={candidate}
            name={id}
            isPicked={choice !== null && 'choose' in choice && candidate.ids.includes(choice.choose)}
            onPick={() => setPick({ conflict, choice: { choose: candidate.id }, name: optionOf(field, candidate.value).name })}
            reason={decisions.find((decision) => candidate.ids.includes(decision.id))?.reason}
            showsBase={conflict.basesDiffer}
            self={self}
            nowMs={nowMs}
          />
        ))}
        <OtherValue
          field={field}
          taken={candidates.map(({ value }) => value)}
          name={id}
          value={choice !== null && 'value' in choice ? choice.value : null}
          onPick={(value) => setPick({ conflict, choice: { value }, name: optionOf(field, value).name })}
        />
      </div>
      <p className="conflict-overtaken" aria-live="polite">
        {isOvertaken && 'Something more came in while you were choosing. Please look again.'}
      </p>
      {pick !== null && (
        <div className="conflict-decide">
          <ReasonField value={reason} onChange={setReason} />
          <button type="button" className="button" data-testid="decide" aria-disabled={choice === null} onClick={decide}>
            {choice === null ? 'Choose a value' : `Decide for ${pick.name}`}
          </button>
        </div>
      )}
      {failure !== null && <Problem {...failure} />}
    </section>
  )
}
