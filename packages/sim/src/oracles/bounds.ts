/** P5 and P8: nothing piles up, and a settled world is quiet. */
import type { Oracle } from './oracle.ts'

/** How often the relay's figures are looked at, in events. */
const everyEvents = 64

export const queueBounds = {
  /** Connections of one device that the relay may hold at a time: dead ones are noticed after `silenceMs`. */
  maxSessionsPerDevice: 64,
  /** Bytes that wait in the relay, per device. */
  maxQueuedBytesPerDevice: 1 << 20,
  /** Events that may wait in the whole world, per device. */
  maxEventsPerDevice: 20_000,
} as const

const queuesAreBounded: Oracle = {
  name: 'P8 queues are bounded',
  watch: (world, fail) => {
    let events = 0
    const devices = world.devices.length
    world.listen((event) => {
      if (event.type !== 'tick' || ++events % everyEvents !== 0) return
      const figures = world.relay.relay?.figures
      const { maxSessionsPerDevice, maxQueuedBytesPerDevice, maxEventsPerDevice } = queueBounds
      if ((figures?.sessions ?? 0) > devices * maxSessionsPerDevice) fail(`the relay holds ${figures?.sessions} sessions`)
      if ((figures?.queuedBytes ?? 0) > devices * maxQueuedBytesPerDevice) fail(`${figures?.queuedBytes} bytes wait in the relay`)
      if (world.time.waiting > devices * maxEventsPerDevice) fail(`${world.time.waiting} events wait`)
    })
  },
}

export const boundOracles: readonly Oracle[] = [queuesAreBounded]
