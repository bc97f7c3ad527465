/** The recorded editing session in `data/`; see its README for the notice. */
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'

/** At `position`, `deletedCount` characters go and `inserted` comes. */
export type Edit = readonly [position: number, deletedCount: number, inserted: string]

const folder = new URL('../data/', import.meta.url)

export function readTrace(): readonly Edit[] {
  const lines = gunzipSync(readFileSync(new URL('paper.trace.jsonl.gz', folder))).toString('utf8')
  return lines
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Edit)
}

export const readFinalText = (): string => readFileSync(new URL('paper.final.txt', folder), 'utf8')

/** The text that `edits` end in, without any of our code. */
export function textAfter(edits: readonly Edit[]): string {
  let text = ''
  for (const [position, deletedCount, inserted] of edits) text = text.slice(0, position) + inserted + text.slice(position + deletedCount)
  return text
}
