/** Bugs of what surrounds a tab: sockets, locks, channels, timers, chance. */
import { type Ports, seededDice } from '../../src/index.ts'
import type { Plant, PlantedBug } from './planted.ts'

type Platform = Parameters<NonNullable<Ports['platform']>>[0]
type Hear = (bytes: Uint8Array) => void

/** Changes what a tab hears; `change` is made anew for each connection. */
const hearing =
  (change: (hear: Hear) => Hear): Plant =>
  () => ({
    ports: { connect: (connect) => (url, handlers) => connect(url, { ...handlers, message: change((bytes) => handlers.message(bytes)) }) },
  })

const platform =
  (change: (platform: Platform, tab: string) => Partial<Platform>): Plant =>
  () => ({
    ports: { platform: (one, tab) => ({ ...one, ...change(one, tab) }) },
  })

const withoutTimers = (isLost: (delayMs: number) => boolean): Plant =>
  platform(({ clock }) => ({
    clock: { ...clock, schedule: (delayMs, run) => (isLost(delayMs) ? () => undefined : clock.schedule(delayMs, run)) },
  }))

export const platformBugs: readonly PlantedBug[] = [
  {
    name: 'a socket loses a message',
    faults: 'none',
    oracle: 'P6 everything settles',
    plant: hearing((hear) => {
      let count = 0
      return (bytes) => {
        if (++count % 20 !== 0) hear(bytes)
      }
    }),
  },
  {
    name: 'a socket delivers a message twice',
    faults: 'none',
    oracle: 'P6 everything settles',
    plant: hearing((hear) => {
      let count = 0
      return (bytes) => {
        hear(bytes)
        if (++count % 3 === 0) hear(bytes)
      }
    }),
  },
  {
    name: 'a socket delivers two messages in the wrong order',
    faults: 'none',
    oracle: 'P6 everything settles',
    plant: hearing((hear) => {
      let count = 0
      let held: Uint8Array | null = null
      return (bytes) => {
        if (++count % 10 === 0) held = bytes
        else {
          hear(bytes)
          if (held !== null) hear(held)
          held = null
        }
      }
    }),
  },
  {
    name: 'the lead is never passed on',
    faults: ['crash-tab', 'power-cut'],
    oracle: 'P6 everything settles',
    plant: () => {
      const led = new Set<string>()
      const change = ({ locks }: Platform, tab: string): Partial<Platform> => ({
        locks: {
          hold: (name, held, signal) => {
            const device = tab.slice(0, 1)
            if (!led.has(device)) locks.hold(name, held, signal)
            led.add(device)
          },
        },
      })
      return { ports: { platform: (one, tab) => ({ ...one, ...change(one, tab) }) } }
    },
  },
  {
    name: 'tabs do not hear what others stored',
    faults: 'none',
    oracle: 'P3 tabs converge',
    plant: platform(({ openChannel }) => ({
      openChannel: (name, listener) =>
        openChannel(name, (data) => {
          if ((data as { message: { type: string } }).message.type !== 'stored') listener(data)
        }),
    })),
  },
  {
    name: 'a client id is used again after a crash',
    faults: ['crash-tab', 'power-cut'],
    oracle: 'P3 client ids are used once',
    plant: () => ({ ports: { random: (_dice, tab) => seededDice(1, tab.slice(0, 2)) } }),
  },
  {
    name: 'the timer of the next attempt is lost',
    faults: ['cut', 'relay-kill', 'loss'],
    oracle: 'P6 everything settles',
    plant: withoutTimers((delayMs) => delayMs > 100 && delayMs < 900),
  },
  {
    name: 'nobody notices silence',
    faults: ['half-open', 'power-cut'],
    oracle: 'P6 everything settles',
    plant: withoutTimers((delayMs) => delayMs === 40_000),
  },
  {
    name: 'every attempt opens a hundred connections',
    faults: ['cut', 'relay-kill'],
    oracle: 'P8 queues are bounded',
    plant: () => ({
      ports: {
        connect: (connect) => (url, handlers) => {
          for (let i = 0; i < 100; i++) connect(url, { open: () => undefined, message: () => undefined, close: () => undefined })
          return connect(url, handlers)
        },
      },
    }),
  },
  {
    name: 'a connection is given up although all is well',
    faults: 'none',
    oracle: 'P5 a settled world is quiet',
    plant: platform(({ connect, clock }) => ({
      connect: (url, handlers) => {
        const socket = connect(url, handlers)
        clock.schedule(30_000, () => socket.close(1000, 'bored'))
        return socket
      },
    })),
  },
]
