/** The bound: every message goes to everybody else on the same path, and nothing else happens. */
import { createServer } from 'node:http'
import { type WebSocket, WebSocketServer } from 'ws'
import { listening } from './listening.ts'

const rooms = new Map<string, Set<WebSocket>>()
const http = createServer()
const server = new WebSocketServer({ server: http, perMessageDeflate: false })
server.on('connection', (ws, { url = '' }) => {
  const room = rooms.get(url) ?? new Set()
  rooms.set(url, room.add(ws))
  ws.on('message', (data) => {
    for (const other of room) if (other !== ws) other.send(data)
  })
  ws.on('close', () => room.delete(ws))
})
http.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 }, () => listening(http))
