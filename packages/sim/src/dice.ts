/**
 * Chance from a seed.
 *
 * Each purpose has dice of its own, so that one more draw for the network does not change what people type:
 * that is what lets a failing run be shrunk.
 */
import type { Random } from '@tidemark/base'

/** A `Random` that a seed decides, with the draws a simulation needs. */
export interface Dice extends Random {
  /** From 0 (inclusive) to 1 (exclusive). */
  fraction(): number
  /** A whole number from 0 to `limit - 1`. */
  below(limit: number): number
  /** A whole number from `least` to `most`, both included. */
  between(least: number, most: number): number
  /** True with this probability. */
  chance(probability: number): boolean
  /** One of a list that is not empty. */
  pick<T>(list: readonly T[]): T
  /** Index of one of `weights`, in proportion to them. */
  weighted(weights: readonly number[]): number
}

/** Dice for one purpose of one seed; the same names give the same draws on every machine. */
export function seededDice(seed: number, purpose: string): Dice {
  const next = generator(seed, purpose)
  const fraction = (): number => next() / 2 ** 32
  const below = (limit: number): number => Math.floor(fraction() * limit)
  return {
    uint32: next,
    fraction,
    below,
    between: (least, most) => least + below(most - least + 1),
    chance: (probability) => fraction() < probability,
    pick: (list) => list[below(list.length)] as (typeof list)[number],
    weighted: (weights) => {
      let rest = fraction() * weights.reduce((sum, weight) => sum + weight, 0)
      const index = weights.findIndex((weight) => {
        rest -= weight
        return rest < 0
      })
      return index < 0 ? weights.length - 1 : index
    },
  }
}

/** The generator "sfc32" (Doty-Humphrey, PractRand), seeded by four runs of FNV-1a over the names. */
function generator(seed: number, purpose: string): () => number {
  let a = hash32(`a ${seed} ${purpose}`)
  let b = hash32(`b ${seed} ${purpose}`)
  let c = hash32(`c ${seed} ${purpose}`)
  let counter = 1
  const next = (): number => {
    const sum = (((a + b) | 0) + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (((c << 21) | (c >>> 11)) + sum) | 0
    return sum >>> 0
  }
  for (let i = 0; i < 12; i++) next()
  return next
}

function hash32(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash >>> 0
}
