/**
 * What a seed makes of the world: which faults are on, how often each comes, and how slow everything is.
 *
 * Swarm testing (Groce et al., ISSTA 2012): a seed with few faults reaches states that one with all of them
 * never does, so each seed draws its own set.
 */
import type { RelayBounds } from '@tidemark/relay'
import { type Dice, seededDice } from './dice.ts'
import { drawHookTrouble, type HookTrouble } from './simulated-hooks.ts'

/** Faults that a profile may name. Those below `ambient` colour a whole run; the others come as steps. */
export const faultNames = [
  'latency',
  'loss',
  'slow-disk',
  'slow-log',
  'flaky-disk',
  'flaky-log',
  'small-limits',
  'skew',
  'offline',
  'cut',
  'half-open',
  'partition',
  'crash-tab',
  'freeze',
  'power-cut',
  'evict',
  'old-device',
  'disk-fails',
  'disk-full',
  'clock-jump',
  'relay-kill',
  'relay-stop',
  'log-fails',
  'log-torn',
  'log-crash',
  'restore',
  'compact',
  'read-only',
  'short-tokens',
  'signed-out',
  'chosen',
  'slow-hook',
  'flaky-hook',
  'closed',
  'turned-away',
  'presence',
  'purge',
  'log-full',
  'sealed',
] as const

export type FaultName = (typeof faultNames)[number]

/** What colours a whole run and never shows as a step. */
export const ambientFaults: ReadonlySet<FaultName> = new Set([
  'latency',
  'loss',
  'slow-disk',
  'slow-log',
  'flaky-disk',
  'flaky-log',
  'small-limits',
  'skew',
  'short-tokens',
  'chosen',
  'slow-hook',
  'flaky-hook',
  'presence',
  'sealed',
])

/** Each has dice of its own, so that seeds draw the rest as they did before there was it. */
const later: ReadonlySet<FaultName> = new Set([
  'chosen',
  'slow-hook',
  'flaky-hook',
  'closed',
  'turned-away',
  'presence',
  'purge',
  'log-full',
  'sealed',
])

/** Costs much processor time, so fewer seeds have it. */
const rare: ReadonlySet<FaultName> = new Set(['sealed'])

/** `all`: each seed draws its own set. A list: exactly these, in each seed. `none`: a calm world. */
export type Faults = 'all' | 'none' | readonly FaultName[]

type Span = readonly [least: number, most: number]

export interface Profile {
  readonly faults: ReadonlySet<FaultName>
  /** How often each fault that is on comes, among steps. */
  readonly weights: ReadonlyMap<FaultName, number>
  readonly latencyMs: Span
  readonly loss: number
  readonly diskMs: Span
  readonly diskFailure: number
  readonly logMs: Span
  readonly logFailure: number
  readonly limits: Partial<RelayBounds>
  readonly maxSkewMs: number
  /** How long a sign-in lasts; null for as long as anyone likes. */
  readonly tokenMs: number | null
  readonly hooks: HookTrouble
}

const dayMs = 86_400_000

export function drawProfile(seed: number, choice: Faults): Profile {
  const dice = seededDice(seed, 'profile')
  const share = dice.pick([0.15, 0.35, 0.6])
  // Every seed draws for every fault, so that naming a fault changes no other draw.
  const diceOf = (purpose: string, name: FaultName): Dice => (later.has(name) ? seededDice(seed, `${purpose} ${name}`) : dice)
  const drawn = faultNames.filter((name) => diceOf('fault', name).chance(share * (rare.has(name) ? 0.3 : 1)))
  const faults = new Set<FaultName>(choice === 'all' ? drawn : choice === 'none' ? [] : choice)
  const drawWeight = (name: FaultName): number => diceOf('weight', name).pick([1, 1, 2, 4, 8])
  const weights = new Map(faultNames.map((name) => [name, drawWeight(name)] as const).filter(([name]) => faults.has(name)))
  const slow = dice.between(50, 2_000)
  const limits = smallLimits(seed)
  return {
    faults,
    weights,
    latencyMs: faults.has('latency') ? [1, slow] : [1, 20],
    loss: faults.has('loss') ? dice.pick([0.001, 0.005, 0.02]) : 0,
    diskMs: faults.has('slow-disk') ? [0, dice.pick([20, 200, 1_500])] : [0, 3],
    diskFailure: faults.has('flaky-disk') ? dice.pick([0.01, 0.05, 0.2]) : 0,
    logMs: faults.has('slow-log') ? [1, dice.pick([50, 500, 3_000])] : [1, 5],
    logFailure: faults.has('flaky-log') ? dice.pick([0.01, 0.05]) : 0,
    limits: faults.has('small-limits') ? limits : {},
    maxSkewMs: faults.has('skew') ? dice.pick([5_000, 300_000, dayMs]) : 0,
    tokenMs: faults.has('short-tokens') ? dice.pick([2_000, 20_000, 120_000]) : null,
    hooks: drawHookTrouble(seed, faults),
  }
}

/** Bounds so low that rings, pages, lags and caches overflow in a short run. */
function smallLimits(seed: number): Partial<RelayBounds> {
  const dice = seededDice(seed, 'limits')
  return {
    maxBatchItems: dice.pick([1, 3, 2_048]),
    maxHotDocuments: dice.pick([1, 2, 20_000]),
    maxRingItems: dice.pick([1, 4, 1_024]),
    maxLiveLag: dice.pick([2, 10, 10_000]),
    maxPageItems: dice.pick([1, 2, 1_024]),
    maxPageBytes: dice.pick([200, 4_096, 512 << 10]),
    announced: { maxFrameBytes: dice.pick([2_048, 1 << 20]), maxUpdateBytes: 16 << 20, maxPushesInFlight: dice.pick([1, 2, 256]) },
  }
}
