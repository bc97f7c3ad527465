import type { Edit } from '@tidemark/client'
import { useEffect, useLayoutEffect, useState } from 'react'
import type { OpenReport } from '../fieldbook.ts'
import type { Report } from './report.ts'
import { ShownValue } from './shown-value.ts'

type ReportEdit = Edit<typeof Report.fields>

/** Follows what is drawn of one critical field; `drawn` is what `report.value` has of it. See `ShownValue`. */
export function useShownValue(report: OpenReport, drawn: unknown): ShownValue<ReportEdit> {
  const [shown] = useState(() => new ShownValue<ReportEdit>(report.edit()))
  // Every reading of the field is an object of its own, so this runs when what stands there changes and at no other time.
  // In the layout effect, before anything else can arrive: the edit is of exactly what was just drawn.
  useLayoutEffect(() => {
    void drawn
    shown.draw(report.edit(), performance.now())
  }, [report, shown, drawn])
  useEffect(() => {
    const onVisibility = (): void => {
      if (document.visibilityState === 'visible') shown.appear(performance.now())
    }
    document.addEventListener('visibilitychange', onVisibility)
    return () => document.removeEventListener('visibilitychange', onVisibility)
  }, [shown])
  return shown
}
