import { useEffect, useState } from 'react'
import type { Fieldbook } from '../fieldbook.ts'
import { matches, newestFirst, Report, type ReportRow } from '../report/report.ts'

interface Reports {
  /** `null` until the stored rows are read. */
  readonly rows: readonly ReportRow[] | null
  readonly hasMore: boolean
}

/** The reports that match `search`, newest first, live. The rows of the last search stay until the next are there. */
export function useReports({ space }: Fieldbook, search: string, limit: number): Reports {
  const [rows, setRows] = useState<readonly ReportRow[] | null>(null)
  useEffect(() => {
    // One row more than is shown tells whether there are more.
    const query = space.query(Report, {
      orderBy: newestFirst,
      limit: limit + 1,
      ...(search === '' ? {} : { where: (row) => matches(row, search) }),
    })
    const show = (): void => {
      if (query.isLoaded) setRows(query.get())
    }
    const unsubscribe = query.subscribe(show)
    void query.loaded.then(show)
    show()
    return () => {
      unsubscribe()
      query.close()
    }
  }, [space, search, limit])
  return { rows: rows?.slice(0, limit) ?? null, hasMore: (rows?.length ?? 0) > limit }
}
