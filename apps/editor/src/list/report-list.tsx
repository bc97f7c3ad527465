/** The reports as a list of links; arrow keys move through it, Enter opens. */
import { Split } from 'lucide-react'
import { rowMark } from '../conflict/conflict-words.ts'
import { arrowFocus } from '../device/arrow-focus.ts'
import { shortDay } from '../report/day.ts'
import type { ReportRow } from '../report/report.ts'
import { reportHref } from '../route.ts'

interface Props {
  readonly rows: readonly ReportRow[]
  readonly currentId: string | null
}

const onKeyDown = arrowFocus('vertical', 'a')

export function ReportList({ rows, currentId }: Props) {
  const now = new Date()
  const entryId = rows.some((row) => row.id === currentId) ? currentId : rows[0]?.id
  return (
    <ul className="report-list" data-testid="report-list" aria-label="Reports" onKeyDown={onKeyDown}>
      {rows.map((row) => (
        <li key={row.id}>
          <a
            className="report-row"
            data-testid="report-row"
            data-id={row.id}
            href={reportHref(row.id)}
            aria-current={row.id === currentId ? 'page' : undefined}
            tabIndex={row.id === entryId ? 0 : -1}
          >
            <span className="row-head">
              <span className={row.value.title ? 'row-title' : 'row-title untitled'}>{row.value.title || 'Untitled report'}</span>
              <time className="row-day" dateTime={row.value.openedOn}>
                {shortDay(row.value.openedOn, now)}
              </time>
            </span>
            <span className="row-foot">
              <span className="row-preview">{row.value.body || 'No text yet'}</span>
              <ConflictMark conflicts={row.value.$conflicts} />
            </span>
          </a>
        </li>
      ))}
    </ul>
  )
}

function ConflictMark({ conflicts }: { readonly conflicts: number | undefined }) {
  const words = rowMark(conflicts)
  if (words === null) return null
  return (
    <span className="row-mark" data-testid="row-conflict" title="Values stand side by side; somebody has to decide">
      <Split aria-hidden="true" />
      {words}
    </span>
  )
}
