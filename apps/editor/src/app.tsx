/** The two sides of the app, and what holds for both: the route, the shortcuts, beginning a report. */
import type { TidemarkError } from '@tidemark/client'
import { ArrowLeft } from 'lucide-react'
import { useCallback, useRef, useState } from 'react'
import { useShortcuts } from './device/shortcuts.ts'
import { type Fieldbook, newReport } from './fieldbook.ts'
import { Sidebar } from './list/sidebar.tsx'
import { ReportPage } from './report/report-page.tsx'
import { goToReport, useRoute } from './route.ts'
import { asTidemarkError } from './status/as-tidemark-error.ts'
import { Problem } from './status/problem.tsx'
import { StatusButton } from './status/status-button.tsx'
import { Welcome } from './welcome.tsx'

export function App({ fieldbook }: { readonly fieldbook: Fieldbook }) {
  const id = useRoute()
  const searchInput = useRef<HTMLInputElement>(null)
  const [problem, setProblem] = useState<TidemarkError | null>(null)
  const create = useCallback(() => {
    setProblem(null)
    newReport(fieldbook).then(goToReport, (error: unknown) => setProblem(asTidemarkError(error)))
  }, [fieldbook])
  const search = useCallback(() => focusSearch(searchInput.current), [])
  useShortcuts({ search, create })
  return (
    <div className="app" data-view={id === null ? 'list' : 'report'}>
      <Sidebar fieldbook={fieldbook} currentId={id} searchInput={searchInput} onCreate={create} />
      <main className="main">
        <header className="main-head">
          <a className="back" href="#/">
            <ArrowLeft aria-hidden="true" />
            Reports
          </a>
          <StatusButton fieldbook={fieldbook} />
        </header>
        {problem !== null && <Problem sentence={problem.sentence} remedy={problem.remedy} />}
        {id === null ? <Welcome /> : <ReportPage fieldbook={fieldbook} id={id} />}
      </main>
    </div>
  )
}

/** On a phone the list is another screen, so it is shown first. */
function focusSearch(input: HTMLInputElement | null): void {
  if (input === null) return
  if (input.checkVisibility()) return input.focus()
  window.addEventListener('hashchange', () => setTimeout(() => input.focus()), { once: true })
  location.assign('#/')
}
