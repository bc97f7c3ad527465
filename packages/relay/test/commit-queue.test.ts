import { TidemarkError } from '@tidemark/base'
import { describe, expect, test } from 'vitest'
import { createCommitQueue } from '../src/commit-queue.ts'
import { defaultRelayBounds, type Log, type LogEntry, type RelayBounds } from '../src/index.ts'
import { entry } from './log.contract.ts'

/** A queue over a log that answers when it is told to; `added` and `appends` name documents. */
function create(bounds: Partial<RelayBounds> = {}) {
  const appends: string[] = []
  const answers: { resolve(): void; reject(): void }[] = []
  const events: string[] = []
  /** How many appends had begun when each batch was told of. */
  const told: number[] = []
  let seq = 0
  const append = (batch: readonly LogEntry[]): Promise<{ seq: number; number: number }[]> => {
    appends.push(batch.map(({ document }) => document).join(''))
    return new Promise((resolve, reject) => {
      answers.push({
        resolve: () => resolve(batch.map(() => ({ seq: ++seq, number: 1 }))),
        reject: () => reject(new TidemarkError('relay/log-failed', 'the disk is gone')),
      })
    })
  }
  const queue = createCommitQueue({
    log: { append } as unknown as Log,
    bounds: { ...defaultRelayBounds, ...bounds },
    onCommitted: (batch) => {
      told.push(appends.length)
      events.push(`batch of ${batch.length}`)
    },
    onFailed: (spaces) => events.push(`failed ${[...spaces].join()}`),
  })
  const add = (documents: string, space = 's'): void => {
    for (const document of documents) {
      queue.add({
        entry: entry(document, 1, { space }),
        author: queue,
        committed: () => events.push(document),
        failed: () => events.push(`-${document}`),
      })
    }
  }
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
  return { add, appends, events, told, settle, answer: (how: 'resolve' | 'reject') => answers.shift()?.[how]() }
}

describe('group commit', () => {
  test('the batch that forms while the last append runs is the next one', async () => {
    const { add, appends, events, answer, settle } = create()
    add('ab')
    await settle()
    add('c')
    add('d', 'other')
    await settle()
    expect(appends).toEqual(['ab'])
    answer('resolve')
    await settle()
    expect(appends).toEqual(['ab', 'cd'])
    answer('resolve')
    await settle()
    expect(events).toEqual(['batch of 2', 'a', 'b', 'batch of 2', 'c', 'd'])
  })

  test('the next append has begun when the one ahead of it is told of, and what comes with the telling makes another', async () => {
    const { add, appends, told, answer, settle } = create()
    add('a')
    await settle()
    add('b')
    answer('resolve')
    await settle()
    answer('resolve')
    await settle()
    add('c')
    await settle()
    expect(told).toEqual([2, 2])
    expect(appends).toEqual(['a', 'b', 'c'])
  })

  test('an idle queue appends at once', async () => {
    const { add, appends, settle } = create()
    add('a')
    await settle()
    expect(appends).toEqual(['a'])
  })

  test('batches are bounded by count and by bytes, and one entry always fits', async () => {
    const { add, appends, answer, settle } = create({ maxBatchItems: 2 })
    add('abc')
    await settle()
    answer('resolve')
    await settle()
    expect(appends).toEqual(['ab', 'c'])
    const tiny = create({ maxBatchBytes: 1 })
    tiny.add('ab')
    await tiny.settle()
    expect(tiny.appends).toEqual(['a'])
  })

  test('[P2] a failed append fails what waits for its spaces, and nothing else', async () => {
    const { add, appends, events, answer, settle } = create()
    add('a')
    await settle()
    add('b')
    add('c', 'other')
    answer('reject')
    await settle()
    expect(events).toEqual(['failed s', '-a', '-b'])
    expect(appends).toEqual(['a', 'c'])
    answer('resolve')
    await settle()
    expect(events.slice(3)).toEqual(['batch of 1', 'c'])
  })

  test('[P2] a log that throws at the call fails the batch, and the queue goes on', async () => {
    const outcomes: string[] = []
    let calls = 0
    const append = (batch: readonly LogEntry[]) => {
      if (calls++ === 0) throw new TidemarkError('relay/log-failed', 'the log was closed')
      return Promise.resolve(batch.map(() => ({ seq: 1, number: 1 })))
    }
    const queue = createCommitQueue({
      log: { append } as unknown as Log,
      bounds: defaultRelayBounds,
      onCommitted: () => undefined,
      onFailed: () => undefined,
    })
    const add = (document: string): Promise<void> =>
      new Promise((resolve) => {
        const told = (outcome: string) => () => {
          outcomes.push(`${document} ${outcome}`)
          resolve()
        }
        queue.add({ entry: entry(document, 1), author: queue, committed: told('committed'), failed: told('failed') })
      })
    await add('a')
    await add('b')
    expect(outcomes).toEqual(['a failed', 'b committed'])
  })
})
