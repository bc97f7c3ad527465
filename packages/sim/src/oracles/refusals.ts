/** P7: what the relay refuses stays on the device and is shown, with its reason, until it is tried again. */
import type { WriteRecord } from '../ledger.ts'
import { describeWrite } from './durability.ts'
import type { Oracle } from './oracle.ts'

/** By then every tab has read what was refused, however slow its database is. */
const toldAfterMs = 60_000

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
      const isOver = (): boolean => !tab.life.isAlive || tab.isClosing || device.retries !== retries || isTaken(write)
      if (space === null || isOver()) return
      world.later(toldAfterMs, () => {
        if (isOver() || tab.life.isFrozen || space.refused.get().some(({ name }) => name === document)) return
        space.sync.pending(1_000).then(
          (pending) => {
            if (isOver() || pending.some(({ name, problem }) => name === document && problem !== null)) return
            fail(`${describeWrite(write)} was refused (${code}) and is not shown as refused`)
          },
          () => undefined, // reason: a database that closes or fails is another oracle's matter
        )
      })
    }),
}

const isTaken = ({ isConfirmed }: WriteRecord): boolean => isConfirmed

export const refusalOracles: readonly Oracle[] = [refusedStays]
