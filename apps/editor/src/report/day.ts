/** Days as they are stored, `2026-11-23`, and as a person reads them. */

// The app speaks English, so its dates do too, in the reader's own kind of it where there is one.
const locale = navigator.language.startsWith('en') ? navigator.language : 'en-GB'

/** The local day as it is stored. */
export function dayOf(date: Date): string {
  return `${date.getFullYear()}-${String(date.getMonth() + 1).padStart(2, '0')}-${String(date.getDate()).padStart(2, '0')}`
}

function parse(day: string | undefined): Date | null {
  // Noon, so that no clock change moves the day.
  const date = new Date(`${day}T12:00:00`)
  return Number.isNaN(date.getTime()) ? null : date
}

/** A day in a list: `Today`, `Yesterday`, `12 Nov`, `12 Nov 2024`; empty for what is no day. */
export function shortDay(day: string | undefined, now: Date): string {
  const date = parse(day)
  if (date === null) return ''
  if (day === dayOf(now)) return 'Today'
  if (day === dayOf(new Date(now.getFullYear(), now.getMonth(), now.getDate() - 1))) return 'Yesterday'
  const thisYear = date.getFullYear() === now.getFullYear()
  return date.toLocaleDateString(locale, { day: 'numeric', month: 'short', ...(thisYear ? {} : { year: 'numeric' }) })
}

/** A day on its own: `Monday 23 November 2026`; an invitation for what is no day. */
export function longDay(day: string | undefined): string {
  return parse(day)?.toLocaleDateString(locale, { weekday: 'long', day: 'numeric', month: 'long', year: 'numeric' }) ?? 'Choose a day'
}

/** A moment to the minute: `14:32` today, otherwise `12 Nov, 14:32` or `12 Nov 2024, 14:32`. */
export function exactMoment(atMs: number, nowMs: number): string {
  const [date, now] = [new Date(atMs), new Date(nowMs)]
  const time = date.toLocaleTimeString(locale, { hour: '2-digit', minute: '2-digit' })
  return dayOf(date) === dayOf(now) ? time : `${shortDay(dayOf(date), now)}, ${time}`
}

/** A moment in full, for who wants to know exactly. */
export const fullMoment = (atMs: number): string => new Date(atMs).toLocaleString(locale, { dateStyle: 'full', timeStyle: 'medium' })
