/**
 * The published client's watchdog: thirty seconds without a message, and it drops the connection.
 *
 * Here a second lasts 1/40 of one: for the client by `Date.now`, which must be so before it is loaded, and `setInterval`, and for the
 * relay by its clock.
 */
// reason: it must have happened before anything else is loaded.
import './hurry.ts'

import { type Clock, systemClock, systemRandom } from '@tidemark/base'
import { afterAll, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { createMemoryLog, createRelayServer } from '../src/index.ts'
import { fast, hurriedInterval, speed, undo } from './hurry.ts'

afterAll(undo)

/** How often a connection without anything to say came to an end within a hundred seconds. */
async function breaks(clock: Clock): Promise<number> {
  hurriedInterval()
  const log = createMemoryLog({ random: systemRandom })
  const server = await createRelayServer({ log, clock, random: systemRandom, port: 0 })
  const WebSocketPolyfill = WebSocket as unknown as typeof globalThis.WebSocket
  const doc = new Y.Doc({ guid: 'note/1' })
  const provider = new WebsocketProvider(`${server.url}/acme`, 'note/1', doc, { WebSocketPolyfill, disableBc: true })
  // Without presence it says nothing by itself, so there is nothing that the relay could echo.
  provider.awareness.setLocalState(null)
  let ends = 0
  await new Promise<void>((resolve) => provider.on('sync', () => resolve()))
  provider.on('connection-close', () => ends++)
  await new Promise((resolve) => setTimeout(resolve, 100_000 / speed))
  const counted = ends
  provider.destroy()
  doc.destroy()
  await server.close()
  return counted
}

test('[P9] an idle relay satisfies the watchdog of a stock client, which drops a silent one', async () => {
  expect(await breaks(fast)).toBe(0)
  // As a relay that says nothing for as long as this lasts: the watchdog is at work.
  expect(await breaks(systemClock)).toBeGreaterThan(0)
})
