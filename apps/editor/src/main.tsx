/** The composition root: opens the space from local data, then shows the app. */
import '@fontsource-variable/inter/wght.css'
import '@fontsource-variable/source-serif-4/wght.css'
import '@fontsource-variable/source-serif-4/wght-italic.css'
import './styles/tokens.css'
import './styles/base.css'
import './styles/controls.css'
import './styles/layout.css'
import './styles/list.css'
import './styles/page.css'
import './styles/status.css'
import './styles/assessment.css'
import './styles/conflict.css'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { App } from './app.tsx'
import { enableOfflineStart } from './device/offline-start.ts'
import { openFieldbook } from './fieldbook.ts'
import { Opening } from './opening.tsx'
import { asTidemarkError } from './status/as-tidemark-error.ts'
import { Problem } from './status/problem.tsx'

const root = createRoot(document.getElementById('root') as HTMLElement)

enableOfflineStart(reportError)

root.render(<Opening />)

openFieldbook().then(
  (fieldbook) =>
    root.render(
      <StrictMode>
        <App fieldbook={fieldbook} />
      </StrictMode>,
    ),
  (reason: unknown) => {
    const error = asTidemarkError(reason)
    root.render(
      <div className="page-note">
        <Problem sentence={error.sentence} remedy={error.remedy}>
          <p className="detail">{error.message}</p>
          <button type="button" className="button" onClick={() => location.reload()}>
            Try again
          </button>
        </Problem>
      </div>,
    )
  },
)
