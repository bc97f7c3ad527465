/** The pill that says how it stands, and the panel behind it. */

import { statusWords } from '@tidemark/react'
import { useCallback, useEffect, useId, useMemo, useRef, useState } from 'react'
import { useNow } from '../device/use-now.ts'
import { useObservable } from '../device/use-observable.ts'
import type { Fieldbook } from '../fieldbook.ts'
import { StatusPanel } from './status-panel.tsx'
import { useCalmWords } from './use-calm-words.ts'

export function StatusButton({ fieldbook }: { readonly fieldbook: Fieldbook }) {
  const [isOpen, setOpen] = useState(false)
  const box = useRef<HTMLDivElement>(null)
  const button = useRef<HTMLButtonElement>(null)
  const panelId = useId()
  const status = useObservable(fieldbook.space.status)
  const nowMs = useNow(isOpen || status.retryAtMs !== null ? 1_000 : null)
  const words = useCalmWords(useMemo(() => statusWords(status, nowMs), [status, nowMs]))
  const close = useCallback(() => setOpen(false), [])
  useDismiss(isOpen, box, close)
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: reason: it only catches Escape from the button and the panel inside.
    <div
      className="status"
      ref={box}
      onKeyDown={(event) => {
        if (event.key !== 'Escape' || !isOpen) return
        close()
        button.current?.focus()
      }}
    >
      <button
        ref={button}
        type="button"
        className="status-pill"
        data-testid="status"
        data-tone={words.tone}
        data-phase={status.phase}
        aria-expanded={isOpen}
        aria-controls={panelId}
        aria-label={`Status: ${words.short}`}
        onClick={() => setOpen(!isOpen)}
      >
        <span className="status-dot" aria-hidden="true" />
        <span className="status-short">{words.short}</span>
      </button>
      <output className="visually-hidden" aria-live="polite">
        {words.announced}
      </output>
      {isOpen && <StatusPanel id={panelId} fieldbook={fieldbook} status={status} words={words} />}
    </div>
  )
}

/** Calls `dismiss` when a person presses outside of `box`. */
function useDismiss(isOpen: boolean, box: React.RefObject<HTMLElement | null>, dismiss: () => void): void {
  useEffect(() => {
    if (!isOpen) return
    const onPress = (event: PointerEvent): void => {
      if (event.target instanceof Node && !box.current?.contains(event.target)) dismiss()
    }
    document.addEventListener('pointerdown', onPress)
    return () => document.removeEventListener('pointerdown', onPress)
  }, [isOpen, box, dismiss])
}
