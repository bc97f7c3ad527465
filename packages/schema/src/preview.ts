/**
 * The beginning of a text field as one line of plain text.
 *
 * It walks Yjs items and stops when it has enough, so a huge document costs no more than a small one; `toString()` would
 * read all of it. Content that is not text is passed over, whatever it is.
 */
import * as Y from 'yjs'
import { limits } from './limits.ts'

/** What the walk needs of a Yjs type. */
interface Sequence {
  readonly _start: Y.Item | null
}

interface Walk {
  text: string
  itemsLeft: number
}

/** At most `limits.previewCharacters` of the text in `type`, white space folded, with an ellipsis where it was cut. */
export function previewText(type: Sequence): string {
  const walk: Walk = { text: '', itemsLeft: limits.previewItems }
  collect(type, walk, 0)
  const line = walk.text.replace(/\s+/gu, ' ').trim()
  if (line.length <= limits.previewCharacters && !enough(walk)) return line
  return `${line
    .slice(0, limits.previewCharacters - 1)
    .replace(/[\ud800-\udbff]$/u, '')
    .trimEnd()}…`
}

// Folding white space shortens, so a little more than the preview is gathered.
const enough = (walk: Walk): boolean => walk.text.length > 2 * limits.previewCharacters || walk.itemsLeft <= 0

function collect(type: Sequence, walk: Walk, depth: number): void {
  for (let item = type._start; item !== null && !enough(walk); item = item.right) {
    walk.itemsLeft--
    if (item.deleted) continue
    if (item.content instanceof Y.ContentString) walk.text += item.content.str.slice(0, 2 * limits.previewCharacters + 1)
    else if (item.content instanceof Y.ContentType && depth < limits.previewDepth) {
      collect(item.content.type, walk, depth + 1)
      if (!(item.content.type instanceof Y.XmlText)) walk.text += ' '
    }
  }
}
