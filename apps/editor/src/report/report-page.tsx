/** The right side: one report. */
import type { TidemarkError } from '@tidemark/client'
import { ArrowLeft } from 'lucide-react'
import type { Fieldbook } from '../fieldbook.ts'
import { Problem } from '../status/problem.tsx'
import { ReportForm } from './report-form.tsx'
import { useReport } from './use-report.ts'

interface Props {
  readonly fieldbook: Fieldbook
  readonly id: string
}

export function ReportPage({ fieldbook, id }: Props) {
  const state = useReport(fieldbook, id)
  switch (state.type) {
    case 'loading':
      return <ReportSkeleton />
    case 'open':
      return <ReportForm key={state.report.doc.guid + state.report.doc.clientID} report={state.report} self={fieldbook.user.id} />
    case 'failed':
      return (
        <div className="page-note">
          <Problem sentence={state.error.sentence} remedy={state.error.remedy} tone={isMissing(state.error) ? 'note' : 'problem'}>
            {isMissing(state.error) && <p className="remedy">It opens here by itself as soon as it arrives.</p>}
            <a className="button-quiet" href="#/">
              <ArrowLeft aria-hidden="true" />
              All reports
            </a>
          </Problem>
        </div>
      )
  }
}

const isMissing = (error: TidemarkError): boolean => error.code === 'client/not-found'

export function ReportSkeleton() {
  return (
    <div className="page page-skeleton" role="status" aria-label="Loading report">
      <span className="skeleton" style={{ width: '22%' }} />
      <span className="skeleton tall" style={{ width: '68%' }} />
      <span className="skeleton thin" />
      <span className="skeleton thin" />
      <span className="skeleton thin" style={{ width: '58%' }} />
    </div>
  )
}
