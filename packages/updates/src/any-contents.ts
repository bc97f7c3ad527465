/**
 * The JSON-like values that stand in an update as contents of their own, with the place of each.
 *
 * Why it exists: whoever watches over what is written into a document must read single values without building it.
 */
import * as decoding from 'lib0/decoding'
import { contentKinds, infoBits, type ValidUpdate } from './valid-update.ts'

export interface AnyContent {
  readonly client: number
  readonly clock: number
  /** As lib0 decodes it; its parts are the caller's own. */
  readonly value: unknown
}

/** First byte of an object in lib0's `any` encoding. */
const objectByte = 118

/** Every plain object that is a content by itself: elements of arrays and values of maps. The update was validated, so nothing throws. */
export function* objectContents({ bytes, clients }: ValidUpdate): Generator<AnyContent, void> {
  for (const { client, structs } of clients) {
    for (const struct of structs) {
      if ((struct.info & infoBits.kind) !== contentKinds.any) continue
      const decoder = decoding.createDecoder(bytes.subarray(struct.contentStart, struct.end))
      const length = decoding.readVarUint(decoder)
      for (let i = 0; i < length; i++) {
        const isObject = decoder.arr[decoder.pos] === objectByte
        const value: unknown = decoding.readAny(decoder)
        if (isObject) yield { client, clock: struct.clock + i, value }
      }
    }
  }
}
