/** What the list shows when it has nothing to list. */
import { shortcutLabels } from '../device/shortcuts.ts'
import { Tide } from '../tide.tsx'

export function ListSkeleton() {
  return (
    <div className="list-skeleton" role="status" aria-label="Loading reports">
      {['72%', '54%', '80%', '46%', '64%'].map((width) => (
        <div className="skeleton-row" key={width}>
          <span className="skeleton" style={{ width }} />
          <span className="skeleton thin" />
        </div>
      ))}
    </div>
  )
}

export function EmptyList({ onCreate }: { readonly onCreate: () => void }) {
  return (
    <div className="list-empty">
      <Tide />
      <h2>Your first report</h2>
      <p>Write down what you see. It is kept on this device at once, and shared when there is a network.</p>
      <button type="button" className="button" onClick={onCreate}>
        Begin writing
      </button>
      <p className="hint">
        or press <kbd>{shortcutLabels.create}</kbd>
      </p>
    </div>
  )
}

export function NothingFound({ search, onClear }: { readonly search: string; readonly onClear: () => void }) {
  return (
    <div className="list-empty">
      <p>No report has “{search}” in its title or its first lines.</p>
      <button type="button" className="button-quiet" onClick={onClear}>
        Show all reports
      </button>
    </div>
  )
}
