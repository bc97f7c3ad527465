import { useEffect, useRef } from 'react'
import { titleCharacters } from './report.ts'

interface Props {
  readonly value: string
  readonly onChange: (value: string) => void
}

/** The title, edited in place. It wraps but has no line breaks: Enter goes on to the text. */
export function TitleField({ value, onChange }: Props) {
  const field = useRef<HTMLTextAreaElement>(null)
  useEffect(() => {
    // A report without a title has just begun, so writing starts here.
    if (field.current?.value === '') field.current.focus()
  }, [])
  return (
    <textarea
      ref={field}
      className="title"
      data-testid="title"
      aria-label="Title"
      placeholder="Untitled report"
      rows={1}
      maxLength={titleCharacters}
      value={value}
      onChange={(event) =>
        onChange(
          event.target.value
            .replace(/[\r\n]+/g, ' ')
            .toWellFormed()
            .slice(0, titleCharacters),
        )
      }
      onKeyDown={(event) => {
        if (event.key !== 'Enter' || event.nativeEvent.isComposing) return
        event.preventDefault()
        document.querySelector<HTMLElement>('[data-testid="body"]')?.focus()
      }}
    />
  )
}
