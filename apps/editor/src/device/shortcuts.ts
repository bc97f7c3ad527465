/**
 * The keyboard shortcuts of the app, which no browser keeps for itself on a page: Ctrl/Cmd+K searches, Alt+N begins a report.
 */
import { useEffect } from 'react'

export const isApple = /Mac|iPhone|iPad/.test(navigator.userAgent)

/** The shortcuts as a person reads them. */
export const shortcutLabels = { search: isApple ? '⌘K' : 'Ctrl K', create: isApple ? '⌥N' : 'Alt N' } as const

interface Actions {
  readonly search: () => void
  readonly create: () => void
}

export function useShortcuts({ search, create }: Actions): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      const action = actionOf(event)
      if (action === null) return
      event.preventDefault()
      if (action === 'search') search()
      else create()
    }
    window.addEventListener('keydown', onKey)
    return () => window.removeEventListener('keydown', onKey)
  }, [search, create])
}

function actionOf(event: KeyboardEvent): keyof Actions | null {
  const command = isApple ? event.metaKey : event.ctrlKey
  if (command && !event.altKey && !event.shiftKey && event.key.toLowerCase() === 'k') return 'search'
  // The code and not the key: Alt+N types a dead key on some layouts.
  if (event.altKey && !event.ctrlKey && !event.metaKey && event.code === 'KeyN') return 'create'
  return null
}
