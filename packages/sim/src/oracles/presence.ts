/** P3 and P5: who is in a document sees exactly the others who are, as they show themselves now; and none of it is stored. */
import type { Write } from '../device-disk.ts'
import { type PresenceView, presenceMark } from '../presence.ts'
import { userOf } from '../relay-host.ts'
import type { Oracle } from './oracle.ts'

const spell = (state: unknown): string => JSON.stringify(state)

const presenceConverges: Oracle = {
  name: 'P3 presence converges',
  atEnd: (world, { presence }, fail) => {
    for (const view of presence) {
      // An erased document is closed.
      if (world.purges.has(view.document)) continue
      const wrong = wrongIn(
        view,
        presence.filter(({ tab, document }) => document === view.document && tab !== view.tab),
      )
      if (wrong !== null) return fail(`${view.document} in ${view.tab.name}: ${wrong}`)
    }
  },
}

function wrongIn({ tab, own, said, others }: PresenceView, there: readonly PresenceView[]): string | null {
  if (said !== undefined && spell(own) !== spell(said)) return `it shows ${spell(own)} of itself where ${spell(said)} was said`
  for (const other of there) {
    const state = others.get(other.client)
    if (state === undefined && other.own === null) continue
    if (state === undefined) return `it does not see ${other.tab.life.name}, which shows ${spell(other.own)}`
    const { $user: user, ...rest } = state
    if (spell(rest) !== spell(other.own)) return `it sees ${spell(rest)} of ${other.tab.life.name}, which shows ${spell(other.own)}`
    // Between tabs of one device no relay says who somebody is.
    const isNamed = user === userOf(other.tab.device.name) || (user === undefined && other.tab.device === tab.device)
    if (!isNamed) return `it sees ${other.tab.life.name} as ${spell(user)}`
  }
  const known = new Set(there.map(({ client }) => client))
  const ghost = [...others].find(([client]) => !known.has(client))
  return ghost === undefined ? null : `it sees ${spell(ghost[1])} of client ${ghost[0]}, which is not there`
}

const presenceIsStoredNowhere: Oracle = {
  name: 'P5 presence is stored nowhere',
  watch: (world, fail) => {
    if (!world.options.profile.faults.has('presence')) return
    world.listen((event) => {
      if (event.type !== 'stored') return
      const write = event.writes.find(holdsMark)
      if (write !== undefined) fail(`${event.device} stores a ${write.type} with what somebody showed of themselves`)
    })
  },
  atEnd: (world, _view, fail) => {
    if (!world.options.profile.faults.has('presence')) return
    world.relay.eachUpdate((document, update) => {
      if (isMarked(update)) fail(`the log of ${document} holds what somebody showed of themselves`)
    })
  },
}

const isMarked = (bytes: Uint8Array): boolean => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).includes(presenceMark)

function holdsMark(write: Write): boolean {
  if (write.type === 'update' || write.type === 'refused') return isMarked(write.update.bytes)
  if (write.type === 'snapshot') return isMarked(write.bytes)
  if (write.type === 'row') return spell(write.row.body).includes(presenceMark)
  return 'body' in write && spell(write.body).includes(presenceMark)
}

export const presenceOracles: readonly Oracle[] = [presenceConverges, presenceIsStoredNowhere]
