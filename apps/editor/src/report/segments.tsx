/** A row of choices of which one holds. */
import { arrowFocus } from '../device/arrow-focus.ts'
import type { Option } from './assessment.ts'

interface Props {
  /** The id of the element that says what is chosen; it names the radio group too. */
  readonly labelledBy: string
  readonly options: readonly Option[]
  readonly value: string | null
  readonly onChoose: (value: string) => void
}

// Arrow keys move without choosing, unlike a browser's own: what is chosen here goes to everybody, and nobody means to
// tell them of each value they pass. Space chooses.
const onKeyDown = arrowFocus('horizontal', 'input')

export function Segments({ labelledBy, options, value, onChoose }: Props) {
  return (
    <div className="segments" role="radiogroup" aria-labelledby={labelledBy} tabIndex={-1} onKeyDown={onKeyDown}>
      {options.map((option) => (
        <label key={option.value} className="segment" data-weight={option.weight}>
          <input
            type="radio"
            name={labelledBy}
            value={option.value}
            checked={option.value === value}
            onChange={() => onChoose(option.value)}
          />
          <span className="weight-dot" aria-hidden="true" />
          {option.name}
        </label>
      ))}
    </div>
  )
}
