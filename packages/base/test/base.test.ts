import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import {
  createListeners,
  createObservable,
  errors,
  fraction,
  isErrorCode,
  type Random,
  randomClientId,
  randomId,
  systemClock,
  systemRandom,
  TidemarkError,
  toTidemarkError,
} from '../src/index.ts'

const drawn = (...values: number[]): Random => ({ uint32: () => values.shift() ?? 0 })

describe('errors', () => {
  test('each code has a sentence and a remedy', () => {
    for (const [code, entry] of Object.entries(errors)) {
      expect(code).toMatch(/^[a-z]+\/[a-z-]+$/)
      expect(entry.sentence).toMatch(/\.$/)
      expect(entry.remedy).toMatch(/\.$/)
    }
  })
  test('an error tells its code, sentence, remedy, and whether waiting helps', () => {
    const error = new TidemarkError('store/full', 'no room')
    expect(error).toMatchObject({
      name: 'TidemarkError',
      code: 'store/full',
      message: 'store/full: no room',
      retryable: true,
      sentence: errors['store/full'].sentence,
    })
  })
  test('a foreign error is wrapped, one of ours is not', () => {
    const cause = new RangeError('x')
    expect(toTidemarkError(cause, 'store/failed')).toMatchObject({ code: 'store/failed', cause })
    const own = new TidemarkError('store/full', 'x')
    expect(toTidemarkError(own, 'store/failed')).toBe(own)
    expect([isErrorCode('store/full'), isErrorCode('toString')]).toEqual([true, false])
  })
})

describe('an observable', () => {
  test('tells listeners of changes only, and not after they left', () => {
    const value = createObservable(1)
    const listener = vi.fn()
    const leave = value.subscribe(listener)
    value.set(1)
    value.set(2)
    leave()
    leave()
    value.set(3)
    expect(listener).toHaveBeenCalledTimes(1)
    expect(value.get()).toBe(3)
  })
  test('a listener that throws is reported and starves nobody', () => {
    const reported = vi.spyOn(console, 'error').mockImplementation(() => {})
    const listeners = createListeners<string>()
    const heard: string[] = []
    listeners.add(() => {
      throw new Error('from a listener')
    })
    listeners.add((word) => void heard.push(word))
    listeners.emit('hello')
    expect(heard).toEqual(['hello'])
    expect(reported).toHaveBeenCalledOnce()
    reported.mockRestore()
  })
})

describe('chance', () => {
  test('ids have 22 URL-safe characters', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(2 ** 32 - 1), { minLength: 10, maxLength: 10 }), (values) => {
        expect(randomId(drawn(...values))).toMatch(/^[0-9A-Za-z_-]{22}$/)
      }),
    )
    expect(randomId(systemRandom)).not.toBe(randomId(systemRandom))
  })
  test('a client id is never 0, and a fraction stays below 1', () => {
    expect(randomClientId(drawn(0, 0, 7))).toBe(7)
    expect(fraction(drawn(2 ** 32 - 1))).toBeLessThan(1)
  })
})

test('a scheduled call can be taken back', async () => {
  const run = vi.fn()
  systemClock.schedule(0, run)()
  await new Promise<void>((resolve) => void systemClock.schedule(5, resolve))
  expect(run).not.toHaveBeenCalled()
})
