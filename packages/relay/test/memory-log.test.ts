import { systemRandom } from '@tidemark/base'
import { createMemoryDisk, createMemoryLog } from '../src/index.ts'
import { faulty, logContract } from './log.contract.ts'

logContract('the log in memory', async () => {
  const disk = createMemoryDisk()
  return {
    open: async () =>
      createMemoryLog({
        random: systemRandom,
        disk,
        beforeCommit: (batch) => {
          if (batch.some(({ principal }) => principal === faulty)) throw new Error('the disk is full')
        },
      }),
    remove: async () => undefined,
  }
})
