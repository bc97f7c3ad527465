/** A sentence about what is wrong, and what to do about it. */
import type { ReactNode } from 'react'

interface Props {
  readonly sentence: string
  readonly remedy: string
  /** `warning` while nothing is lost yet, `note` for what is merely so. */
  readonly tone?: 'problem' | 'warning' | 'note'
  readonly children?: ReactNode
}

export function Problem({ sentence, remedy, tone = 'problem', children }: Props) {
  return (
    <div className={tone} role={tone === 'note' ? undefined : 'alert'}>
      <p className="sentence">{sentence}</p>
      <p className="remedy">{remedy}</p>
      {children}
    </div>
  )
}
