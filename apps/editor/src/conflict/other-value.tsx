/** The values that nobody set: a person who decides may find that none of those that stand is right. */
import { assessments, type CriticalField } from '../report/assessment.ts'

interface Props {
  readonly field: CriticalField
  /** The values that stand as candidates. */
  readonly taken: readonly (string | undefined)[]
  readonly name: string
  readonly value: string | null
  readonly onPick: (value: string) => void
}

export function OtherValue({ field, taken, name, value, onPick }: Props) {
  const options = assessments[field].options.filter((option) => !taken.includes(option.value))
  if (options.length === 0) return null
  return (
    <div className="other-values" data-testid="other-values">
      <span className="other-name">Or another value:</span>
      {options.map((option) => (
        <label key={option.value} className="other-value" data-weight={option.weight}>
          <input type="radio" name={name} checked={option.value === value} onChange={() => onPick(option.value)} />
          <span className="weight-dot" aria-hidden="true" />
          {option.name}
        </label>
      ))}
    </div>
  )
}
