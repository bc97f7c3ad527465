import { expect, test } from 'vitest'
import { killTabs } from '../src/tab-kill/tab-kill.ts'

test.each(['relaxed', 'strict'] as const)(
  '[P1] what said saved is there after its tab was killed in the middle of a burst: %s',
  async (durability) => {
    const { saved, lost } = await killTabs({ durability, kills: 4 })
    expect(lost).toEqual([])
    expect(saved).toBeGreaterThan(100)
  },
)
