/**
 * Chance as a port, so that a seed decides it in the simulator.
 *
 * `systemRandom` draws from the platform's cryptographic source.
 */
export interface Random {
  /** A whole number from 0 to 2^32 - 1. */
  uint32(): number
}

/** Numbers drawn at once: asking the platform costs many times what a number does, and each open document takes one. */
const drawn = new Uint32Array(256)
let left = 0

/** The platform's cryptographic random source. */
export const systemRandom: Random = {
  uint32() {
    if (left === 0) left = crypto.getRandomValues(drawn).length
    left--
    const number = drawn[left] as number
    // What was given out is nobody else's to read.
    drawn[left] = 0
    return number
  },
}

/** A number from 0 (inclusive) to 1 (exclusive), with 32 bits. */
export const fraction = (random: Random): number => random.uint32() / 2 ** 32

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_'

/** An id of 22 URL-safe characters (132 bits), for documents, replicas, writers and incarnations. */
export function randomId(random: Random): string {
  let id = ''
  while (id.length < 22) {
    let bits = random.uint32()
    for (let i = 0; i < 5 && id.length < 22; i++, bits >>>= 6) id += alphabet[bits & 63]
  }
  return id
}

/**
 * A Yjs client id for one `Y.Doc` instance: 32 bits, never 0.
 *
 * It must never be stored, shared or used again: two live documents with one id lose values silently.
 */
export function randomClientId(random: Random): number {
  for (;;) {
    const id = random.uint32()
    if (id !== 0) return id
  }
}
