import { defineEntity, latest, richText } from '@tidemark/client'
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { z } from 'zod'
import { Report } from '../src/report/report.ts'

/** Reports as they were before they had a severity and a verdict. */
const FirstReport = defineEntity('report', {
  version: 1,
  fields: {
    title: latest(z.string()),
    openedOn: latest(z.iso.date()),
    createdAtMs: latest(z.number().default(0)),
    body: richText(),
  },
})

const first = { title: 'Roof', openedOn: '2026-11-23' }

describe('a report', () => {
  test('from before the critical fields opens as one that nobody has assessed', () => {
    const doc = new Y.Doc({ guid: 'old' })
    FirstReport.initialise(doc, first, { user: 'ann' })
    const report = Report.attach(doc, { user: 'bob' })
    expect(report.invalid).toEqual([])
    expect(report.value).toMatchObject({
      title: 'Roof',
      severity: { status: 'settled', value: 'none' },
      verdict: { status: 'settled', value: 'open' },
    })
    report.edit().set({ severity: 'major' })
    expect(report.value.severity).toMatchObject({ status: 'settled', value: 'major' })
    expect(FirstReport.attach(doc).value.title).toBe('Roof')
  })

  test('[P4] is marked in the list when two set it apart, and one person alone never contradicts themselves', () => {
    const [here, there] = [new Y.Doc({ guid: 'r' }), new Y.Doc({ guid: 'r' })]
    Report.initialise(here, first, { user: 'ann' })
    Y.applyUpdate(there, Y.encodeStateAsUpdate(here))
    const share = (): void => Y.applyUpdate(here, Y.encodeStateAsUpdate(there))
    const [ann, annAgain] = [Report.attach(here, { user: 'ann' }), Report.attach(there, { user: 'ann' })]
    ann.edit().set({ severity: 'major' })
    annAgain.edit().set({ severity: 'danger' })
    share()
    expect(Report.row(here).$conflicts).toBeUndefined()
    Report.attach(there, { user: 'bob' }).edit().set({ verdict: 'passed' })
    ann.edit().set({ verdict: 'failed' })
    share()
    expect(Report.row(here)).toMatchObject({ $conflicts: 1, verdict: { status: 'conflict' } })
  })
})
