/**
 * The trace of a run: every event that reached the world's surface, in order, as a rolling hash, and as lines
 * when they are wanted. Two runs of one seed have the same hash, on any machine.
 */
export class Trace {
  readonly #lines: string[] | null
  #low = 0x811c9dc5
  #high = 0x01000193
  #count = 0

  constructor(isKept: boolean) {
    this.#lines = isKept ? [] : null
  }

  get lines(): readonly string[] {
    return this.#lines ?? []
  }

  /** 16 hexadecimal digits over everything noted so far. */
  get hash(): string {
    const hex = (word: number): string => (word >>> 0).toString(16).padStart(8, '0')
    return hex(this.#high) + hex(this.#low)
  }

  get count(): number {
    return this.#count
  }

  note(atMs: number, text: string): void {
    this.#count++
    const line = `${atMs} ${text}`
    for (let i = 0; i < line.length; i++) this.#mix(line.charCodeAt(i))
    this.#mix(10)
    this.#lines?.push(line)
  }

  /** Takes bytes that travelled or were stored into the hash, so that equal traces mean equal bytes. */
  bytes(atMs: number, text: string, bytes: Uint8Array): void {
    for (const byte of bytes) this.#mix(byte)
    this.note(atMs, `${text} ${bytes.length}`)
  }

  #mix(value: number): void {
    this.#low = Math.imul(this.#low ^ value, 0x01000193)
    this.#high = Math.imul(this.#high ^ (this.#low >>> 15) ^ value, 0x85ebca6b)
  }
}
