/** Text and bytes: UTF-8, and the URL-safe alphabet of RFC 4648, without padding, for keys and key material. */
import { TidemarkError } from '@tidemark/base'

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true })

export const toUtf8 = (text: string): Uint8Array<ArrayBuffer> => encoder.encode(text)
/** @throws {TypeError} when the bytes are no UTF-8. */
export const fromUtf8 = (bytes: Uint8Array): string => decoder.decode(bytes)

export function toBase64Url(bytes: Uint8Array): string {
  let binary = ''
  for (const byte of bytes) binary += String.fromCharCode(byte)
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}

/** @throws {TidemarkError} `store/failed` when the text is none. */
export function fromBase64Url(text: string): Uint8Array<ArrayBuffer> {
  try {
    return Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (char) => char.charCodeAt(0))
  } catch (cause) {
    throw new TidemarkError('store/failed', 'a key of the database is not in its alphabet', { cause })
  }
}
