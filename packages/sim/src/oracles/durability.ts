/** P1 and P2: what was called saved is on the device, what was called confirmed or shown to others is at the relay. */
import type { Contents } from '../contents.ts'
import type { WriteRecord } from '../ledger.ts'
import type { World } from '../world.ts'
import type { Oracle } from './oracle.ts'

export const describeWrite = ({ id, tab, document, atMs }: WriteRecord): string =>
  `write ${id} (${tab.life.name} on ${document} at ${atMs} ms)`

/** The moment anyone is told `saved`, the write is in the device's database. */
const savedIsStored: Oracle = {
  name: 'P1 saved is stored',
  watch: (world, fail) =>
    world.listen((event) => {
      if (event.type !== 'saved') return
      const { write, how } = event
      if (!write.tab.device.disk.contents.contains(write.document, write.ranges))
        fail(`${describeWrite(write)} is saved by its ${how} and not stored`)
    }),
}

/** What a disk took in it gives back, whatever snapshots and removals did meanwhile; looked at when a tab or the relay dies. */
const storedIsReadable: Oracle = {
  name: 'P1 stored is readable',
  watch: (world, fail) => {
    const due = new Set<string>()
    world.listen((event) => {
      if (event.type === 'tab-died') due.add(event.tab.device.name)
      if (event.type !== 'tick') return
      for (const { name, disk } of world.devices) {
        if (due.delete(name)) compare(world, `${name}'s database`, disk.contents, disk.readContents(), fail)
      }
    })
  },
}

const logIsReadable: Oracle = {
  name: 'P2 logged is readable',
  watch: (world, fail) => {
    let isDue = false
    world.listen((event) => {
      if (event.type === 'relay-died') isDue = true
      if (event.type !== 'tick' || !isDue) return
      isDue = false
      compare(world, 'the log', world.relay.contents, world.relay.readContents(), fail)
    })
  },
}

function compare(world: World, where: string, before: Contents, after: Contents, fail: (detail: string) => void): void {
  const isLost = ({ document, ranges }: WriteRecord): boolean => before.contains(document, ranges) && !after.contains(document, ranges)
  const lost = world.ledger.writes.find((write) => !world.purges.has(write.document) && isLost(write))
  if (lost !== undefined) fail(`${describeWrite(lost)} was in ${where} and cannot be read there`)
}

/** The moment anyone is told `confirmed`, by receipt or status, the write is in the relay's log. */
const confirmedIsLogged: Oracle = {
  name: 'P2 confirmed is durable',
  watch: (world, fail) =>
    world.listen((event) => {
      if (event.type !== 'confirmed') return
      const { write, how } = event
      if (!world.relay.ever.contains(write.document, write.ranges))
        fail(`${describeWrite(write)} is confirmed by its ${how} and not in the log`)
    }),
}

/** The moment a device stores something from the relay, it is in the relay's log. */
const shownIsLogged: Oracle = {
  name: 'P2 shown is durable',
  watch: (world, fail) =>
    world.listen((event) => {
      if (event.type !== 'received') return
      const { device, document, ranges } = event
      if (!world.relay.ever.contains(document, ranges)) fail(`${device} was shown a change of ${document} that is not in the log`)
    }),
}

/** After healing the log has every write that was not lost in a documented way, also behind a restore. */
const nothingLost: Oracle = {
  name: 'P2 nothing is lost',
  atEnd: (world, { log }, fail) => {
    for (const write of world.ledger.writes) {
      if (!write.isExcused && !world.purges.has(write.document) && !log.contains(write.document, write.ranges)) {
        return fail(
          `${describeWrite(write)}, ${write.isConfirmed ? 'confirmed' : write.isSaved ? 'saved' : 'not saved'}, is not in the log`,
        )
      }
    }
  },
}

export const durabilityOracles: readonly Oracle[] = [
  savedIsStored,
  storedIsReadable,
  logIsReadable,
  confirmedIsLogged,
  shownIsLogged,
  nothingLost,
]
