import { systemRandom } from '@tidemark/base'
import { createMemoryDisk, createMemoryLog, createTombstones } from '../src/index.ts'
import { faulty, logContract } from './log.contract.ts'

logContract('the log in memory', async () => {
  let disk = createMemoryDisk()
  const tombstones = createTombstones()
  return {
    open: async () =>
      createMemoryLog({
        random: systemRandom,
        disk,
        tombstones,
        beforeCommit: (batch) => {
          if (batch.some(({ principal }) => principal === faulty)) throw new Error('the disk is full')
        },
      }),
    backup: async () => {
      const copy = structuredClone(disk)
      return async () => {
        disk = structuredClone(copy)
      }
    },
    remove: async () => undefined,
  }
})
