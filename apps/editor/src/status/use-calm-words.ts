import type { StatusWords } from '@tidemark/react'
import { useEffect, useState } from 'react'

const holdMs = 600

/**
 * The words, but with "busy" held for a moment after it is over, so that the pill does not flicker with each keystroke.
 * It errs on the careful side: it may still say that something is being sent, never that all is confirmed too early.
 */
export function useCalmWords(words: StatusWords): StatusWords {
  const [busy, setBusy] = useState<StatusWords | null>(null)
  const isBusy = words.tone === 'busy'
  useEffect(() => {
    if (isBusy) return setBusy(words)
    if (words.tone !== 'good') return setBusy(null)
    const timer = setTimeout(() => setBusy(null), holdMs)
    return () => clearTimeout(timer)
  }, [isBusy, words])
  return words.tone === 'good' && busy !== null ? { ...words, tone: busy.tone, short: busy.short } : words
}
