/** A set of small whole numbers, one bit each: which document numbers a session has been told the name of. */
export class NumberSet {
  #bits = new Uint8Array(16)

  has(value: number): boolean {
    return ((this.#bits[value >>> 3] ?? 0) & (1 << (value & 7))) !== 0
  }

  add(value: number): void {
    const index = value >>> 3
    if (index >= this.#bits.length) {
      const grown = new Uint8Array(Math.max(index + 1, this.#bits.length * 2))
      grown.set(this.#bits)
      this.#bits = grown
    }
    this.#bits[index] = (this.#bits[index] as number) | (1 << (value & 7))
  }
}
