/** The one entity of Fieldbook: what somebody saw in the field, on a day, in words. */
import { critical, defineEntity, latest, richText } from '@tidemark/client'
import { z } from 'zod'
import { severities, verdicts } from './assessment.ts'

export const titleCharacters = 200

export const Report = defineEntity('report', {
  version: 1,
  fields: {
    title: latest(z.string().max(titleCharacters)),
    openedOn: latest(z.iso.date()),
    createdAtMs: latest(z.number().int().nonnegative().default(0)),
    // Others act on these two, so nobody's value may go unseen. They read as a union: no reader can take an open value for
    // a settled one. Reports written before they existed read as the defaults. A person never contradicts themselves.
    severity: critical(z.enum(severities).default('none'), { sameAuthor: 'latest' }),
    verdict: critical(z.enum(verdicts).default('open'), { sameAuthor: 'latest' }),
    body: richText(),
  },
})

/** A row of the list: the fields, and the beginning of the body. */
export interface ReportRow {
  readonly id: string
  readonly value: {
    readonly title: string
    readonly openedOn: string
    readonly createdAtMs: number
    readonly body: string
    /** How many fields a person has to decide. */
    readonly $conflicts?: number
  }
}

/** Newest first: by the day of the report, then by when it was written down. */
export const newestFirst = (a: ReportRow, b: ReportRow): number =>
  (b.value.openedOn ?? '').localeCompare(a.value.openedOn ?? '') || b.value.createdAtMs - a.value.createdAtMs

/** Whether the row holds every word of `search`, in its title, its date or the beginning of its text. */
export function matches(row: ReportRow, search: string): boolean {
  const content = `${row.value.title ?? ''} ${row.value.openedOn ?? ''} ${row.value.body}`.toLocaleLowerCase()
  return search
    .toLocaleLowerCase()
    .split(/\s+/)
    .every((word) => content.includes(word))
}
