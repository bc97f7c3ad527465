/** One of the values that stand side by side: what, who, when, and why if it was decided. */
import type { Candidate } from '@tidemark/client'
import { type CriticalField, optionOf } from '../report/assessment.ts'
import { authorName, candidateVerb, inside } from './conflict-words.ts'
import { Moment } from './moment.tsx'

interface Props {
  readonly field: CriticalField
  readonly candidate: Candidate<string>
  /** The radio group of the conflict. */
  readonly name: string
  readonly isPicked: boolean
  readonly onPick: () => void
  /** Why it was decided, where it was. */
  readonly reason: string | undefined
  readonly showsBase: boolean
  readonly self: string
  readonly nowMs: number
}

export function CandidateCard({ field, candidate, name, isPicked, onPick, reason, showsBase, self, nowMs }: Props) {
  const option = optionOf(field, candidate.value)
  return (
    <label className="candidate" data-testid="candidate" data-value={candidate.value} data-weight={option.weight}>
      <span className="candidate-head">
        <input type="radio" name={name} checked={isPicked} disabled={candidate.problem !== null} onChange={onPick} />
        <span className="weight-dot" aria-hidden="true" />
        <span className="candidate-value">{candidate.problem === null ? option.name : 'A value of a newer build'}</span>
      </span>
      <ul className="candidate-authors">
        {candidate.authors.map(({ user, at }) => (
          <li key={`${user}-${at}`}>
            {candidateVerb(candidate)} <strong>{inside(authorName(user, self))}</strong>
            <Moment atMs={at} nowMs={nowMs} />
          </li>
        ))}
      </ul>
      {showsBase && <span className="candidate-note">It was “{optionOf(field, candidate.base).name}” then</span>}
      {reason !== undefined && reason !== '' && <q className="candidate-reason">{reason}</q>}
    </label>
  )
}
