import { Search, X } from 'lucide-react'
import type { RefObject } from 'react'
import { shortcutLabels } from '../device/shortcuts.ts'

interface Props {
  readonly input: RefObject<HTMLInputElement | null>
  readonly value: string
  readonly onChange: (value: string) => void
}

/** Narrows the list as one types; Escape clears it, the down arrow goes into the list. */
export function SearchBox({ input, value, onChange }: Props) {
  return (
    <div className="search">
      <Search aria-hidden="true" />
      <input
        ref={input}
        type="search"
        data-testid="search"
        aria-label="Search reports"
        aria-keyshortcuts="Control+K Meta+K"
        placeholder="Search"
        autoComplete="off"
        value={value}
        onChange={(event) => onChange(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === 'Escape') onChange('')
          if (event.key === 'ArrowDown') {
            event.preventDefault()
            document.querySelector<HTMLElement>('.report-list a')?.focus()
          }
        }}
      />
      {value === '' ? (
        <kbd>{shortcutLabels.search}</kbd>
      ) : (
        <button type="button" className="icon-button small" aria-label="Clear search" onClick={() => onChange('')}>
          <X aria-hidden="true" />
        </button>
      )}
    </div>
  )
}
