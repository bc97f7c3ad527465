/** A sentence about what is wrong, and what to do about it. */
import type { ReactNode } from 'react'

interface Props {
  readonly sentence: string
  readonly remedy: string
  readonly children?: ReactNode
}

export function Problem({ sentence, remedy, children }: Props) {
  return (
    <div className="problem">
      <p className="problem-sentence">{sentence}</p>
      <p className="problem-remedy">{remedy}</p>
      {children}
    </div>
  )
}
