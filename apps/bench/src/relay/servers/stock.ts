/** The server that y-websocket 2.1 ships, as it is by default: documents in memory, nothing durable. */
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { WebSocketServer } from 'ws'
import { listening } from './listening.ts'

const { setupWSConnection } = createRequire(import.meta.url)('y-websocket-2/bin/utils') as {
  setupWSConnection: (...values: unknown[]) => void
}
const http = createServer()
const server = new WebSocketServer({ noServer: true })
server.on('connection', setupWSConnection)
http.on('upgrade', (request, socket, head) => server.handleUpgrade(request, socket, head, (ws) => server.emit('connection', ws, request)))
http.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 }, () => listening(http))
