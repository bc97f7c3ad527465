/** What tests of failures need beside the world: tabs over real Web Locks and channels, held commits, and turns of the event loop. */
import { type MemoryFaults, memoryStore, type OpenStore } from '@tidemark/store'
import { browserPlatform, openSpace, type Platform, type Space } from '../src/index.ts'
import { Device, Network, Report } from './world.ts'

export class Stage {
  readonly network = new Network()
  readonly #devices: Device[] = []
  readonly #spaces: Space[] = []

  device(user: string): Device {
    const device = new Device(this.network, user)
    this.#devices.push(device)
    return device
  }

  /** A tab of the device with real Web Locks and BroadcastChannels, and other surroundings where they are named. */
  async browserTab(
    on: Device,
    { platform, faults, store }: { platform?: Partial<Platform>; faults?: MemoryFaults; store?: OpenStore } = {},
  ): Promise<Space> {
    const space = await openSpace({
      name: 'acme',
      user: { id: on.user },
      entities: [Report],
      store: store ?? memoryStore({ database: on.database, ...(faults === undefined ? {} : { faults }) }),
      relay: { url: 'ws://relay.test' },
      platform: { ...browserPlatform(), connect: this.network.connect, ...platform },
    })
    this.#spaces.push(space)
    return space
  }

  async close(): Promise<void> {
    for (const space of this.#spaces) await space.close()
    for (const device of this.#devices) for (const space of device.spaces) await space.close()
    await this.network.relay?.close()
  }
}

export const turns = async (count: number): Promise<void> => {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
}

/** What became of a promise after the event loop has had its turns. */
export const outcome = async (promise: Promise<unknown>, count = 200): Promise<string> => {
  let state = 'open'
  promise.then(
    () => {
      state = 'resolved'
    },
    () => {
      state = 'rejected'
    },
  )
  await turns(count)
  return state
}

/** A promise and what resolves it. */
export const gate = (): { wait: Promise<void>; open: () => void } => {
  const { promise, resolve } = Promise.withResolvers<void>()
  return { wait: promise, open: resolve }
}
