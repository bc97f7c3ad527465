import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { createFramer, maxJoinedBytes } from '../src/ws-framing.ts'

/** A client, and the server's stream to it. */
async function connected() {
  const http = createServer()
  const server = new WebSocketServer({ noServer: true, perMessageDeflate: false })
  const accepted = new Promise<{ ws: WebSocket; stream: Duplex }>((resolve) => {
    http.on('upgrade', (request, stream, head) => server.handleUpgrade(request, stream, head, (ws) => resolve({ ws, stream })))
  })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const client = new WebSocket(`ws://127.0.0.1:${(http.address() as AddressInfo).port}`)
  const received: Buffer[] = []
  client.on('message', (data: Buffer) => received.push(data))
  const { ws, stream } = await accepted
  const close = async (): Promise<void> => {
    ws.close()
    await once(client, 'close')
    http.close()
  }
  return { client, received, ws, stream, close }
}

const bytesOf = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i)

describe('frames made once for all', () => {
  test.each([0, 1, 125, 126, 127, 65_534, 65_535])(
    'a message of %i bytes arrives as it is, between what ws itself sends',
    async (length) => {
      const { received, ws, stream, close } = await connected()
      ws.send(Uint8Array.of(1))
      stream.write(createFramer().frame(bytesOf(length)) as Buffer)
      ws.send(Uint8Array.of(2))
      await expect.poll(() => received.length).toBe(3)
      expect(received.map((data) => [...data])).toEqual([[1], [...bytesOf(length)], [2]])
      await close()
    },
  )

  test('the same bytes are framed once, others anew, and what is large is not copied', () => {
    const { frame } = createFramer()
    const [one, other] = [bytesOf(10), bytesOf(10)]
    const framed = frame(one)
    expect(frame(one)).toBe(framed)
    expect(frame(other)).not.toBe(framed)
    expect(frame(bytesOf(maxJoinedBytes + 1))).toBeNull()
    expect(frame(other)).toEqual(framed)
  })
})
