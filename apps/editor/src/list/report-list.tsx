/** The reports as a list of links; arrow keys move through it, Enter opens. */
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
            <span className="row-preview">{row.value.body || 'No text yet'}</span>
          </a>
        </li>
      ))}
    </ul>
  )
}
