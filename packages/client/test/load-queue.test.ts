import { expect, test } from 'vitest'
import { LoadQueue, loadLimits } from '../src/load-queue.ts'
import { gate } from './stage.ts'

const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `note/${i}`)

test('[P5] documents that are asked for in one turn are read together, and those of one name once', async () => {
  const reads: (readonly string[])[] = []
  const queue = new LoadQueue({
    load: async (asked) => {
      reads.push(asked)
      return new Map()
    },
  })
  await Promise.all([...names(1_000), 'note/0', 'note/999'].map((name) => queue.load(name)))
  expect(reads.length).toBe(Math.ceil(1_002 / loadLimits.documents))
  expect(Math.max(...reads.map((read) => read.length))).toBeLessThanOrEqual(loadLimits.documents)
  expect(new Set(reads.flat()).size).toBe(1_000)
})

test('[P8] only so many reads are under way at once, and one that fails fails only those it read', async () => {
  const gates = Array.from({ length: 6 }, gate)
  let started = 0
  const queue = new LoadQueue({
    load: async () => {
      const mine = started++
      await gates[mine]?.wait
      if (mine === 0) throw new Error('unreadable')
      return new Map()
    },
  })
  const loads = names(loadLimits.documents * 5).map((name) => queue.load(name).then(String, () => 'failed'))
  await Promise.resolve().then(() => undefined)
  expect(started).toBe(loadLimits.reads)
  for (const { open } of gates) open()
  const outcomes = await Promise.all(loads)
  expect(started).toBe(5)
  expect(outcomes.filter((outcome) => outcome === 'failed')).toHaveLength(loadLimits.documents)
})

test('[P5] more documents than one read takes are read in the order in which the store keeps them', async () => {
  const reads: (readonly string[])[] = []
  const wanted = names(loadLimits.documents * 3)
  const stored = wanted.toReversed()
  const queue = new LoadQueue({
    load: async (asked) => {
      reads.push(asked)
      return new Map()
    },
    inStoredOrder: async (asked) => stored.filter((name) => asked.includes(name)),
  })
  await Promise.all(wanted.map((name) => queue.load(name)))
  expect(reads.flat()).toEqual(stored)
})

test('[P6] where the order cannot be told the documents are read all the same', async () => {
  const queue = new LoadQueue({
    load: async () => new Map(),
    inStoredOrder: async () => {
      throw new Error('locked')
    },
  })
  const loads = await Promise.all(names(loadLimits.documents + 1).map((name) => queue.load(name)))
  expect(loads).toHaveLength(loadLimits.documents + 1)
})
