/** P7: what was erased for good is gone everywhere, for good, and everybody who had it is told. */
import type { Device } from '../device.ts'
import { spaceName } from '../relay-host.ts'
import type { World } from '../world.ts'
import type { Oracle } from './oracle.ts'

/** The relay's disk has nothing but the name and the row that says so, also behind a restore of an older backup. */
const purgedIsGone: Oracle = {
  name: 'P7 what was purged is gone',
  atEnd: (world, _view, fail) => {
    for (const document of world.purges.documents) {
      const space = world.relay.disk.spaces.get(spaceName)
      const stored = space?.documents.get(document)
      const rows = space?.rows.filter((row) => row.document === document && row.kind !== 'purge') ?? []
      if (stored?.isPurged !== true) fail(`${document} was purged and the log does not know it`)
      else if (rows.length > 0 || stored.snapshot !== null) fail(`${document} was purged and the log has ${rows.length} changes of it`)
      for (const device of world.devices) for (const what of leftOn(world, device, document)) fail(`${document} was purged, and ${what}`)
    }
  },
}

/** A device that had it keeps the name with the reason, and of its content only what waits to be exported. */
function leftOn(world: World, { name, disk, tabs }: Device, document: string): string[] {
  const record = disk.record(document)
  if (record === undefined) return []
  const left = record.problem === 'relay/purged' ? [] : [`${name} is not told (${record.problem ?? 'no problem'})`]
  if (record.pendingSinceMs !== null) return left
  const clients = disk.read().doc(document).store.clients.size
  if (clients > 0) left.push(`${name}'s database still has it`)
  const open = tabs.find(({ entities }) => entities.has(document) && isAlive(world, name, document))
  return open === undefined ? left : [...left, `${open.name} still shows it`]
}

/** Whether a list in one of the device's tabs shows it as something that is there. */
const isAlive = (world: World, device: string, document: string): boolean =>
  world.tabs.some(
    (tab) => tab.device.name === device && [...tab.queries.values()].some((query) => query.rows.some((row) => isRowOf(row, document))),
  )

const isRowOf = (row: unknown, document: string): boolean => {
  const { type, id, value } = row as { readonly type: string; readonly id: string; readonly value: object }
  return `${type}/${id}` === document && !('$deleted' in value)
}

/** What a device had of its own that the relay never took is still there, refused with the reason. */
const unsentIsKept: Oracle = {
  name: 'P7 what a purge found unsent is kept',
  atEnd: (world, _view, fail) => {
    const kept = new Map(world.devices.map(({ name, disk }) => [name, disk.readContents()]))
    for (const write of world.ledger.writes) {
      const { document, device, ranges, isSaved, isExcused } = write
      if (!world.purges.has(document) || !isSaved || isExcused || world.relay.ever.contains(document, ranges)) continue
      if (kept.get(device)?.contains(document, ranges) !== true)
        fail(`write ${write.id} of ${device} on ${document} never reached the relay, and is gone from its device`)
    }
  },
}

export const purgeOracles: readonly Oracle[] = [purgedIsGone, unsentIsKept]
