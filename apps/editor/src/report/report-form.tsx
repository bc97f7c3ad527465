/** An open report: the date, the title, what it amounts to, the text. Every change is written at once; there is nothing to save. */
import { useEffect } from 'react'
import { ConflictCard } from '../conflict/conflict-card.tsx'
import { announcement } from '../conflict/conflict-words.ts'
import { DecisionList } from '../conflict/decision-list.tsx'
import { useObservable } from '../device/use-observable.ts'
import type { OpenReport } from '../fieldbook.ts'
import { Problem } from '../status/problem.tsx'
import { BodyEditor } from './body-editor.tsx'
import { CriticalField } from './critical-field.tsx'
import { DateField } from './date-field.tsx'
import { TitleField } from './title-field.tsx'

interface Props {
  readonly report: OpenReport
  /** The id of who is looking. */
  readonly self: string
}

export function ReportForm({ report, self }: Props) {
  const { title, openedOn, severity, verdict } = useObservable(report)
  const { invalid, conflicts, decisions } = report
  useEffect(() => {
    document.title = title ? `${title} · Fieldbook` : 'Fieldbook'
    return () => {
      document.title = 'Fieldbook'
    }
  }, [title])
  return (
    <article className="page">
      <DateField value={openedOn} onChange={(day) => report.set({ openedOn: day })} />
      <TitleField value={title ?? ''} onChange={(text) => report.set({ title: text })} />
      {invalid.length > 0 && (
        <Problem
          sentence={`This build cannot read ${invalid.map(({ field }) => field).join(' and ')}.`}
          remedy="Reload for the newest build, or write it again; the rest of the report is unharmed."
        />
      )}
      <output className="visually-hidden" aria-live="polite" data-testid="announcement">
        {announcement(conflicts, decisions, self)}
      </output>
      {conflicts.map((conflict) => (
        <ConflictCard key={conflict.field} report={report} conflict={conflict} decisions={decisions} self={self} />
      ))}
      <div className="assessment">
        <CriticalField report={report} field="severity" reading={severity} />
        <CriticalField report={report} field="verdict" reading={verdict} />
        <DecisionList report={report} decisions={decisions} conflicts={conflicts} self={self} />
      </div>
      <BodyEditor fragment={report.shared.body} />
    </article>
  )
}
