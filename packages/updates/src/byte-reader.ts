/**
 * A strict reader of the V1 encoding's primitives.
 *
 * Yjs's own decoder checks little: it reads past lengths, accepts bad UTF-8 and allocates what a length
 * promises. This one throws `updates/invalid` instead and steps over content without building it.
 */
import { TidemarkError } from '@tidemark/base'
import { updateLimits } from './limits.ts'

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export const invalid = (rule: string, cause?: unknown): TidemarkError =>
  new TidemarkError('updates/invalid', rule, cause === undefined ? undefined : { cause })

export class ByteReader {
  readonly bytes: Uint8Array
  position = 0

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }

  get left(): number {
    return this.bytes.length - this.position
  }

  byte(): number {
    const value = this.bytes[this.position]
    if (value === undefined) throw invalid('the update ends early')
    this.position++
    return value
  }

  /** A variable-length whole number below 2^53, seven bits a byte, least significant first. */
  number(): number {
    let value = 0
    let factor = 1
    for (;;) {
      const next = this.byte()
      value += (next & 0x7f) * factor
      if (value > Number.MAX_SAFE_INTEGER) throw invalid('a number is larger than 2^53 - 1')
      if (next < 0x80) return value
      factor *= 0x80
      if (factor > 2 ** 53) throw invalid('a number is longer than 53 bits')
    }
  }

  /** Steps over a signed variable-length number: six bits in the first byte, then seven a byte. */
  skipSigned(): void {
    let length = 1
    while (this.byte() >= 0x80) if (++length > 9) throw invalid('a number is longer than 53 bits')
  }

  count(max: number, bytesEach: number, what: string): number {
    const count = this.number()
    if (count > max || count * bytesEach > this.left)
      throw invalid(`${count} ${what} where at most ${max} may and ${this.left} bytes can stand`)
    return count
  }

  skip(length: number): void {
    if (length > this.left) throw invalid('the update ends early')
    this.position += length
  }

  sized(): Uint8Array {
    const length = this.number()
    const start = this.position
    this.skip(length)
    return this.bytes.subarray(start, start + length)
  }

  text(): string {
    const bytes = this.sized()
    try {
      return utf8.decode(bytes)
    } catch (cause) {
      throw invalid('a text is not UTF-8', cause)
    }
  }

  /** A name that becomes a key somewhere: bounded, and never `__proto__`. */
  name(): string {
    const name = this.text()
    if (name.length > updateLimits.maxNameBytes) throw invalid(`a name of ${name.length} characters`)
    if (name === '__proto__') throw invalid('a name is __proto__')
    return name
  }
}
