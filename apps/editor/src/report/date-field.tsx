interface Props {
  readonly value: string | undefined
  readonly onChange: (day: string) => void
}

/** The day of the report. A day that is half typed is none and is not written. */
export function DateField({ value, onChange }: Props) {
  return (
    <label className="date">
      <span className="visually-hidden">Date</span>
      <input
        type="date"
        data-testid="date"
        max="9999-12-31"
        value={value ?? ''}
        onChange={(event) => event.target.validity.valid && event.target.value !== '' && onChange(event.target.value)}
      />
    </label>
  )
}
