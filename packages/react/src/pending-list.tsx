/** What the relay has not confirmed, document by document. */
import { errors, type PendingEntity } from '@tidemark/client'
import type { ReactElement, ReactNode } from 'react'
import { useSpace } from './space-provider.tsx'
import { size, span } from './status-words.ts'
import { useNow } from './use-now.ts'
import { usePending } from './use-sync.ts'

export interface PendingListProps {
  /** Documents at most. */
  readonly limit?: number
  /** What a person calls the document; type and id by default. */
  readonly label?: (pending: PendingEntity) => ReactNode
  /** Shown instead of the list when nothing waits. */
  readonly empty?: ReactNode
  readonly retry?: string
}

/** A list of what waits, since when, and why where it was refused, with a button that tries again. Classes `tidemark-pending…`. */
export function PendingList({ limit = 20, label, empty = null, retry = 'Try again' }: PendingListProps): ReactNode {
  const { sync } = useSpace()
  const pending = usePending(limit)
  const nowMs = useNow(pending.length === 0 ? null : 20_000)
  if (pending.length === 0) return empty
  return (
    <div className="tidemark-pending">
      <ul>
        {pending.map((one) => (
          <Waiting key={one.name} pending={one} label={label?.(one) ?? `${one.type} ${one.id}`} nowMs={nowMs} />
        ))}
      </ul>
      {pending.some(({ problem }) => problem !== null) && (
        <button type="button" onClick={() => sync.retryNow()}>
          {retry}
        </button>
      )}
    </div>
  )
}

interface WaitingProps {
  readonly pending: PendingEntity
  readonly label: ReactNode
  readonly nowMs: number
}

function Waiting({ pending: { problem, sinceMs, bytes }, label, nowMs }: WaitingProps): ReactElement {
  const error = problem === null ? null : errors[problem]
  return (
    <li className="tidemark-pending-one" data-refused={error !== null}>
      <span className="tidemark-pending-name">{label}</span>{' '}
      <span className="tidemark-pending-since">
        {span(nowMs - sinceMs)}, {size(bytes)}
      </span>
      {error !== null && (
        <p className="tidemark-pending-problem">
          <strong>{error.sentence}</strong> {error.remedy}
        </p>
      )}
    </li>
  )
}
