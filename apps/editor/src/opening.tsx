/** The app while the local database is being opened: its outline, so that nothing jumps. */
import { ListSkeleton } from './list/list-states.tsx'
import { Tide } from './tide.tsx'

export function Opening() {
  return (
    <div className="app" data-view="list">
      <div className="sidebar">
        <div className="sidebar-head">
          <span className="brand">
            <Tide small />
            Fieldbook
          </span>
        </div>
        <div className="sidebar-body">
          <ListSkeleton />
        </div>
      </div>
      <main className="main" />
    </div>
  )
}
