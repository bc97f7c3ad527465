/** P7: what the relay refuses stays on the device and is shown, with its reason, until it is tried again. */
import type { WriteRecord } from '../ledger.ts'
import { describeWrite } from './durability.ts'
import type { Oracle } from './oracle.ts'

/** By then the database has taken that what was refused is tried again, however slow it is. */
const retryTakesMs = 60_000

const refusedStays: Oracle = {
  name: 'P7 refused is kept and shown',
  watch: (world, fail) =>
    world.listen((event) => {
      if (event.type !== 'refused') return
      const { write, code } = event
      if (world.purges.has(write.document)) return
      const { tab, document, ranges } = write
      const { space, device } = tab
      if (write.isSaved && !device.disk.contents.contains(document, ranges))
        return fail(`${describeWrite(write)} was refused (${code}) and is gone`)
      const { retries } = device
      // A refusal of before may be told while its mark is being taken away.
      const isRetrying = world.time.nowMs - device.retriedAtMs < retryTakesMs
      const isOver = (): boolean => !tab.life.isAlive || tab.isClosing || device.retries !== retries || isTaken(write)
      if (space === null || isOver()) return
      space.sync.pending(1_000).then(
        (pending) => {
          if (isOver()) return
          const problem = pending.find(({ name }) => name === document)?.problem
          if (problem === undefined) fail(`${describeWrite(write)} was refused (${code}) and is not shown as pending`)
          else if (problem === null && !isRetrying) fail(`${describeWrite(write)} was refused (${code}) and is shown without a reason`)
        },
        () => undefined, // reason: a database that closes or fails is another oracle's matter
      )
    }),
}

const isTaken = ({ isConfirmed }: WriteRecord): boolean => isConfirmed

export const refusalOracles: readonly Oracle[] = [refusedStays]
