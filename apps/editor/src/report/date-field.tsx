import { longDay } from './day.ts'

interface Props {
  readonly value: string | undefined
  readonly onChange: (day: string) => void
}

/** The day of the report: in words, until it is being changed. A day that is half typed is none and is not written. */
export function DateField({ value, onChange }: Props) {
  return (
    <label className="date">
      <span className="date-words" aria-hidden="true">
        {longDay(value)}
      </span>
      <input
        type="date"
        data-testid="date"
        aria-label="Date"
        max="9999-12-31"
        value={value ?? ''}
        onClick={(event) => event.currentTarget.showPicker()}
        onChange={(event) => event.target.validity.valid && event.target.value !== '' && onChange(event.target.value)}
      />
    </label>
  )
}
