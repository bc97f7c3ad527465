/**
 * Steps over the values inside an update: lib0's `any` encoding, and JSON texts of embeds and formats.
 *
 * Nothing is built but texts (to know that they are UTF-8); nesting is bounded, since every reader
 * of the document would recurse as deep as the value.
 */
import { type ByteReader, invalid } from './byte-reader.ts'
import { updateLimits } from './limits.ts'

export function skipValue(reader: ByteReader, depth = 0): void {
  if (depth > updateLimits.maxValueDepth) throw invalid(`a value is nested deeper than ${updateLimits.maxValueDepth}`)
  const kind = reader.byte()
  switch (kind) {
    case 127: // undefined
    case 126: // null
    case 121: // false
    case 120: // true
      return
    case 125:
      return reader.skipSigned()
    case 124:
      return reader.skip(4)
    case 123:
    case 122:
      return reader.skip(8)
    case 119:
      reader.text()
      return
    case 118:
      for (let left = reader.count(updateLimits.maxStructs, 2, 'keys'); left > 0; left--) {
        reader.name()
        skipValue(reader, depth + 1)
      }
      return
    case 117:
      for (let left = reader.count(updateLimits.maxStructs, 1, 'elements'); left > 0; left--) skipValue(reader, depth + 1)
      return
    case 116:
      reader.sized()
      return
    default:
      throw invalid(`no value of kind ${kind}`)
  }
}

export function skipJson(reader: ByteReader): void {
  const text = reader.text()
  if (jsonDepth(text) > updateLimits.maxValueDepth) throw invalid(`a value is nested deeper than ${updateLimits.maxValueDepth}`)
  if (text.includes('__proto__')) throw invalid('a value has the key __proto__')
  if (text === 'undefined') throw invalid('a value is not JSON')
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw invalid('a value is not JSON', cause)
  }
  // Letters may be spelt as escapes.
  if (text.includes('\\u') && JSON.stringify(value).includes('__proto__')) throw invalid('a value has the key __proto__')
}

/** How deep the JSON in `text` is nested. */
export function jsonDepth(text: string): number {
  let depth = 0
  let deepest = 0
  let isInString = false
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (isInString) {
      if (code === 0x5c) i++
      else if (code === 0x22) isInString = false
    } else if (code === 0x22) isInString = true
    else if (code === 0x7b || code === 0x5b) deepest = Math.max(deepest, ++depth)
    else if (code === 0x7d || code === 0x5d) depth--
  }
  return deepest
}
