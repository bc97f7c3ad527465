/** A sentence about what is wrong, and what to do about it. */
import type { ReactNode } from 'react'

interface Props {
  readonly sentence: string
  readonly remedy: string
  /** `note` for what is merely so, and nobody's failure. */
  readonly tone?: 'problem' | 'note'
  readonly children?: ReactNode
}

export function Problem({ sentence, remedy, tone = 'problem', children }: Props) {
  return (
    <div className={tone} role={tone === 'problem' ? 'alert' : undefined}>
      <p className="sentence">{sentence}</p>
      <p className="remedy">{remedy}</p>
      {children}
    </div>
  )
}
