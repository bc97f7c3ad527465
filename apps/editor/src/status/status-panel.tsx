/** All that is known about where the changes are, in words, and what can be done. */
import type { SpaceStatus } from '@tidemark/client'
import { RefusedList, SpaceProvider, type StatusWords } from '@tidemark/react'
import { CloudCheck, CloudOff, HardDrive, Hourglass, RefreshCw } from 'lucide-react'
import type { ReactNode } from 'react'
import type { Fieldbook } from '../fieldbook.ts'
import { reportHref } from '../route.ts'
import { OfflineSwitch } from './offline-switch.tsx'
import { Problem } from './problem.tsx'

interface Props {
  readonly id: string
  readonly fieldbook: Fieldbook
  readonly status: SpaceStatus
  readonly words: StatusWords
}

export function StatusPanel({ id, fieldbook, status, words }: Props) {
  const isConnected = status.phase === 'live' || status.phase === 'catching-up'
  return (
    <section id={id} className="status-panel" data-testid="status-panel" aria-label="Where your changes are">
      {words.problems.map((problem) => (
        <Problem key={problem.sentence} {...problem} />
      ))}
      <ul className="facts">
        <Fact icon={<HardDrive />}>{words.device}</Fact>
        <Fact icon={isConnected ? <CloudCheck /> : <CloudOff />}>
          {words.relay}
          {words.canRetry && (
            <button type="button" className="button-quiet" onClick={() => fieldbook.space.sync.retryNow()}>
              <RefreshCw aria-hidden="true" />
              Retry now
            </button>
          )}
        </Fact>
        <Fact icon={<Hourglass />}>{words.pending}</Fact>
      </ul>
      <SpaceProvider space={fieldbook.space}>
        <RefusedList label={({ id }) => <a href={reportHref(id)}>A change of this report</a>} field={(name) => fieldWords[name] ?? name} />
      </SpaceProvider>
      <OfflineSwitch fieldbook={fieldbook} isPaused={status.phase === 'paused'} />
      <p className="status-foot">
        You write as <strong>{fieldbook.user.name}</strong>.
      </p>
    </section>
  )
}

const fieldWords: Readonly<Record<string, string>> = {
  title: 'Title',
  openedOn: 'Date',
  severity: 'Severity',
  verdict: 'Verdict',
  body: 'Text',
}

function Fact({ icon, children }: { readonly icon: ReactNode; readonly children: ReactNode }) {
  return (
    <li className="fact">
      <span className="fact-icon" aria-hidden="true">
        {icon}
      </span>
      <span className="fact-text">{children}</span>
    </li>
  )
}
