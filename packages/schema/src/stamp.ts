/**
 * Stamps: hybrid logical time, which orders writes that did not know of each other.
 *
 * A stamp is one whole number: 1,024ths of a millisecond since 1970. Its upper part is wall time, its
 * lower ten bits count writes within one millisecond and simply run over into the next. So stamps compare
 * as numbers, stay exact until the year 2248, and take nine bytes in an entry.
 *
 * Invariants
 * 1. `next()` rises strictly, also when the machine's clock steps back.
 * 2. `next()` is above every adopted stamp.
 * 3. A stamp more than `limits.stampAheadMs` ahead of the clock is not adopted: one device that runs a day
 *    fast must not take the others with it. It stays in its entry as it is; nobody rewrites a stamp.
 *
 * It does not measure how wrong the device's clock is: the client corrects `Clock.now` before it comes here.
 */
import type { Clock } from '@tidemark/base'
import { limits } from './limits.ts'

const ticksPerMs = 1024

/** Gives stamps for writes, and learns from the stamps of others. */
export interface StampClock {
  /** The stamp of the next write. */
  next(): number
  /** Notes a stamp that was read, so that later writes come after it. */
  adopt(stamp: number): void
}

/** A stamp clock over `clock.now()`, which may be corrected by the caller and may step back. */
export function createStampClock(clock: Pick<Clock, 'now'>): StampClock {
  let last = 0
  const now = (): number => Math.max(0, Math.floor(clock.now())) * ticksPerMs
  return {
    next: () => {
      last = Math.max(now(), last + 1)
      return last
    },
    adopt: (stamp) => {
      if (stamp > last && stamp <= now() + limits.stampAheadMs * ticksPerMs) last = stamp
    },
  }
}

/** The wall time of a stamp, in milliseconds since 1970. */
export const stampMs = (stamp: number): number => Math.floor(stamp / ticksPerMs)

/** Whether `value` can be a stamp at all. */
export const isStamp = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
