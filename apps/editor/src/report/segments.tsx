/** A row of choices of which one holds. */
import { arrowFocus } from '../device/arrow-focus.ts'
import type { Option } from './assessment.ts'

interface Props {
  /** The radio group's own name in the page. */
  readonly name: string
  readonly options: readonly Option[]
  readonly value: string | null
  readonly onChoose: (value: string) => void
}

// Arrow keys move without choosing, unlike a browser's own: what is chosen here goes to everybody, and nobody means to
// tell them of each value they pass. Space chooses.
const onKeyDown = arrowFocus('horizontal', 'input')

export function Segments({ name, options, value, onChoose }: Props) {
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: reason: it only catches the arrow keys of the choices inside.
    <div className="segments" onKeyDown={onKeyDown}>
      {options.map((option) => (
        <label key={option.value} className="segment" data-weight={option.weight}>
          <input type="radio" name={name} value={option.value} checked={option.value === value} onChange={() => onChoose(option.value)} />
          <span className="weight-dot" aria-hidden="true" />
          {option.name}
        </label>
      ))}
    </div>
  )
}
