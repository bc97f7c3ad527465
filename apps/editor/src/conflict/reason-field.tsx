interface Props {
  readonly value: string
  readonly onChange: (value: string) => void
}

// Any text of this length is within the bytes that Tidemark keeps of a reason.
const reasonCharacters = 500

/** Why one decides so; it goes into the record, and may stay empty. */
export function ReasonField({ value, onChange }: Props) {
  return (
    <label className="reason">
      <span>
        Why? <span className="optional">Optional, stays with the report</span>
      </span>
      <textarea
        data-testid="reason"
        rows={2}
        maxLength={reasonCharacters}
        value={value}
        onChange={(event) => onChange(event.target.value.toWellFormed())}
      />
    </label>
  )
}
