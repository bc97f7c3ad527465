/** What the commands print: lines for people, JSON where it is asked for. */
import type { DocumentDetails, DocumentSummary, SpaceSummary, VerifyReport } from '@tidemark/relay'

export interface Report {
  /** Lines for people, or `value` as one line of JSON. */
  say(value: unknown, lines: () => readonly string[]): void
}

export const createReport = (isJson: boolean, write: (text: string) => void = (text) => void process.stdout.write(text)): Report => ({
  say: (value, lines) =>
    write(
      isJson
        ? `${JSON.stringify(value)}\n`
        : lines()
            .map((line) => `${line}\n`)
            .join(''),
    ),
})

/** Columns as wide as what stands in them; numbers to the right. */
export function tableOf(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string[] {
  const all = [head, ...rows].map((row) => row.map(String))
  const widths = head.map((_, i) => Math.max(...all.map((row) => row[i]?.length ?? 0)))
  const isNumber = head.map((_, i) => rows.every((row) => typeof row[i] === 'number'))
  return all.map((row) =>
    row
      .map((cell, i) => (isNumber[i] ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)))
      .join('  ')
      .trimEnd(),
  )
}

export const spaceLines = (spaces: readonly SpaceSummary[]): string[] =>
  tableOf(
    ['space', 'documents', 'purged', 'head', 'bytes', 'incarnations'],
    spaces.map((one) => [one.space, one.documents, one.purged, one.head, one.bytes, one.incarnations]),
  )

export const documentLines = (documents: readonly DocumentSummary[]): string[] =>
  tableOf(
    ['document', 'number', 'seq', 'updates', 'bytes', 'state'],
    documents.map((one) => [one.document, one.number, one.seq, one.updates, one.bytes, one.isPurged ? 'purged' : '']),
  )

export const detailLines = (one: DocumentDetails): string[] => [
  `document   ${one.document}${one.isPurged ? ' (purged)' : ''}`,
  `number     ${one.number}`,
  `last seq   ${one.seq}`,
  `updates    ${one.updates} behind the snapshot`,
  `bytes      ${one.bytes}, the snapshot stored in ${one.storedSnapshotBytes}`,
  `clients    ${one.clients}`,
  `roots      ${one.roots.join(', ') || 'none'}`,
  ...one.authors.map(({ principal, kind, updates }) => `by         ${principal} (${kind}): ${updates}`),
]

export const verifyLines = ({ depth, spaces, documents, tookMs, problems }: VerifyReport): string[] => [
  ...problems.map(({ space, document, what }) => [space, document, what].filter((part) => part !== null).join(' ')),
  `${problems.length === 0 ? 'sound' : `${problems.length} problems`}: ${depth} check of ${spaces} spaces${depth === 'full' ? `, ${documents} documents` : ''} in ${tookMs} ms`,
]
