/** P5 and P8: nothing piles up, and nothing goes round in circles. */
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
  /** Events that may happen in the whole world within a virtual minute, per device: a busy minute has about 1,500. */
  maxEventsPerMinute: 10_000,
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

/** Nothing goes round in circles: every change leads to a bounded number of others. */
const nothingCircles: Oracle = {
  name: 'P5 cost follows change',
  watch: (world, fail) => {
    let [minute, before] = [0, 0]
    const most = (world.devices.length + 1) * queueBounds.maxEventsPerMinute
    world.listen((event) => {
      if (event.type !== 'tick') return
      const { nowMs, events } = world.time
      const now = Math.floor(nowMs / 60_000)
      if (now !== minute) [minute, before] = [now, events]
      else if (events - before > most) fail(`${events - before} events within a minute: something goes round in circles`)
    })
  },
}

export const boundOracles: readonly Oracle[] = [queuesAreBounded, nothingCircles]
