/** What the relay refused and this device keeps: what it is, why, and what a person may do with it. */
import { errors, type RefusedChange, type RefusedPreview, TidemarkError } from '@tidemark/client'
import { type ReactElement, type ReactNode, useEffect, useState } from 'react'
import { useSpace } from './space-provider.tsx'
import { ago } from './status-words.ts'
import { useNow } from './use-now.ts'
import { useRefused } from './use-sync.ts'

/** The words of the list, for other languages. */
export interface RefusedWords {
  readonly tryAgain: string
  readonly discard: string
  /** Asked before it is gone for good. */
  readonly reallyDiscard: string
  readonly accepted: string
  readonly refused: string
  /** A value that is not there. */
  readonly nothing: string
}

export const refusedWords: RefusedWords = {
  tryAgain: 'Try again',
  discard: 'Discard',
  reallyDiscard: 'Discard for good? No other device has it.',
  accepted: 'Accepted',
  refused: 'Refused',
  nothing: 'nothing',
}

export interface RefusedListProps {
  /** What a person calls the document; type and id by default. */
  readonly label?: (change: RefusedChange) => ReactNode
  /** What a person calls a field; its name by default. */
  readonly field?: (name: string, change: RefusedChange) => ReactNode
  /** How a field's value reads; JSON by default, texts as they are. */
  readonly value?: (value: unknown, name: string) => ReactNode
  /** Shown instead of the list when nothing was refused. */
  readonly empty?: ReactNode
  readonly words?: Partial<RefusedWords>
}

/** Each refused change with its reason, the fields in which it differs from what was accepted, and buttons. Classes `tidemark-refused…`. */
export function RefusedList(props: RefusedListProps): ReactNode {
  const changes = useRefused()
  const nowMs = useNow(changes.length === 0 ? null : 20_000)
  if (changes.length === 0) return props.empty ?? null
  return (
    <ul className="tidemark-refused">
      {changes.map((change) => (
        <Refused key={`${change.branch} ${change.name}`} change={change} nowMs={nowMs} {...props} />
      ))}
    </ul>
  )
}

function Refused({ change, nowMs, label, field, value, words }: RefusedListProps & { change: RefusedChange; nowMs: number }): ReactElement {
  const { refused } = useSpace()
  const [isAsking, setAsking] = useState(false)
  const [failure, setFailure] = useState<TidemarkError | null>(null)
  const said = { ...refusedWords, ...words }
  const { sentence, remedy } = errors[change.code]
  const run = (action: Promise<unknown>): void => {
    setAsking(false)
    setFailure(null)
    action.catch((error: unknown) => setFailure(error instanceof TidemarkError ? error : new TidemarkError('store/failed', String(error))))
  }
  return (
    <li className="tidemark-refused-one">
      <p className="tidemark-refused-name">
        {label?.(change) ?? `${change.type} ${change.id}`}{' '}
        <time dateTime={new Date(change.sinceMs).toISOString()}>{ago(nowMs - change.sinceMs)}</time>
      </p>
      <p className="tidemark-refused-reason">
        <strong>{sentence}</strong> {remedy}
      </p>
      <Differences change={change} field={field} value={value} words={said} />
      {failure !== null && (
        <p role="alert" className="tidemark-refused-failure">
          <strong>{failure.sentence}</strong> {failure.remedy}
        </p>
      )}
      <div className="tidemark-refused-buttons">
        <button type="button" onClick={() => run(refused.tryAgain(change))}>
          {said.tryAgain}
        </button>
        {isAsking ? (
          <button type="button" className="tidemark-refused-really" onClick={() => run(refused.discard(change))}>
            {said.reallyDiscard}
          </button>
        ) : (
          <button type="button" onClick={() => setAsking(true)}>
            {said.discard}
          </button>
        )}
      </div>
    </li>
  )
}

interface DifferencesProps {
  readonly change: RefusedChange
  readonly field: RefusedListProps['field'] | undefined
  readonly value: RefusedListProps['value'] | undefined
  readonly words: RefusedWords
}

/** The fields that read otherwise with the change and without it, side by side. */
function Differences({ change, field, value = spelled, words }: DifferencesProps): ReactNode {
  const preview = usePreview(change)
  const names = preview === null ? [] : differing(preview)
  if (preview === null || names.length === 0) return null
  const [accepted, refused] = [fieldsOf(preview.accepted), fieldsOf(preview.refused)]
  const cell = (fields: Readonly<Record<string, unknown>>, name: string): ReactNode =>
    fields[name] === undefined || fields[name] === '' ? words.nothing : value(fields[name], name)
  return (
    <table>
      <thead>
        <tr>
          <td />
          <th scope="col">{words.accepted}</th>
          <th scope="col">{words.refused}</th>
        </tr>
      </thead>
      <tbody>
        {names.map((name) => (
          <tr key={name}>
            <th scope="row">{field?.(name, change) ?? name}</th>
            <td>{cell(accepted, name)}</td>
            <td>{cell(refused, name)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function usePreview(change: RefusedChange): RefusedPreview | null {
  const { refused } = useSpace()
  const [shown, setShown] = useState<{ readonly change: RefusedChange; readonly preview: RefusedPreview } | null>(null)
  useEffect(() => {
    let isOver = false
    refused.preview(change).then(
      (preview) => {
        if (!isOver) setShown({ change, preview })
      },
      () => undefined, // reason: it left the list meanwhile, or the store's status shows why it cannot be read
    )
    return () => {
      isOver = true
    }
  }, [refused, change])
  return shown?.change === change ? shown.preview : null
}

const fieldsOf = (row: unknown): Readonly<Record<string, unknown>> => (row ?? {}) as Readonly<Record<string, unknown>>

/** Names of fields; marks such as `$deleted` are none. */
function differing({ accepted, refused }: RefusedPreview): string[] {
  const [before, after] = [fieldsOf(accepted), fieldsOf(refused)]
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter((name) => !name.startsWith('$'))
  return names.filter((name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]))
}

function spelled(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
