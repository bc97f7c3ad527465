/** A real device as a page: its database IndexedDB, its orders and answers calls of the test that opened it. */
import { indexedDbStore } from '@tidemark/client'
import { type Order, openRealDevice, type Promised, type RealDevice } from '../device.ts'

declare global {
  interface Window {
    say(message: { readonly promised?: Promised; readonly failed?: string }): Promise<void>
    obey(order: Order): Promise<unknown>
  }
}

const { name, url, documents } = JSON.parse(decodeURIComponent(location.hash.slice(1))) as {
  name: string
  url: string
  documents: string[]
}

const device: Promise<RealDevice> = openRealDevice({
  name,
  url,
  documents,
  store: indexedDbStore(),
  promised: (promised) => void window.say({ promised }),
  failed: (failed) => void window.say({ failed }),
})
window.obey = async (order) => (await device).obey(order)
document.title = 'ready'
