/** Real sockets for tests: dials a relay's address for a `WireClient`, or bare. */
import { once } from 'node:events'
import { WebSocket } from 'ws'
import { WireClient, type WireClientOptions } from './wire-client.ts'

export interface Dialled {
  readonly ws: WebSocket
}

/** Connects a client to the relay at `url`; a connection that fails counts as closed with 1006. */
export function dial(url: string, options: WireClientOptions = {}): WireClient & Dialled {
  const client = new WireClient(options)
  const ws = new WebSocket(`${url}/v1`)
  client.attach({
    send: (bytes) => {
      if (ws.readyState === ws.OPEN) ws.send(bytes)
    },
    close: (code) => ws.close(code),
    get bufferedBytes() {
      return ws.bufferedAmount
    },
  })
  ws.on('open', () => client.handlers.open())
  ws.on('message', (data: Buffer) => client.handlers.message(data))
  ws.on('error', () => undefined)
  ws.on('close', (code, reason) => client.handlers.close(code, reason.toString()))
  return Object.assign(client, { ws })
}

/** Dials a path, sends `messages`, and resolves with the code that the other end closed with, or `open` after `beat`. */
export async function speak(url: string, messages: readonly (Uint8Array | string)[]): Promise<number> {
  const ws = new WebSocket(url)
  ws.on('error', () => undefined)
  const closed = once(ws, 'close')
  await Promise.race([once(ws, 'open'), closed])
  for (const message of messages) if (ws.readyState === ws.OPEN) ws.send(message)
  const [code] = await closed
  return code as number
}
