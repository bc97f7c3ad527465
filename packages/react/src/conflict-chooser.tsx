/**
 * A conflict, and the choice that ends it.
 *
 * Invariants
 * 1. A pick belongs to the conflict that it was made on. When a further value comes in the pick is off, so that nobody decides
 *    over a value that appeared under their finger; the reason that they wrote stays.
 * 2. What decides is the conflict that was shown, never one that came since.
 */
import { type Candidate, type Conflict, type Entity, type Fields, TidemarkError } from '@tidemark/client'
import { type ReactElement, type ReactNode, useId, useState } from 'react'
import { ago } from './status-words.ts'
import { useNow } from './use-now.ts'

export interface ConflictWords {
  /** What happened. */
  readonly title: (conflict: Conflict) => ReactNode
  readonly before: (base: ReactNode) => ReactNode
  readonly author: (name: ReactNode, ago: string, candidate: Candidate) => ReactNode
  readonly reason: string
  readonly decide: string
  readonly overtaken: string
  readonly unreadable: string
}

export const conflictWords: ConflictWords = {
  title: ({ field, candidates }) => `${field} was set to ${candidates.length} values by people who did not know of each other.`,
  before: (base) => <>It was {base} before.</>,
  author: (name, when, { kind }) => (
    <>
      {kind === 'decide' ? 'Decided by' : kind === 'withdraw' ? 'Put back by' : 'Set by'} {name}, {when}
    </>
  ),
  reason: 'Why (optional)',
  decide: 'Decide for everybody',
  overtaken: 'Something more came in while you were choosing. Please look again.',
  unreadable: 'A value of a newer version of this app',
}

export interface ConflictChooserProps<F extends Fields> {
  readonly entity: Entity<F>
  /** One of `useConflicts(entity)`. */
  readonly conflict: Entity<F>['conflicts'][number]
  /** What a person calls a value of the field. */
  readonly value?: (value: unknown, field: string) => ReactNode
  /** What a person calls a user. */
  readonly author?: (user: string) => ReactNode
  /** A control for a value that nobody set yet; it calls `pick` with one. */
  readonly other?: (pick: (value: unknown) => void) => ReactNode
  readonly words?: Partial<ConflictWords>
}

type Choice = { readonly choose: string } | { readonly value: unknown }

/** The values side by side, who set each and when, a reason, and one button. Unstyled: classes `tidemark-conflict…`. */
export function ConflictChooser<F extends Fields>(props: ConflictChooserProps<F>): ReactElement {
  const { entity, value = String, author = (user) => user || 'somebody', other } = props
  // reason: the chooser shows values of any type; those of F are exact for whoever calls it.
  const conflict = props.conflict as unknown as Conflict
  const words = { ...conflictWords, ...props.words }
  const id = useId()
  const nowMs = useNow(20_000)
  const [pick, setPick] = useState<{ readonly conflict: Conflict; readonly choice: Choice } | null>(null)
  const [reason, setReason] = useState('')
  const [failure, setFailure] = useState<TidemarkError | null>(null)
  const choice = pick?.conflict === conflict ? pick.choice : null
  const choose = (next: Choice): void => setPick({ conflict, choice: next })

  const decide = (): void => {
    if (choice === null) return
    try {
      entity.write(() => conflict.decide(choice, { reason: reason.trim() }))
      setFailure(null)
    } catch (error) {
      if (!(error instanceof TidemarkError)) throw error
      setFailure(error)
    }
  }

  return (
    <section className="tidemark-conflict" data-field={conflict.field} aria-labelledby={id}>
      <p id={id} className="tidemark-conflict-title">
        {words.title(conflict)}
      </p>
      {!conflict.basesDiffer && conflict.base !== undefined && (
        <p className="tidemark-conflict-before">{words.before(value(conflict.base, conflict.field))}</p>
      )}
      <div role="radiogroup" aria-labelledby={id}>
        {conflict.candidates.map((candidate) => (
          <label key={candidate.id} className="tidemark-conflict-candidate">
            <input
              type="radio"
              name={id}
              checked={choice !== null && 'choose' in choice && candidate.ids.includes(choice.choose)}
              disabled={candidate.problem !== null}
              onChange={() => choose({ choose: candidate.id })}
            />
            <span className="tidemark-conflict-value">
              {candidate.problem === null ? value(candidate.value, conflict.field) : words.unreadable}
            </span>
            {candidate.authors.map(({ user, at }) => (
              <span key={`${user} ${at}`} className="tidemark-conflict-author">
                {words.author(author(user), ago(nowMs - at), candidate)}
              </span>
            ))}
            {conflict.basesDiffer && candidate.base !== undefined && (
              <span className="tidemark-conflict-before">{words.before(value(candidate.base, conflict.field))}</span>
            )}
          </label>
        ))}
        {other?.((next) => choose({ value: next }))}
      </div>
      <p className="tidemark-conflict-overtaken" aria-live="polite">
        {pick !== null && choice === null && words.overtaken}
      </p>
      <label className="tidemark-conflict-reason">
        {words.reason}
        <input value={reason} onChange={(event) => setReason(event.target.value)} />
      </label>
      <button type="button" disabled={choice === null} onClick={decide}>
        {words.decide}
      </button>
      {failure !== null && (
        <p className="tidemark-conflict-problem" role="alert">
          <strong>{failure.sentence}</strong> {failure.remedy}
        </p>
      )}
    </section>
  )
}
