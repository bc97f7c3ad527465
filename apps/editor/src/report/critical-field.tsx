/** One critical field as a row of choices. While it is in conflict none of them holds: the conflict is decided above. */
import { useId, useState } from 'react'
import { attempt, type Failure } from '../conflict/attempt.ts'
import type { OpenReport } from '../fieldbook.ts'
import { Problem } from '../status/problem.tsx'
import { assessments, type CriticalField as Field } from './assessment.ts'
import { Segments } from './segments.tsx'
import { useShownValue } from './use-shown-value.ts'

interface Props {
  readonly report: OpenReport
  readonly field: Field
  /** What `report.value` has of the field. */
  readonly reading: OpenReport['value'][Field]
}

export function CriticalField({ report, field, reading }: Props) {
  const id = useId()
  const shown = useShownValue(report, reading)
  const [failure, setFailure] = useState<Failure>(null)
  const { name, options } = assessments[field]
  const reach = (): void => shown.reach(performance.now())
  return (
    <div
      className="critical"
      data-testid={field}
      data-value={reading.status === 'settled' ? reading.value : reading.status}
      onFocusCapture={reach}
      onPointerDownCapture={reach}
      onKeyDownCapture={reach}
    >
      <span className="critical-name" id={id}>
        {name}
      </span>
      {reading.status === 'conflict' ? (
        <button type="button" className="critical-open" aria-describedby={id} onClick={() => goToConflict(field)}>
          {reading.values.length} values, to be decided
        </button>
      ) : (
        <Segments
          labelledBy={id}
          options={options}
          value={reading.status === 'settled' ? reading.value : null}
          onChoose={(value) => setFailure(attempt(() => report.write(() => shown.edit.set({ [field]: value }))))}
        />
      )}
      {failure !== null && <Problem {...failure} />}
    </div>
  )
}

export const conflictId = (field: string): string => `conflict-${field}`

function goToConflict(field: Field): void {
  const card = document.getElementById(conflictId(field))
  card?.scrollIntoView({ block: 'center' })
  card?.querySelector<HTMLElement>('input:not(:disabled)')?.focus({ preventScroll: true })
}

/** Where the eye and the hand go on after a decision: the field that was decided. */
export function focusField(field: Field): void {
  document.querySelector<HTMLElement>(`[data-testid="${field}"] :is(input:checked, button)`)?.focus({ preventScroll: true })
}
