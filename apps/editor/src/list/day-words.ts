/** A stored day in words, by the language of the browser: `Today`, `Yesterday`, `12 Nov`, `12 Nov 2024`. */
import { dayOf } from '../report/report.ts'

export function dayWords(day: string | undefined, now: Date): string {
  const date = new Date(`${day}T12:00:00`)
  if (Number.isNaN(date.getTime())) return ''
  if (day === dayOf(now)) return 'Today'
  if (day === dayOf(new Date(now.getFullYear(), now.getMonth(), now.getDate() - 1))) return 'Yesterday'
  const thisYear = date.getFullYear() === now.getFullYear()
  return date.toLocaleDateString(undefined, { day: 'numeric', month: 'short', ...(thisYear ? {} : { year: 'numeric' }) })
}
