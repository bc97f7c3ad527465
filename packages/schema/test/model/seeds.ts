/**
 * Histories that the model once found a fault by, each with the seed and the cause. They stay.
 */
import type { Step } from './world.ts'

/**
 * Seed -1882963574, two entries kept. A removal came before what superseded the removed value, so the document waited
 * with that value shown but gone from the array; two withdrawals, which count only where no value stands, were then taken
 * for two candidates, and a set over what was shown was refused as in conflict.
 */
export const removalBeforeSuccessor: readonly Step[] = [
  { type: 'set', at: 2, value: 'b' },
  { type: 'delete', at: 0 },
  { type: 'restore', at: 0 },
  { type: 'deliver', to: 1, pick: 0 },
  { type: 'set', at: 3, value: 'a' },
  { type: 'sync', from: 3, to: 2 },
  { type: 'sync', from: 1, to: 0 },
  { type: 'undo', at: 2 },
  { type: 'sync', from: 0, to: 3 },
  { type: 'set', at: 1, value: 'a' },
  { type: 'set', at: 3, value: 'a' },
  { type: 'set', at: 3, value: 'a' },
  { type: 'withdraw', at: 1 },
  { type: 'sync', from: 2, to: 1 },
  { type: 'delete', at: 0 },
  { type: 'look', at: 1 },
  { type: 'set', at: 3, value: 'a' },
  { type: 'deliver', to: 1, pick: 230 },
  { type: 'deliver', to: 0, pick: 0 },
  { type: 'set', at: 1, value: 'a' },
]
