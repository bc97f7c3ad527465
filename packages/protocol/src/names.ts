/**
 * Names of spaces and documents, checked at every boundary.
 *
 * A document is `<type>/<id>`: the type begins with a lower-case letter, the id has 1 to 128 URL-safe
 * characters. Stock clients name documents freely; any name that `isDocumentName` permits may stand in the log.
 */
import { TidemarkError } from '@tidemark/base'
import { wireLimits } from './limits.ts'

const typePattern = /^[a-z][a-z0-9-]{0,63}$/
const idPattern = /^[A-Za-z0-9_-]{1,128}$/
const spacePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/

export const isEntityType = (type: string): boolean => typePattern.test(type)
export const isEntityId = (id: string): boolean => idPattern.test(id)
export const isSpaceName = (name: string): boolean => spacePattern.test(name)

/** @throws {TidemarkError} `protocol/name` when either part is not of the permitted form. */
export function documentName(type: string, id: string): string {
  if (!isEntityType(type))
    throw new TidemarkError('protocol/name', `an entity type matches ${typePattern.source}, not ${JSON.stringify(type)}`)
  if (!isEntityId(id)) throw new TidemarkError('protocol/name', `a document id matches ${idPattern.source}, not ${JSON.stringify(id)}`)
  return `${type}/${id}`
}

/** The two parts of an entity's document name, or null for a name that no entity has. */
export function parseDocumentName(name: string): { readonly type: string; readonly id: string } | null {
  const slash = name.indexOf('/')
  const type = name.slice(0, slash)
  const id = name.slice(slash + 1)
  return slash > 0 && isEntityType(type) && isEntityId(id) ? { type, id } : null
}

/** Whether a document name may stand in the log: 1 to 256 characters, none of them a control character. */
export const isDocumentName = (name: string): boolean =>
  name.length > 0 && name.length <= maxDocumentNameLength && !hasControlCharacter(name) && name.isWellFormed()

const maxDocumentNameLength = Math.min(256, wireLimits.maxTextBytes)

function hasControlCharacter(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code < 0x20 || code === 0x7f) return true
  }
  return false
}
