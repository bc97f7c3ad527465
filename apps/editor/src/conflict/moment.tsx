import { ago } from '@tidemark/react'
import { exactMoment, fullMoment } from '../report/day.ts'

/** When something was done: how long ago, and exactly. */
export function Moment({ atMs, nowMs }: { readonly atMs: number; readonly nowMs: number }) {
  return (
    <time className="moment" dateTime={new Date(atMs).toISOString()} title={fullMoment(atMs)}>
      {ago(nowMs - atMs)} · {exactMoment(atMs, nowMs)}
    </time>
  )
}
