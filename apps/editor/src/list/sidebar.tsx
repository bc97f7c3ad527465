/** The left side: the mark, the search, the list. */
import { SquarePen } from 'lucide-react'
import { type RefObject, useDeferredValue, useState } from 'react'
import { shortcutLabels } from '../device/shortcuts.ts'
import type { Fieldbook } from '../fieldbook.ts'
import { Tide } from '../tide.tsx'
import { EmptyList, ListSkeleton, NothingFound } from './list-states.tsx'
import { ReportList } from './report-list.tsx'
import { SearchBox } from './search-box.tsx'
import { useReports } from './use-reports.ts'

const pageRows = 200

interface Props {
  readonly fieldbook: Fieldbook
  readonly currentId: string | null
  readonly searchInput: RefObject<HTMLInputElement | null>
  readonly onCreate: () => void
}

export function Sidebar({ fieldbook, currentId, searchInput, onCreate }: Props) {
  const [typed, setTyped] = useState('')
  const [limit, setLimit] = useState(pageRows)
  const search = useDeferredValue(typed.trim())
  const { rows, hasMore } = useReports(fieldbook, search, limit)
  return (
    <nav className="sidebar" aria-label="Reports">
      <header className="sidebar-head">
        <a className="brand" href="#/">
          <Tide small />
          Fieldbook
        </a>
        <button
          type="button"
          className="button"
          data-testid="new-report"
          aria-keyshortcuts="Alt+N"
          title={`New report (${shortcutLabels.create})`}
          onClick={onCreate}
        >
          <SquarePen aria-hidden="true" />
          New report
        </button>
      </header>
      <SearchBox input={searchInput} value={typed} onChange={setTyped} />
      <div className="sidebar-body">
        {rows === null && <ListSkeleton />}
        {rows?.length === 0 && search === '' && <EmptyList onCreate={onCreate} />}
        {rows?.length === 0 && search !== '' && <NothingFound search={search} onClear={() => setTyped('')} />}
        {rows !== null && rows.length > 0 && <ReportList rows={rows} currentId={currentId} />}
        {hasMore && (
          <button type="button" className="button-quiet more" onClick={() => setLimit(limit + pageRows)}>
            Show more
          </button>
        )}
      </div>
    </nav>
  )
}
