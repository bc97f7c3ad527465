/** The space of this app: opened from local data alone, in touch with the relay of the page's own origin. */
import { type Entity, indexedDbStore, openSpace, type Space } from '@tidemark/client'
import { type DeviceUser, deviceUser, wantsOffline } from './device/device-memory.ts'
import { dayOf } from './report/day.ts'
import { Report } from './report/report.ts'

export interface Fieldbook {
  readonly space: Space
  readonly user: DeviceUser
}
export type OpenReport = Entity<typeof Report.fields>

/** The relay: the page's own host, or the one that `?relay=` names. */
export function relayUrl(page: Location): string {
  const asked = new URLSearchParams(page.search).get('relay')
  return asked ?? `${page.protocol === 'https:' ? 'wss' : 'ws'}://${page.host}`
}

export async function openFieldbook(): Promise<Fieldbook> {
  const user = deviceUser()
  const space = await openSpace({
    name: 'fieldbook',
    user,
    entities: [Report],
    store: indexedDbStore(),
    relay: { url: relayUrl(location) },
    paused: wantsOffline(),
  })
  return { space, user }
}

export const openReport = ({ space }: Fieldbook, id: string): Promise<OpenReport> => space.open(Report, id)

/** Begins a report of today and returns its id; it is on screen before anything is stored. */
export async function newReport({ space }: Fieldbook): Promise<string> {
  const now = new Date()
  const report = await space.create(Report, { title: '', openedOn: dayOf(now), createdAtMs: now.getTime() })
  const { id } = report
  report.close()
  return id
}
