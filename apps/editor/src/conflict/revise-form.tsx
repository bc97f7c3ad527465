/** Changes one's mind, or another's: a new decision over the old, which stays in the record. */
import { useEffect, useId, useRef, useState } from 'react'
import type { OpenReport } from '../fieldbook.ts'
import { assessments, optionOf } from '../report/assessment.ts'
import { focusField } from '../report/critical-field.tsx'
import { Segments } from '../report/segments.tsx'
import { Problem } from '../status/problem.tsx'
import { attempt, type Failure } from './attempt.ts'
import type { ReportDecision } from './conflict-words.ts'
import { ReasonField } from './reason-field.tsx'

interface Props {
  readonly report: OpenReport
  readonly decision: ReportDecision
  readonly onClose: () => void
}

export function ReviseForm({ report, decision, onClose }: Props) {
  const { field } = decision
  const id = useId()
  const form = useRef<HTMLFormElement>(null)
  const [value, setValue] = useState<string | null>(decision.value ?? null)
  const [reason, setReason] = useState('')
  const [failure, setFailure] = useState<Failure>(null)
  const isNew = value !== null && value !== decision.value
  useEffect(() => form.current?.querySelector<HTMLElement>('input:checked')?.focus(), [])

  const revise = (): void => {
    if (!isNew) return
    const failed = attempt(() => report.write(() => decision.revise({ value }, { reason: reason.trim() })))
    setFailure(failed)
    if (failed === null) requestAnimationFrame(() => focusField(field))
  }

  return (
    <form
      ref={form}
      className="revise"
      data-testid="revise-form"
      aria-label={`Change the decision of ${assessments[field].name.toLowerCase()}`}
      onSubmit={(event) => {
        event.preventDefault()
        revise()
      }}
      onKeyDown={(event) => event.key === 'Escape' && onClose()}
    >
      <div className="critical">
        <span className="critical-name" id={id}>
          {assessments[field].name}
        </span>
        <Segments labelledBy={id} options={assessments[field].options} value={value} onChoose={setValue} />
      </div>
      <ReasonField value={reason} onChange={setReason} />
      <div className="revise-actions">
        <button type="submit" className="button" data-testid="decide" aria-disabled={!isNew}>
          {isNew ? `Decide for ${optionOf(field, value).name}` : 'Choose another value'}
        </button>
        <button type="button" className="button-quiet" onClick={onClose}>
          Leave it
        </button>
      </div>
      {failure !== null && <Problem {...failure} />}
    </form>
  )
}
