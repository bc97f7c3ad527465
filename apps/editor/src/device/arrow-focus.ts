/** Moves the focus between the items of a list or toolbar with arrow keys, Home and End. */
import type { KeyboardEvent } from 'react'

const steps: Readonly<Record<'vertical' | 'horizontal', Readonly<Record<string, number>>>> = {
  vertical: { ArrowDown: 1, ArrowUp: -1 },
  horizontal: { ArrowRight: 1, ArrowLeft: -1 },
}

/** A key handler for the container of the items that `selector` finds. */
export function arrowFocus(direction: 'vertical' | 'horizontal', selector: string) {
  return (event: KeyboardEvent<HTMLElement>): void => {
    const items = [...event.currentTarget.querySelectorAll<HTMLElement>(selector)]
    const target = items[nextIndex(direction, event.key, items.indexOf(document.activeElement as HTMLElement), items.length)]
    if (target === undefined) return
    event.preventDefault()
    target.focus()
  }
}

function nextIndex(direction: 'vertical' | 'horizontal', key: string, current: number, count: number): number {
  if (key === 'Home') return 0
  if (key === 'End') return count - 1
  const step = steps[direction][key]
  if (step === undefined) return -1
  return Math.min(count - 1, Math.max(0, current + step))
}
