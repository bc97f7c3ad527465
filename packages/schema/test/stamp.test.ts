import { describe, expect, test } from 'vitest'
import { createStampClock, limits, stampMs } from '../src/index.ts'

/** `run('100 100 90')` gives the stamps of writes at those times, as milliseconds and count. */
function run(script: string): string {
  let ms = 0
  const stamps = createStampClock({ now: () => ms })
  return script
    .split(' ')
    .flatMap((step) => {
      if (step.startsWith('+')) return stamps.adopt(Number(step) * 1024) ?? []
      ms = Number(step)
      const stamp = stamps.next()
      return [`${stampMs(stamp)}.${stamp % 1024}`]
    })
    .join(' ')
}

describe('a stamp clock', () => {
  test('[1] rises within a millisecond and when the clock steps back', () => expect(run('100 100 90 101')).toBe('100.0 100.1 100.2 101.0'))
  test('[2] goes on above a stamp that it read', () => expect(run('100 +150 110 160')).toBe('100.0 150.1 160.0'))
  test('[3] does not adopt a stamp over 60 s ahead', () => {
    expect(run(`100 +${101 + limits.stampAheadMs} 101`)).toBe('100.0 101.0')
    expect(run(`100 +${100 + limits.stampAheadMs} 101`)).toBe('100.0 60100.1')
  })
  test('counts over into the next millisecond', () => {
    const stamps = createStampClock({ now: () => 1 })
    for (let n = 0; n < 1024; n++) stamps.next()
    expect(stamps.next()).toBe(2 * 1024)
  })
})
