import type { TidemarkError } from '@tidemark/client'
import { useEffect, useState } from 'react'
import { type Fieldbook, type OpenReport, openReport } from '../fieldbook.ts'
import { asTidemarkError } from '../status/as-tidemark-error.ts'
import { Report } from './report.ts'

export type ReportState =
  | { readonly type: 'loading' }
  | { readonly type: 'open'; readonly report: OpenReport }
  | { readonly type: 'failed'; readonly error: TidemarkError }

const loading: ReportState = { type: 'loading' }

/** Opens the report `id` for as long as it is on screen. One that is not here yet is opened as soon as it arrives. */
export function useReport(fieldbook: Fieldbook, id: string): ReportState {
  const [state, setState] = useState<{ readonly id: string; readonly state: ReportState }>({ id, state: loading })
  const [attempt, setAttempt] = useState(0)
  const isMissing = state.state.type === 'failed' && state.state.error.code === 'client/not-found'

  useEffect(() => {
    void attempt
    let release = (): void => undefined
    let isOver = false
    const open = (): void => {
      openReport(fieldbook, id).then(
        (report) => {
          if (isOver) return report.close()
          const before = release
          // It goes on without something that was refused: whatever is bound to it is mounted anew, on a report of its own.
          const unfollow = report.branch.subscribe(open)
          release = () => {
            unfollow()
            report.close()
          }
          setState({ id, state: { type: 'open', report } })
          // Only now, so that the document is never without anybody.
          before()
        },
        (error: unknown) => {
          if (!isOver) setState({ id, state: { type: 'failed', error: asTidemarkError(error) } })
        },
      )
    }
    open()
    return () => {
      isOver = true
      release()
    }
  }, [fieldbook, id, attempt])

  useEffect(() => {
    if (!isMissing) return
    const query = fieldbook.space.query(Report, { where: (row) => row.id === id, limit: 1 })
    const unsubscribe = query.subscribe(() => query.rows.length > 0 && setAttempt((count) => count + 1))
    return () => {
      unsubscribe()
      query.close()
    }
  }, [fieldbook, id, isMissing])

  return state.id === id ? state.state : loading
}
