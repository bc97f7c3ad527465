/** An open report: the date, the title, the text. Every change is written at once; there is nothing to save. */
import { useEffect } from 'react'
import { useObservable } from '../device/use-observable.ts'
import type { OpenReport } from '../fieldbook.ts'
import { Problem } from '../status/problem.tsx'
import { BodyEditor } from './body-editor.tsx'
import { DateField } from './date-field.tsx'
import { TitleField } from './title-field.tsx'

export function ReportForm({ report }: { readonly report: OpenReport }) {
  const { title, openedOn } = useObservable(report)
  const invalid = report.invalid
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
      <BodyEditor fragment={report.shared.body} />
    </article>
  )
}
