import { describe, expect, test } from 'vitest'
import { noticeMs, ShownValue } from '../src/report/shown-value.ts'

describe('what a person was shown', () => {
  test('[P4] is what stood there when the page was opened, until something else has been noticed', () => {
    const shown = new ShownValue('opened')
    shown.reach(0)
    expect(shown.edit).toBe('opened')
    shown.draw('arrived', 10_000)
    expect(shown.edit).toBe('opened')
    shown.reach(10_000 + noticeMs)
    expect(shown.edit).toBe('arrived')
  })

  test('[P4] is not what appeared a blink before the hand came down', () => {
    const shown = new ShownValue('opened')
    shown.draw('arrived', 10_000)
    shown.reach(10_000 + noticeMs - 1)
    expect(shown.edit).toBe('opened')
  })

  test('stays one edit through the choices of one visit', () => {
    const shown = new ShownValue('opened')
    shown.draw('own choice', 0)
    shown.draw('second own choice', 200)
    shown.reach(300)
    expect(shown.edit).toBe('opened')
  })

  test('is nothing that was drawn while the page was hidden', () => {
    const shown = new ShownValue('opened')
    shown.draw('arrived while away', 0)
    shown.appear(60_000)
    shown.reach(60_100)
    expect(shown.edit).toBe('opened')
    shown.reach(60_000 + noticeMs)
    expect(shown.edit).toBe('arrived while away')
  })
})
