/** Text as people write it: words at a place, paragraphs that come, grow, are formatted and go. */
import * as Y from 'yjs'
import type { Dice } from './dice.ts'

const vocabulary = [
  'the',
  'roof',
  'is',
  'wet',
  'north',
  'wall',
  'crack',
  'of',
  '3 mm',
  'see',
  'photo',
  'ändern',
  '漢字',
  '🌊',
  'm²',
  '\n',
] as const

export const words = (dice: Dice): string => `${Array.from({ length: dice.between(1, 5) }, () => dice.pick(vocabulary)).join(' ')} `

/** What is typed in one go: a few words, and here and there a slip that is taken back. */
export function keys(dice: Dice): string {
  const typed = `${Array.from({ length: dice.between(1, 3) }, () => dice.pick(vocabulary)).join(' ')} `
  return dice.chance(0.3) ? `${typed}${'\b'.repeat(dice.between(1, 6))}` : typed
}

/** What is pasted: a few sentences. */
export const paragraph = (dice: Dice): string => Array.from({ length: dice.between(2, 8) }, () => words(dice)).join('')

/** One edit of a rich text: a new paragraph, words or a format in one that is there, or one less. */
export function editRichText(doc: Y.Doc, field: string, dice: Dice): void {
  const fragment = doc.getXmlFragment(field)
  const paragraphs = fragment.toArray().filter((node) => node instanceof Y.XmlElement)
  const text = paragraphs.length === 0 ? undefined : dice.pick(paragraphs).get(0)
  const what = dice.weighted([3, 5, 1, 1])
  doc.transact(() => {
    if (!(text instanceof Y.XmlText) || what === 0) {
      const paragraph = new Y.XmlElement('paragraph')
      paragraph.insert(0, [new Y.XmlText(words(dice))])
      fragment.insert(dice.below(fragment.length + 1), [paragraph])
    } else if (what === 1) text.insert(dice.below(text.length + 1), words(dice))
    else if (what === 2) text.format(0, wholeCharacters(text, dice.between(0, text.length)), { bold: true })
    else fragment.delete(dice.below(fragment.length), 1)
  })
}

/**
 * `length`, or one less where that is the middle of a surrogate pair, which no editor selects up to. A format that ends
 * there and changes nothing makes Yjs 13 split the pair on this replica alone, and show two U+FFFD for good.
 */
function wholeCharacters(text: Y.XmlText, length: number): number {
  const units = (text.toDelta() as { readonly insert: string }[]).map(({ insert }) => insert).join('')
  return /[\ud800-\udbff]/.test(units[length - 1] ?? '') ? length - 1 : length
}
