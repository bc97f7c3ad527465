/** How it stands with the work of whoever looks: saved, confirmed, waiting, and what to do where something is wrong. */
import type { SpaceStatus } from '@tidemark/client'
import { type ReactElement, useId, useMemo } from 'react'
import { useSpace } from './space-provider.tsx'
import { type StatusWords, statusWords } from './status-words.ts'
import { useNow } from './use-now.ts'
import { useSyncStatus } from './use-sync.ts'

export interface SyncStatusProps {
  /** Makes the words; English by default. */
  readonly words?: (status: SpaceStatus, nowMs: number) => StatusWords
  /** What stands on the button that tries again. */
  readonly retry?: string
}

/**
 * A pill with a few words, and behind it what is known, each problem with its remedy, and a button that tries again.
 *
 * Unstyled: elements have the classes `tidemark-status…` and `data-tone`; `@tidemark/react/style.css` is one way to dress
 * them. A screen reader hears of changes that matter, and of no keystroke or countdown.
 */
export function SyncStatus({ words = statusWords, retry = 'Try now' }: SyncStatusProps): ReactElement {
  const { sync } = useSpace()
  const status = useSyncStatus()
  const nowMs = useNow(status.retryAtMs !== null ? 1_000 : 20_000)
  const said = useMemo(() => words(status, nowMs), [words, status, nowMs])
  const id = useId()
  const canRetry = said.canRetry || said.problems.length > 0
  return (
    <details className="tidemark-status" data-tone={said.tone} data-phase={status.phase}>
      <summary aria-describedby={id}>{said.short}</summary>
      <output id={id} className="tidemark-status-announced" aria-live="polite">
        {said.announced}
      </output>
      {said.problems.map(({ tone, sentence, remedy }) => (
        <p key={sentence} className="tidemark-status-problem" data-tone={tone}>
          <strong>{sentence}</strong> {remedy}
        </p>
      ))}
      <ul>
        <li>{said.device}</li>
        <li>{said.relay}</li>
        <li>{said.pending}</li>
      </ul>
      {canRetry && (
        <button type="button" onClick={() => sync.retryNow()}>
          {retry}
        </button>
      )}
    </details>
  )
}
