/** P5: a device that has chosen documents is sent and stores these and no others. */
import { storedOf } from '../chosen.ts'
import type { Oracle } from './oracle.ts'

const onlyChosenAreSent: Oracle = {
  name: 'P5 only chosen documents are sent',
  watch: (world, fail) =>
    world.listen((event) => {
      if (event.type !== 'stored') return
      const { device, writes } = event
      if (!world.chosen.isOf(device)) return
      const other = storedOf(writes).find((document) => !world.chosen.mayHave(device, document))
      if (other !== undefined) fail(`${device} stores ${other}, which nobody opened or created there`)
    }),
}

export const chosenOracles: readonly Oracle[] = [onlyChosenAreSent]
