import { expect, test } from 'vitest'
import { listedPage, SharedReads } from '../src/shared-reads.ts'

test('whoever asks for what is being read is given that, and whoever asks later has it read again', async () => {
  const reads = new SharedReads()
  const began: string[] = []
  const read = (name: string) => async (): Promise<string> => {
    began.push(name)
    await Promise.resolve()
    return name
  }
  const together = await Promise.all([reads.share('a', read('first')), reads.share('a', read('second')), reads.share('b', read('other'))])
  expect(together).toEqual(['first', 'first', 'other'])
  expect(await reads.share('a', read('later'))).toBe('later')
  expect(began).toEqual(['first', 'other', 'later'])
})

test('a read that fails fails for all who wait for it, and is not shared any longer', async () => {
  const reads = new SharedReads()
  const fails = (): Promise<never> => Promise.reject(new Error('the disk is gone'))
  const both = await Promise.allSettled([reads.share('a', fails), reads.share('a', fails)])
  expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  expect(await reads.share('a', async () => 'read')).toBe('read')
})

test('a page is encoded once for a view, and anew for who names none', () => {
  const page = listedPage({ documents: [], purged: [], last: 3, done: true }, 1 << 20)
  const message = { type: 'changes', mode: 'catch-up', from: 0, to: 9, last: 3, done: true, widens: null, changes: [] } as const
  const frames = page.frames('all', message)
  expect(page.frames('all', message)).toBe(frames)
  expect(page.frames('some', message)).not.toBe(frames)
  expect(page.frames(null, message)).not.toBe(frames)
  expect(page.frames(null, message)).toEqual(frames)
})
